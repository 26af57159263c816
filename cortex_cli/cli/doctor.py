"""`cortex doctor`: what is installed, and what of cortex works on this machine."""

from typing import TYPE_CHECKING

import typer

from cortex_cli.cli.options import ColorOption, Debug, Json
from cortex_cli.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_cli.session.diagnosis import Check

_STYLES = {"ok": "green", "note": "yellow", "error": "bold red"}


def command(
    ctx: typer.Context, as_json: Json = False, color: ColorOption = None, debug: Debug = False
) -> None:
    """Say what is installed and usable here, and how to get what is not."""
    from cortex_cli.session.diagnosis import diagnose

    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug, json=as_json, color=color)
    checks = diagnose()
    if terminal.json:
        terminal.write_json({"checks": checks})
    else:
        _print(terminal, checks)
    if any(check.status == "error" for check in checks):
        raise typer.Exit(3)


def _print(terminal: Terminal, checks: "Sequence[Check]") -> None:
    from rich.text import Text

    console, theme = terminal.console(), terminal.theme()
    with console.capture() as capture:
        for check in checks:
            line = Text(f"{check.status:<6}", style=_STYLES[check.status])
            line.append(f"{check.name:<18}", style="bold")
            line.append(theme.line(check.found))
            if check.hint:
                line.append(f"\n{'':24}{theme.line(check.hint)}", style="dim")
            console.print(line, soft_wrap=True)
    terminal.write(capture.get())
