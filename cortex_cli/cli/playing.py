"""Plays a run that is kept: draws it as it was seen live."""

import os
import sys
import time
from typing import TYPE_CHECKING

from cortex_cli.cli.recalling import Recalled
from cortex_cli.cli.terminal import Terminal

if TYPE_CHECKING:
    from cortex_cli.ui.display import Display
    from cortex_cli.ui.run_view import RunView


def play_run(terminal: Terminal, recalled: Recalled, speed: float) -> None:
    """Draw the run again on standard error, then its summary; plain lines where panels can't be."""
    from cortex_cli.ui.line import print_lines
    from cortex_cli.ui.playback import paced
    from cortex_cli.ui.run_view import RunView
    from cortex_cli.ui.summary import summary

    view = RunView()
    display = _display(terminal, view)
    display.start()
    try:
        due = time.monotonic()
        for pause, at, event in paced(recalled.events(), speed):
            due += pause
            time.sleep(max(0.0, due - time.monotonic()) if pause else 0.0)
            if event is None:
                display.tick(at)
            else:
                display.handle(event)
    finally:
        display.close()
    theme = terminal.theme(error=True)
    terminal.say(lambda console: print_lines(console, summary(view, theme, max(40, console.width))))


def _display(terminal: Terminal, view: "RunView") -> "Display":
    from cortex_cli.ui.live import LiveDisplay
    from cortex_cli.ui.plain import PlainDisplay
    from cortex_cli.ui.theme import is_dumb

    theme = terminal.theme(error=True)
    if sys.stderr.isatty() and not is_dumb(os.environ):
        return LiveDisplay(terminal.console(error=True), theme, view)
    return PlainDisplay(sys.stderr, theme, view)
