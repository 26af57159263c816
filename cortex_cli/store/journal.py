"""Journals: where the events of a run are written down before anyone sees them."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cortex_cli.errors import CortexError
from cortex_cli.events import Event

if TYPE_CHECKING:
    from cortex_cli.engine.ports import Soon


class MemoryJournal:
    """A journal that lives as long as the process and keeps every event, in order."""

    def __init__(self) -> None:
        """The journal of one run, empty."""
        self._events: list[Event] = []
        self._next: int | None = None

    def append(self, event: Event) -> bool:
        """Keep the event, as durable as it gets; ValueError if it doesn't follow the last one."""
        sequence = event.sequence
        if sequence != self._next and self._next is not None:
            message = f"event {sequence} was written where {self._next} was due"
            raise ValueError(message)
        self._next = sequence + 1
        self._events.append(event)
        return True

    def watch(
        self, soon: "Soon", written: Callable[[int], None], failed: Callable[[CortexError], None]
    ) -> None:
        """Keep nothing of it: no event becomes durable later."""

    def __iter__(self) -> Iterator[Event]:
        """All events so far, first to last."""
        return iter(self._events)

    def __len__(self) -> int:
        """How many events there are."""
        return len(self._events)

    def since(self, sequence: int) -> list[Event]:
        """The events after the one numbered `sequence`, first to last."""
        start = bisect_right(self._events, sequence, key=_sequence)
        return self._events[start:]


def _sequence(event: Event) -> int:
    return event.sequence
