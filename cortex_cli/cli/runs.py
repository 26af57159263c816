"""`cortex runs`: the runs that are kept, and what is different between two of them."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from cortex_cli.cli.comparing import print_diff
from cortex_cli.cli.options import ColorOption, Debug, Format, FormatOption, Json
from cortex_cli.cli.recalling import kept_runs, recall
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import UsageError
from cortex_cli.ids import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cortex_cli.ui.run_list import RunEntry, Wanted

StateOption = Annotated[
    list[str] | None,
    typer.Option("--state", metavar="STATE", help="Only runs in that state; several times: or."),
]
NameOption = Annotated[
    str | None, typer.Option("--name", help="Only runs whose name holds this text.")
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Only runs since then: 2h, 2026-01-31."),
]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.", min=1)]
First = Annotated[str, typer.Argument(metavar="A", help="The run before.")]
Second = Annotated[str, typer.Argument(metavar="B", help="The run after.")]


app = typer.Typer(invoke_without_command=True)


@app.callback()
def command(
    ctx: typer.Context,
    state: StateOption = None,
    name: NameOption = None,
    since: SinceOption = None,
    limit: LimitOption = 50,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    debug: Debug = False,
) -> None:
    """List the runs that are kept, the latest first."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug, json=as_json, form=form, color=color)
    if ctx.invoked_subcommand is None:
        print_runs(terminal, kept_runs(), wanted_runs(state, name, since, limit))


@app.command("diff")
def diff_command(
    ctx: typer.Context,
    first: First,
    second: Second,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    debug: Debug = False,
) -> None:
    """Show what is different between two runs, action by action."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug, json=as_json, form=form, color=color)
    print_diff(terminal, recall(first), recall(second))


@app.command("rm")
def rm_command(
    ctx: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="The runs to delete.")],
    debug: Debug = False,
) -> None:
    """Delete runs, with all that was kept of them."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug)
    from cortex_cli.session.kept_run import run_store

    store = run_store(os.environ, command="cortex runs rm")
    for run_id in [store.find(name) for name in runs]:
        store.remove(run_id)
        terminal.write(f"deleted {run_id}\n")


@app.command("prune")
def prune_command(
    ctx: typer.Context,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="WHEN", help="Those begun before: 30d, 2026-01-31."),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", metavar="N", help="All but the latest N.", min=0),
    ] = None,
    debug: Debug = False,
) -> None:
    """Delete old runs; those that are running, or can't be read, stay."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug)
    from cortex_cli.engine.clock import wall_seconds
    from cortex_cli.session.kept_run import run_store
    from cortex_cli.ui.run_list import since_when

    if older_than is None and keep is None:
        message = "say which runs are old"
        raise UsageError(message, hint="--older-than 30d, or --keep 20")
    moment = None if older_than is None else since_when(older_than, wall_seconds(), None)
    store = run_store(os.environ, command="cortex runs prune")
    removed = store.prune(older_than=moment, keep=keep)
    terminal.write(f"deleted {len(removed)} run{'' if len(removed) == 1 else 's'}\n")


def wanted_runs(
    states: list[str] | None, name: str | None, since: str | None, limit: int
) -> "Wanted":
    """The filter that the options describe; UsageError for what is no state or no moment."""
    from cortex_cli.engine.clock import wall_seconds
    from cortex_cli.ui.about_run import RunState
    from cortex_cli.ui.run_list import Wanted, since_when

    known = [state.value for state in RunState]
    for state in states or []:
        if state not in known:
            message = f"--state {state!r:.80}: a run is never in that state"
            raise UsageError(message, hint=did_you_mean(state, known) or ", ".join(known))
    kept = tuple(RunState(state) for state in states or [])
    moment = None if since is None else since_when(since, wall_seconds(), None)
    return Wanted(states=kept, name=name, since=moment, most=limit)


def print_runs(terminal: Terminal, entries: "Iterable[RunEntry]", wanted: "Wanted") -> None:
    """Print those of the runs that are wanted, the latest first."""
    from cortex_cli.ui.line import print_lines
    from cortex_cli.ui.run_list import select
    from cortex_cli.ui.run_table import run_lines

    kept = select(entries, wanted)
    if terminal.json:
        terminal.write_json({"runs": kept})
        return
    console = terminal.console()
    with console.capture() as capture:
        print_lines(console, run_lines(kept, terminal.theme(), max(40, console.width), None))
    terminal.write(capture.get())
