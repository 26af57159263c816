"""A part of a run that was recorded: its events, and how far a replay has come."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cortex_cli.engine.likeness import described, difference
from cortex_cli.engine.past import Key
from cortex_cli.engine.ports import Soon
from cortex_cli.errors import CortexError, MissError
from cortex_cli.events import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionStarted,
    AgentEnded,
    AgentFailed,
    AgentPaused,
    AgentStarted,
    Event,
    Termination,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Half a millisecond later, so that no rounding gives the millisecond before; a fraction that
# floats have, so that what is added to it is not rounded.
_HALF = 2.0**-11
_LONGEST = 1e9
"""Seconds that an attempt may have taken, some thirty years."""


class CutOffError(Exception):
    """The record ends in the middle, because the process that wrote it did."""


class Recorded:
    """The events of one part, in order; `place` is how many of them the replay has come to.

    It is the replay's journal, where each event that is made is held against the next of the
    record, and its clock, which shows the time of that one. `is_cut`: the last event is not there.
    `ending` is why the run ended.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        """At least one event, the first of which begins the part."""
        self.events = events
        self.place = 0
        self._starts: dict[Key, float] = {}
        self._missed: MissError | None = None
        self._base = _moment(events[0])
        ends = (e for e in events if isinstance(e, Termination) and not e.path)
        self.ending = next((event.data.reason for event in ends), None)
        last = events[-1]
        self.is_cut = bool(last.path) or not isinstance(last, AgentEnded)

    @property
    def expected(self) -> Event | None:
        """The event that comes next; None once all have come."""
        return self.events[self.place] if self.place < len(self.events) else None

    def now(self) -> float:
        """Seconds since the part began, at the event that comes next."""
        event = self.expected or self.events[-1]
        if isinstance(event, ActionCompleted | ActionFailed | ActionCancelled):
            started = self._starts.get((event.path, event.action_id))
            if started is not None:
                # A record that somebody has changed may say anything.
                return started + min(max(event.data.duration_seconds, 0.0), _LONGEST)
        return _moment(event) - self._base + _HALF

    def wall(self) -> float:
        """Seconds since 1970, then."""
        return self._base + self.now()

    def append(self, event: Event) -> bool:
        """Hold an event against the next of the record; MissError if it is another."""
        if self._missed is not None:
            # Whoever calls may take the first for the failure of an action.
            raise self._missed
        expected = self.expected
        if expected is None:
            if self.is_cut:
                raise CutOffError
            message = f"the record ends there, and the run goes on with {described(event)}"
            raise self.miss(event, message)
        found = difference(expected, event)
        if found is not None:
            raise self.miss(event, found)
        if isinstance(expected, AgentStarted):
            size = len(expected.path)
            self._starts = {k: t for k, t in self._starts.items() if k[0][:size] != expected.path}
        elif isinstance(expected, ActionStarted):
            self._starts.setdefault((expected.path, expected.action_id), self.now())
        self.place += 1
        return True

    def watch(
        self, soon: Soon, written: Callable[[int], None], failed: Callable[[CortexError], None]
    ) -> None:
        """Keep nothing of it: there is nothing that could fail."""

    def stuck(self) -> MissError:
        """The error of a run that does not come to the next event."""
        expected = self.expected or self.events[-1]
        message = f"the record has {described(expected)}, and the run does not come to it"
        return self.miss(expected, message)

    def miss(self, event: Event, message: str) -> MissError:
        """The error of a difference, at the next event."""
        sequence = self.events[min(self.place, len(self.events) - 1)].sequence
        self._missed = MissError(
            f"event {sequence}: {message}",
            sequence=sequence,
            path=event.path,
            action_id=event.action_id,
        )
        return self._missed

    def ahead(self, key: Key | None = None) -> Iterator[Event]:
        """The events from the next one on, all or those about an action."""
        for place in range(self.place, len(self.events)):
            event = self.events[place]
            if key is None or (event.path, event.action_id) == key:
                yield event

    def error_of(self, path: tuple[str, ...]) -> str:
        """The error with which the run at a path fails or is paused; empty if it doesn't."""
        ends = (e for e in self.ahead() if isinstance(e, AgentFailed | AgentPaused))
        event = next((end for end in ends if end.path == path), None)
        return "" if event is None else event.data.error or ""

    def next_of(self, key: Key, *kinds: type[Any]) -> Any:
        """The next event of some kinds about an action; None if there is none."""
        return next((event for event in self.ahead(key) if isinstance(event, kinds)), None)


def _moment(event: Event) -> float:
    """Seconds since 1970, in a fraction that floats have."""
    moment = datetime.fromisoformat(event.timestamp).astimezone(UTC)
    milliseconds = round((moment - _EPOCH).total_seconds() * 1000)
    return round(milliseconds * 2.0**20 / 1000) / 2.0**20


def parts_of(events: Sequence[Event]) -> list[Sequence[Event]]:
    """The parts of a run that was resumed, each from its first event to its last."""
    begins = [
        place
        for place, event in enumerate(events)
        if isinstance(event, AgentStarted) and not event.path
    ]
    return [events[a:b] for a, b in zip(begins, [*begins[1:], len(events)], strict=True)]
