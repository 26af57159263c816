"""Events on their way out: numbered, dated, written down, then published."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from cortex_cli.engine.ports import Clock, Journal
from cortex_cli.events import Event

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


class Bus:
    """Makes the events of one run, in order.

    Each is given to the journal before any listener sees it. Listeners are called at once and
    must neither block nor raise.
    """

    def __init__(self, execution_id: str, clock: Clock, journal: Journal | None) -> None:
        self.execution_id = execution_id
        self._now = clock.now
        # Both clocks run together, so one of them is enough.
        self._offset = clock.wall() - clock.now()
        self._journal = journal
        self._sequence = 0
        self._listeners: list[Listener] = []
        self._second: int = -1
        self._prefix = self._stamp = ""
        self._since = self._until = 0.0

    def listen(self, listener: Listener) -> None:
        """Hand every further event to the listener."""
        self._listeners.append(listener)

    def run_event(self, kind: Callable[..., Event], stamp: Stamp, data: Any) -> None:
        """Publish an event about a run as a whole."""
        self._sequence += 1
        self._publish(
            kind(
                schema=1,
                sequence=self._sequence,
                timestamp=self._format(self._now() + self._offset),
                execution_id=self.execution_id,
                iteration=stamp.iteration,
                path=stamp.path,
                data=data,
            )
        )

    def action_event(
        self,
        kind: Callable[..., Event],
        stamp: Stamp,
        action: Named,
        data: Any,
        now: float | None = None,
    ) -> None:
        """Publish an event about an action; `now` is the run's clock, where the caller knows it."""
        self._sequence += 1
        seconds = (self._now() if now is None else now) + self._offset
        self._publish(
            kind(
                schema=1,
                sequence=self._sequence,
                timestamp=self._stamp
                if self._since <= seconds < self._until
                else self._format(seconds),
                execution_id=self.execution_id,
                iteration=stamp.iteration,
                path=stamp.path,
                action_id=action.id,
                action_name=action.name,
                data=data,
            )
        )

    def _format(self, seconds: float) -> str:
        """A moment as RFC 3339; good for all others of its millisecond."""
        milliseconds = int(seconds * 1000)
        self._since, self._until = milliseconds / 1000, (milliseconds + 1) / 1000
        second, rest = divmod(milliseconds, 1000)
        if second != self._second:
            self._second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        self._stamp = f"{self._prefix}{rest:03d}Z"
        return self._stamp

    def _publish(self, event: Event) -> None:
        if self._journal is not None:
            self._journal.append(event)
        for listener in self._listeners:
            listener(event)
