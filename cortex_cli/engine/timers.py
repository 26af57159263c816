"""Moments at which something is to be done: the ends of waits, deadlines, periods of grace."""

from collections.abc import Callable
from heapq import heappop, heappush

import anyio


class Timer:
    """One moment; `stop` takes it back."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def stop(self) -> None:
        """Never call the action."""
        self.action = None


class Timers:
    """One task that calls each action at its moment, in order."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._changed = anyio.Event()

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Have the action called in so many seconds; it must not raise."""
        self._count += 1
        timer = Timer(action)
        heappush(self._heap, (anyio.current_time() + seconds, self._count, timer))
        if self._heap[0][2] is timer:
            self._changed.set()
        return timer

    async def run(self) -> None:
        """Serve the timers until cancelled."""
        while True:
            self._changed = anyio.Event()
            self._call_due()
            with anyio.CancelScope() as scope:
                if self._heap:
                    scope.deadline = self._heap[0][0]
                await self._changed.wait()

    def _call_due(self) -> None:
        while self._heap and (
            self._heap[0][2].action is None or self._heap[0][0] <= anyio.current_time()
        ):
            action = heappop(self._heap)[2].action
            if action is not None:
                action()
