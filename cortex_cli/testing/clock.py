"""`FakeClock`: the engine's clock on virtual time."""

import heapq
from itertools import count

import anyio


class FakeClock:
    """Time that stands still until `advance` moves it.

    `now()` starts at 0 and `wall()` at `started_at`, both in seconds; both move together.
    """

    def __init__(self, started_at: float = 1_700_000_000.0) -> None:
        """`started_at` is the wall time at which the clock begins, in seconds since 1970."""
        self._started_at = started_at
        self._now = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, anyio.Event]] = []

    def now(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def wall(self) -> float:
        """Seconds since 1970."""
        return self._started_at + self._now

    async def sleep_until(self, moment: float) -> None:
        """Return once `advance` has brought `now()` to `moment`; at once if it is past."""
        if moment <= self._now:
            await anyio.lowlevel.checkpoint()
            return
        woken = anyio.Event()
        heapq.heappush(self._sleepers, (moment, next(self._order), woken))
        await woken.wait()

    def advance(self, seconds: float) -> None:
        """Move the time on and wake, earliest first, those who have slept long enough."""
        if seconds < 0:
            message = "time does not run backwards"
            raise ValueError(message)
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, woken = heapq.heappop(self._sleepers)
            woken.set()

    @property
    def next_wake(self) -> float | None:
        """The earliest moment that anyone sleeps until, or None."""
        return self._sleepers[0][0] if self._sleepers else None
