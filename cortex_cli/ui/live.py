"""Live panels on a terminal that can move its cursor."""

from typing import TYPE_CHECKING

from rich.console import Group

from cortex_cli.events import Event
from cortex_cli.ui.frame import frame
from cortex_cli.ui.theme import Theme
from cortex_cli.ui.view import RunView, fold

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

FRAMES_PER_SECOND = 8

# Synchronised output: the terminal shows the frame when it is whole. Others ignore these.
_BEGIN_FRAME = "\x1b[?2026h"
_END_FRAME = "\x1b[?2026l"


class LiveDisplay:
    """Draws the run in place, at most eight times a second; leaves nothing behind when closed."""

    def __init__(self, console: "Console", theme: Theme, view: RunView | None = None) -> None:
        """`console` is one that `theme.make_console` made, on a terminal that isn't dumb."""
        self.view = view or RunView()
        self._console = console
        self._theme = theme
        self._drawn_at = float("-inf")
        self._live = self._panels()

    def _panels(self) -> "Live":
        from rich.live import Live

        return Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def start(self) -> None:
        """Hide the cursor; the first tick draws, beneath what stands on the screen by then."""
        # A new one knows of no earlier frame, which it would go back over.
        self._live = self._panels()
        self._live.start()

    def handle(self, event: Event) -> None:
        """Take one event in; the next tick shows it."""
        fold(self.view, event)

    def tick(self, now: float, /) -> None:
        """Draw, unless the last frame is younger than an eighth of a second."""
        if (
            not self._console.is_interactive
            or 0 <= now - self._drawn_at < 1 / FRAMES_PER_SECOND - 0.001
        ):
            return
        self._drawn_at = now
        width, height = self._console.size
        # One line less than the screen has: the cursor stands below the last one.
        lines = frame(self.view, self._theme, now, width, height - 1)
        self._console.file.write(_BEGIN_FRAME)
        self._live.update(Group(*lines), refresh=True)
        self._console.file.write(_END_FRAME)
        self._console.file.flush()

    def close(self) -> None:
        """Take the panels off the screen and show the cursor again."""
        self._live.stop()
