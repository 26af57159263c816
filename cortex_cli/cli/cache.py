"""`cortex cache`: the outputs that are kept to be used again, listed and dropped."""

import os
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cortex_cli.cli.options import Debug, Json
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import UsageError

if TYPE_CHECKING:
    from cortex_cli.store.cache_rows import CacheItem
    from cortex_cli.store.sqlite_cache import SqliteCache

Keys = Annotated[
    list[str],
    typer.Argument(metavar="KEY", help="Keys that cortex cache ls shows, or beginnings of them."),
]

_SHOWN = 12

app = typer.Typer(
    name="cache",
    help="List and drop the outputs that are kept to be used again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("ls")
def list_entries(ctx: typer.Context, as_json: Json = False, debug: Debug = False) -> None:
    """List the cached outputs, the newest first."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(json=as_json, debug=debug)
    with closing(_cache()) as cache:
        items = cache.entries()
    if terminal.json:
        terminal.write_json({"entries": [_facts(item) for item in items]})
    else:
        terminal.write("".join(f"{line}\n" for line in _lines(items)))


@app.command("rm")
def remove(ctx: typer.Context, keys: Keys, as_json: Json = False, debug: Debug = False) -> None:
    """Drop some of the cached outputs."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(json=as_json, debug=debug)
    with closing(_cache()) as cache:
        known = [item.key for item in cache.entries()]
        dropped = cache.remove({_meant(key, known) for key in keys})
    _tell(terminal, dropped)


@app.command("clear")
def clear(ctx: typer.Context, as_json: Json = False, debug: Debug = False) -> None:
    """Drop all cached outputs; a cache that can't be read is made anew."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(json=as_json, debug=debug)
    with closing(_cache()) as cache:
        dropped = cache.clear()
    _tell(terminal, dropped)


def _cache() -> "SqliteCache":
    from cortex_cli.settings import state_folder
    from cortex_cli.store.sqlite_cache import SqliteCache

    return SqliteCache(state_folder(os.environ))


def _tell(terminal: Terminal, dropped: int) -> None:
    if terminal.json:
        terminal.write_json({"removed": dropped})
    else:
        terminal.write(f"dropped {dropped:,} cached {'output' if dropped == 1 else 'outputs'}\n")


def _meant(name: str, known: list[str]) -> str:
    """The one key that begins so; UsageError if there is none, or are several."""
    matches = [key for key in known if name and key.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    what = f"{len(matches):,} cached outputs" if matches else "no cached output"
    message = f"{what} with a key that begins with '{name:.80}'"
    raise UsageError(message, hint="cortex cache ls --json shows the whole keys")


def _facts(item: "CacheItem") -> dict[str, Any]:
    origin, subject = item.origin, item.origin.subject
    return {
        "key": item.key,
        "action": subject.action_id,
        "type": subject.type.value,
        "target": subject.target,
        "operation": subject.operation,
        "bytes": item.size,
        "made_at": origin.made_at,
        "expires_at": origin.expires_at,
        "execution_id": origin.execution_id,
        "parts": origin.parts,
    }


def _lines(items: "list[CacheItem]") -> list[str]:
    """A table, its columns as wide as what they hold."""
    from cortex_cli.ui.sanitise import safe_line

    rows = [_cells(item) for item in items]
    if not rows:
        return []
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    padded = ((cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [safe_line("  ".join(cells).rstrip()) for cells in padded]


def _cells(item: "CacheItem") -> tuple[str, ...]:
    from cortex_cli.engine.clock import wall_seconds
    from cortex_cli.ui.about_run import moment

    origin, subject = item.origin, item.origin.subject
    called = ".".join(part for part in (subject.target, subject.operation) if part)
    what = f"{subject.type.value} {called}".rstrip()
    end = "expired" if origin.is_expired(wall_seconds()) else ""
    return (
        item.key[:_SHOWN],
        subject.action_id,
        what,
        f"{item.size:,} B",
        moment(origin.made_at, None),
        origin.execution_id,
        end,
    )
