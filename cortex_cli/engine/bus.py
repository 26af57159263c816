"""Events on their way out: numbered, dated, written down, then published."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from cortex_cli.engine.masking import Masker
from cortex_cli.engine.ports import Clock, Journal, Soon
from cortex_cli.errors import CortexError
from cortex_cli.events import Event
from cortex_cli.unseen import Unseen

Listener = Callable[[Event], None]


class Named(Protocol):
    """An action, as its events name it."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


class Stamp:
    """Where in a run an event happens: the path and iteration of a nested run."""

    __slots__ = ("iteration", "path")

    def __init__(self, path: tuple[str, ...], iteration: int = 0) -> None:
        self.path = path
        self.iteration = iteration


class _Deed(Struct, frozen=True):
    """What is done once all events up to a number are durable, or can't become so any more."""

    sequence: int
    action: Callable[[CortexError | None], object]


class Bus:
    """Makes the events of one run, in order.

    Each is given to the journal at once, and to the listeners once it is durable, and so is
    everything before it. If the run has secrets, it is masked first. Listeners are called in order
    and must neither block nor raise.
    """

    def __init__(
        self,
        execution_id: str,
        clock: Clock,
        journal: Journal | None,
        masker: Masker | None = None,
        *,
        after: int = 0,
    ) -> None:
        """The first event gets the number that follows `after`."""
        self.execution_id = execution_id
        self.masker = masker
        self._now = clock.now
        # Both clocks run together, so one of them is enough.
        self._offset = clock.wall() - clock.now()
        self._journal = journal
        self._sequence = after
        # Events to be shown once they are durable, and what is to be done then, in order.
        self._held: deque[Event | _Deed] = deque()
        self._fail: Callable[[CortexError], None] | None = None
        self._listeners: list[Listener] = []
        self._second: int = -1
        self._unseen: tuple[Unseen, ...] = ()
        self._prefix = self._stamp = ""
        self._since = self._until = 0.0

    def open(self, soon: Soon, fail: Callable[[CortexError], None]) -> None:
        """Begin; `fail` is called once if nothing more can be written down.

        `soon` has a function called by a task of the run, from any thread.
        """
        self._fail = fail
        if self._journal is not None:
            self._journal.watch(soon, self._note_written, self._note_failed)

    @property
    def is_behind(self) -> bool:
        """Whether there are events that are not durable yet."""
        return bool(self._held)

    def when_durable(self, action: Callable[[CortexError | None], object]) -> None:
        """Call it with None once all events so far are durable, or with why they can't be."""
        if self._held:
            self._held.append(_Deed(self._sequence, action))
        else:
            action(None)

    def listen(self, listener: Listener) -> None:
        """Hand every further event to the listener."""
        self._listeners.append(listener)

    def note(self, fact: Unseen) -> None:
        """Have the next event, of whatever, tell of what no event tells of by itself."""
        self._unseen += (fact if self.masker is None else self.masker.fact(fact),)

    def run_event(self, kind: Callable[..., Event], stamp: Stamp, data: Any) -> None:
        """Publish an event about a run as a whole."""
        self._publish(kind(**self._header(stamp), data=data))

    def action_event(
        self,
        kind: Callable[..., Event],
        stamp: Stamp,
        action: Named,
        data: Any,
        now: float | None = None,
    ) -> None:
        """Publish an event about an action; `now` is the run's clock, where the caller knows it."""
        # Most events of a run pass here, so what others do for them stands here as well.
        self._sequence = sequence = self._sequence + 1
        if now is None:
            now = self._now()
        event = kind(
            schema=1,
            sequence=sequence,
            timestamp=self._stamp if self._since <= now < self._until else self._format(now),
            execution_id=self.execution_id,
            iteration=stamp.iteration,
            path=stamp.path,
            unseen=self._unseen,
            action_id=action.id,
            action_name=action.name,
            data=data,
        )
        self._unseen = ()
        if self.masker is not None:
            self._publish(event)
        elif (self._journal is None or self._journal.append(event)) and not self._held:
            for listener in self._listeners:
                listener(event)
        else:
            self._held.append(event)

    def guarded_event(
        self, kind: Callable[..., Event], stamp: Stamp, action: Named, both: tuple[Any, Any]
    ) -> None:
        """Publish an event whose data the journal keeps in full, and the listeners get in part."""
        full, shown = both
        named = {"action_id": action.id, "action_name": action.name}
        event = kind(**self._header(stamp), **named, data=full)
        self._publish(event, replace(event, data=shown))

    def _header(self, stamp: Stamp) -> dict[str, Any]:
        self._sequence += 1
        unseen, self._unseen = self._unseen, ()
        return {
            "schema": 1,
            "sequence": self._sequence,
            "timestamp": self._format(self._now()),
            "execution_id": self.execution_id,
            "iteration": stamp.iteration,
            "path": stamp.path,
            "unseen": unseen,
        }

    def _format(self, now: float) -> str:
        """A moment of the run's clock as RFC 3339; good for all others of its millisecond."""
        milliseconds = int((now + self._offset) * 1000)
        self._since, self._until = now, (milliseconds + 1) / 1000 - self._offset
        second, rest = divmod(milliseconds, 1000)
        if second != self._second:
            self._second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        self._stamp = f"{self._prefix}{rest:03d}Z"
        return self._stamp

    def _publish(self, event: Event, shown: Event | None = None) -> None:
        if self.masker is not None:
            event = self.masker.event(event)
            shown = None if shown is None else self.masker.event(shown)
        is_durable = self._journal is None or self._journal.append(event)
        if is_durable and not self._held:
            for listener in self._listeners:
                listener(shown or event)
        else:
            self._held.append(shown or event)

    def _note_written(self, sequence: int) -> None:
        held, listeners = self._held, self._listeners
        while held and held[0].sequence <= sequence:
            entry = held.popleft()
            if isinstance(entry, _Deed):
                entry.action(None)
            else:
                for listener in listeners:
                    listener(entry)

    def _note_failed(self, error: CortexError) -> None:
        self._journal = None
        while self._held:
            entry = self._held.popleft()
            if isinstance(entry, _Deed):
                entry.action(error)
            else:
                for listener in self._listeners:
                    listener(entry)
        if self._fail is not None:
            self._fail(error)
