"""What the command line asks of a display, and the one that shows nothing."""

from typing import Protocol

from cortex_cli.events import Event
from cortex_cli.ui.view import RunView, fold


class Display(Protocol):
    """Shows a run while it happens. It starts no thread and no task: its caller drives it.

    `start` comes first, then `handle` for every event in order and `tick` about eight times a
    second, whether or not anything has happened; `close` comes last, whatever happened before,
    and leaves the terminal as it was. Only the stream's own errors come out of these (OSError,
    ValueError for a closed one), never one about what there is to show.
    """

    def start(self) -> None:
        """Take the stream over."""
        ...

    def handle(self, event: Event) -> None:
        """Take one event in; shown now or with the next tick."""
        ...

    def tick(self, now: float, /) -> None:
        """Show what is new. `now` is in seconds since 1970, as the events' times are."""
        ...

    def close(self) -> None:
        """Show what is left and give the stream back; a second call does nothing."""
        ...


class SilentDisplay:
    """Shows nothing, but keeps the view that a closing summary needs."""

    def __init__(self, view: RunView | None = None) -> None:
        self.view = view or RunView()

    def start(self) -> None: ...

    def handle(self, event: Event) -> None:
        fold(self.view, event)

    def tick(self, now: float, /) -> None: ...

    def close(self) -> None: ...
