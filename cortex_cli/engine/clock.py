"""The clock of the event loop, and the time of day that goes with it."""

import time

import anyio


class LoopClock:
    """Seconds of the running event loop; a virtual loop clock makes virtual time of day.

    Make it inside the loop: the time of day is read once, so that it never jumps during a run.
    """

    def __init__(self) -> None:
        self._offset = time.time() - anyio.current_time()

    def now(self) -> float:
        """Seconds on the loop's clock, whose zero is arbitrary."""
        return anyio.current_time()

    def wall(self) -> float:
        """Seconds since 1970."""
        return anyio.current_time() + self._offset
