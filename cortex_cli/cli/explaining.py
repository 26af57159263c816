"""What a run that goes on keeps and runs again, shown before it does."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cortex_cli.cli.terminal import Terminal
from cortex_cli.session.resumption import AS_IT_WAS, Verdict

if TYPE_CHECKING:
    from rich.console import Console


def explain_resumption(
    terminal: Terminal, verdicts: Sequence[Verdict], *, only_changes: bool = False
) -> None:
    """Say of each action what becomes of it, as a result; or, on the way, of what is run again."""
    if terminal.json and not only_changes:
        terminal.write_json({"actions": verdicts})
        return
    shown = [one for one in verdicts if not only_changes or one.fate not in AS_IT_WAS]
    if not shown or (only_changes and (terminal.quiet or terminal.json)):
        return
    lines = [_line(verdict) for verdict in shown]
    if not only_changes:
        terminal.write("\n".join(lines) + "\n")
        return

    def show(console: "Console") -> None:
        for line in lines:
            console.print(line)

    terminal.say(show)


def _line(verdict: Verdict) -> str:
    from cortex_cli.ui.sanitise import safe_line

    name = "/".join((*verdict.path, verdict.id))
    return safe_line(f"{name}: {verdict.state}; {verdict.fate.why}")
