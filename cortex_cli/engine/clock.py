"""The clock of the event loop, and the time of day that goes with it."""

import asyncio
import time
from collections.abc import Callable, Generator
from typing import Any, Protocol

from cortex_cli.engine.ports import Soon


class LoopClock:
    """Seconds of the running event loop; a virtual loop clock makes virtual time of day.

    Make it inside the loop: the time of day is read once, so that it never jumps during a run.
    It can be read from any thread.
    """

    def __init__(self) -> None:
        self.now = _time_source()
        """Seconds on the loop's clock, whose zero is arbitrary."""
        self._offset = time.time() - self.now()

    def wall(self) -> float:
        """Seconds since 1970."""
        return self.now() + self._offset


def wall_seconds() -> float:
    """Seconds since 1970, outside of any event loop."""
    return time.time()


class LoopEvent(Protocol):
    """Something that tasks of one event loop wait for, until it is set."""

    def set(self) -> object: ...
    def is_set(self) -> bool: ...
    async def wait(self) -> object: ...


def loop_event() -> LoopEvent:
    """An event of the running event loop's own, which costs a fraction of anyio's to make."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        import trio

        return trio.Event()
    return asyncio.Event()


class Bell(Protocol):
    """What one task awaits, once, until it is given its result, None; asyncio's future is one."""

    def done(self) -> bool: ...
    def set_result(self, result: None, /) -> object: ...
    def __await__(self) -> Generator[Any, None, None]: ...


class _TrioBell:
    def __init__(self) -> None:
        import trio

        self._event = trio.Event()

    def done(self) -> bool:
        return self._event.is_set()

    def set_result(self, _: None, /) -> None:
        self._event.set()

    def __await__(self) -> Generator[Any, None, None]:
        return self._event.wait().__await__()


def bells() -> Callable[[], Bell]:
    """What makes bells of the running event loop; they cost a half of its events."""
    try:
        return asyncio.get_running_loop().create_future
    except RuntimeError:
        return _TrioBell


def call_soon() -> Soon:
    """How to have a function called in the running event loop soon, from any thread.

    Once that loop has ended, calling it raises RuntimeError.
    """
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        import trio

        return trio.lowlevel.current_trio_token().run_sync_soon


def _time_source() -> Callable[[], float]:
    """What the running loop takes its time from; anyio's own question costs ten times as much."""
    try:
        loop = asyncio.get_running_loop()
        # Unless it is a loop with a time of its own, it calls nothing but this.
        is_plain = type(loop).time is asyncio.BaseEventLoop.time
        return time.monotonic if is_plain else loop.time
    except RuntimeError:
        import trio

        return trio.lowlevel.current_clock().current_time
