"""Events on their way out: numbered, dated, written down, then published."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cortex_cli.engine.masking import Masker
from cortex_cli.engine.ports import Clock, Journal
from cortex_cli.events import Event
from cortex_cli.protocol.action import Action

Listener = Callable[[Event], None]


class Stamp:
    """Where in a run an event happens: the path and iteration of a nested run."""

    __slots__ = ("iteration", "path")

    def __init__(self, path: tuple[str, ...], iteration: int = 0) -> None:
        self.path = path
        self.iteration = iteration


class Bus:
    """Makes the events of one run, in order.

    Each is given to the journal before any listener sees it, and before that it is masked, if
    the run has secrets. Listeners are called at once and must neither block nor raise.
    """

    def __init__(
        self,
        execution_id: str,
        clock: Clock,
        journal: Journal | None,
        masker: Masker | None = None,
    ) -> None:
        self.execution_id = execution_id
        self.masker = masker
        self._clock = clock
        self._journal = journal
        self._sequence = 0
        self._listeners: list[Listener] = []
        self._millisecond = self._second = -1
        self._prefix = self._stamp = ""

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
                timestamp=self._timestamp(),
                execution_id=self.execution_id,
                iteration=stamp.iteration,
                path=stamp.path,
                data=data,
            )
        )

    def action_event(
        self, kind: Callable[..., Event], stamp: Stamp, action: Action, data: Any
    ) -> None:
        """Publish an event about an action."""
        self._sequence += 1
        self._publish(
            kind(
                schema=1,
                sequence=self._sequence,
                timestamp=self._timestamp(),
                execution_id=self.execution_id,
                iteration=stamp.iteration,
                path=stamp.path,
                action_id=action.id,
                action_name=action.name,
                data=data,
            )
        )

    def _timestamp(self) -> str:
        # On the hot path: formatted anew only when the millisecond has changed.
        milliseconds = int(self._clock.wall() * 1000)
        if milliseconds != self._millisecond:
            self._millisecond = milliseconds
            second, rest = divmod(milliseconds, 1000)
            if second != self._second:
                self._second = second
                self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
            self._stamp = f"{self._prefix}{rest:03d}Z"
        return self._stamp

    def _publish(self, event: Event) -> None:
        if self.masker is not None:
            event = self.masker.event(event)
        if self._journal is not None:
            self._journal.append(event)
        for listener in self._listeners:
            listener(event)
