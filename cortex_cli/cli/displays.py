"""The choice of display for a run, and what is printed once it has ended."""

import os
import sys
from typing import TYPE_CHECKING

from cortex_cli.cli.options import Progress
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import Problem
from cortex_cli.ui.display import Display, SilentDisplay
from cortex_cli.ui.outputs import render_outputs
from cortex_cli.ui.plain import PlainDisplay
from cortex_cli.ui.run_view import RunView
from cortex_cli.ui.theme import is_dumb

if TYPE_CHECKING:
    from rich.console import Console


def progress_display(terminal: Terminal, chosen: Progress, view: RunView) -> Display:
    """What to show on standard error while the run goes on."""
    if chosen is Progress.AUTO:
        chosen = _suitable_progress(terminal)
    if terminal.quiet or chosen is Progress.NONE:
        return SilentDisplay(view)
    theme = terminal.theme(error=True)
    if chosen is Progress.PLAIN:
        return PlainDisplay(sys.stderr, theme, view)
    from cortex_cli.ui.live import LiveDisplay

    return LiveDisplay(terminal.console(error=True), theme, view)


def _suitable_progress(terminal: Terminal) -> Progress:
    """Panels on a terminal that can show them; not where events go to the same one."""
    is_live = sys.stderr.isatty() and not is_dumb(os.environ)
    if terminal.json:
        return Progress.LIVE if is_live and not sys.stdout.isatty() else Progress.NONE
    return Progress.LIVE if is_live else Progress.PLAIN


def print_ending(terminal: Terminal, view: RunView, *, show_summary: bool) -> None:
    """The outputs to standard output, then the summary to standard error.

    In this order, so that where both are one terminal the summary is what is seen last.
    """
    shown = None if view.end is None else view.end.outputs
    if shown:
        terminal.write(render_outputs(shown, is_terminal=sys.stdout.isatty()))
    if terminal.quiet and view.end is not None and view.end.error is not None:
        terminal.print_problems([Problem(code=view.end.error_type or "", message=view.end.error)])
    elif show_summary and not terminal.quiet:
        from cortex_cli.ui.line import print_lines
        from cortex_cli.ui.summary import summary

        theme = terminal.theme(error=True)

        def show(console: "Console") -> None:
            if shown and sys.stdout.isatty() and sys.stderr.isatty():
                console.line()
            print_lines(console, summary(view, theme, max(40, console.width)))

        terminal.say(show)
