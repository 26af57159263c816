"""Moments at which something is to be done: the ends of waits, deadlines, periods of grace."""

from collections import deque
from collections.abc import Callable
from enum import Enum
from functools import partial
from heapq import heapify, heappop, heappush
from math import inf

import anyio

from cortex_cli.engine.clock import call_soon, loop_event
from cortex_cli.engine.ports import Clock, Soon

_FEW = 1_000


class Alarm(Enum):
    """What a moment is for, where a replay must know."""

    TURN = "turn"
    RETRY = "retry"
    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    GRACE = "grace"
    PLAN = "plan"


class Timer:
    """One moment; `stop` takes it back."""

    __slots__ = ("_timers", "action")

    def __init__(self, action: Callable[[], None], timers: "Timers") -> None:
        self.action: Callable[[], None] | None = action
        self._timers = timers

    def stop(self) -> None:
        """Never call the action."""
        if self.action is not None:
            self.action = None
            self._timers.note_stopped()


About = tuple[Alarm, tuple[tuple[str, ...], str] | None]
"""What a moment is for, and the path and id that it is about: of an action, or a nested run."""


class Timers:
    """One task that calls each action at its moment, in order."""

    def __init__(self, clock: Clock) -> None:
        """`clock` says what `now` is."""
        self.now = clock.now
        self._heap: list[tuple[float, int, Timer]] = []
        self._posted: deque[Callable[[], None]] = deque()
        self._count = 0
        self._stopped = 0
        self._changed = loop_event()

    def after(
        self, seconds: float, action: Callable[[], None], _about: "About | None" = None
    ) -> Timer:
        """Have the action called in so many seconds; it must not raise."""
        return self.at(self.now() + seconds, action)

    def at(self, moment: float, action: Callable[[], None]) -> Timer:
        """Have the action called when the run's clock shows that moment; see `after`."""
        self._count += 1
        timer = Timer(action, self)
        heappush(self._heap, (moment, self._count, timer))
        if self._heap[0][2] is timer:
            self._changed.set()
        return timer

    def soon(self) -> "Soon":
        """How to have an action called by the timers' task soon, from any thread."""
        call = call_soon()

        def soon(action: Callable[[], None]) -> object:
            return call(partial(self._post, action))

        return soon

    def _post(self, action: Callable[[], None]) -> None:
        self._posted.append(action)
        self._changed.set()

    def note_stopped(self) -> None:
        """A timer was taken back; when most are, they are cleared away."""
        self._stopped += 1
        if self._stopped > _FEW and self._stopped > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapify(self._heap)
            self._stopped = 0

    async def run(self) -> None:
        """Serve the timers until cancelled."""
        while True:
            self._call_due()
            with anyio.CancelScope() as scope:
                # To enter a scope costs more than to wait: it is left for an earlier moment only.
                moment = scope.deadline = self._next()
                while self._next() >= moment:
                    self._changed = loop_event()
                    await self._changed.wait()
                    self._call_due()

    def _next(self) -> float:
        return self._heap[0][0] if self._heap else inf

    def _call_due(self) -> None:
        while self._posted:
            self._posted.popleft()()
        while self._heap and (self._heap[0][2].action is None or self._heap[0][0] <= self.now()):
            timer = heappop(self._heap)[2]
            action, timer.action = timer.action, None
            if action is None:
                self._stopped -= 1
            else:
                action()
