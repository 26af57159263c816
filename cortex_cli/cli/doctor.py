"""`cortex doctor`: what is installed, and what of cortex works on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from cortex_cli.cli.opening import Opening
from cortex_cli.cli.options import ColorOption, Debug, Json, Root
from cortex_cli.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_cli.session.diagnosis import Check

_STYLES = {"ok": "green", "note": "yellow", "error": "bold red"}


Reached = Annotated[
    str | None,
    typer.Argument(metavar="[M]", help="A manifest: are the tools and relics it reaches well?"),
]


def command(
    ctx: typer.Context,
    manifest: Reached = None,
    root: Root = None,
    as_json: Json = False,
    color: ColorOption = None,
    debug: Debug = False,
) -> None:
    """Say what is installed and usable here, or, with a manifest, whether what it needs is well."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug, json=as_json, color=color)
    opening = Opening(manifest=manifest or ".", root=root)
    checks = _installed(opening) if manifest is None else _reached(opening)
    if terminal.json:
        terminal.write_json({"checks": checks})
    else:
        _print(terminal, checks)
    if any(check.status == "error" for check in checks):
        raise typer.Exit(3)


def _installed(opening: Opening) -> "Sequence[Check]":
    import anyio

    from cortex_cli.session.diagnosis import diagnose
    from cortex_cli.session.server_health import check_servers

    checks = diagnose()
    told = {check.found for check in checks}
    servers = anyio.run(check_servers, opening.request())
    # What is wrong with a setting that holds everywhere is told once.
    return [*checks, *(check for check in servers if check.found not in told)]


def _reached(opening: Opening) -> "Sequence[Check]":
    import anyio

    from cortex_cli.session.health import check_health, open_for_health

    request = opening.request()
    session = open_for_health(request)
    return anyio.run(check_health, session.program, request)


def _print(terminal: Terminal, checks: "Sequence[Check]") -> None:
    from rich.text import Text

    console, theme = terminal.console(), terminal.theme()
    width = max((len(check.name) for check in checks), default=0) + 2
    with console.capture() as capture:
        for check in checks:
            line = Text(f"{check.status:<6}", style=_STYLES[check.status])
            line.append(theme.line(check.name.ljust(width)), style="bold")
            line.append(theme.line(check.found))
            if check.hint:
                line.append(f"\n{'':{width + 6}}{theme.line(check.hint)}", style="dim")
            console.print(line, soft_wrap=True)
    terminal.write(capture.get())
