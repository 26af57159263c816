"""An asyncio loop whose clock jumps to the next timer instead of waiting for it."""

import selectors
from asyncio import SelectorEventLoop
from typing import Any


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing: the time that it should have waited is added to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.now += timeout
        return ready


class VirtualLoop(SelectorEventLoop):
    """For tests that neither use threads nor talk to anything outside."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the loop was made, as it sees it."""
        return self._jumping.now
