"""One attempt as a worker sees it: what to do, and how that has ended."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from cortex_cli.errors import ActionError

if TYPE_CHECKING:
    import anyio

    from cortex_cli.engine.timers import Timer


class Done(msgspec.Struct, frozen=True):
    """The work has returned."""

    output: Any


class Broken(msgspec.Struct, frozen=True):
    """The work has failed in a way that the user can read."""

    error: ActionError


class TimedOut(msgspec.Struct, frozen=True):
    """The work was ended by its deadline."""


class Stopped(msgspec.Struct, frozen=True):
    """The work was ended, or not begun, because somebody asked for it."""


class Halted(msgspec.Struct, frozen=True):
    """The work was ended because the task that hosts the run is being cancelled."""


Result = Done | Broken | TimedOut | Stopped | Halted


class Job:
    """One attempt: what to do, for how long at most (seconds), and whom to tell how it ended.

    While it runs it has the scope that cancels it; `deadline` is on the run's clock, and `timer`
    what ends it then, once it has one.
    """

    __slots__ = ("deadline", "is_stopped", "on_end", "scope", "timeout", "timer", "work")

    def __init__(
        self,
        work: Callable[[], Awaitable[Any]],
        timeout: float | None,
        on_end: Callable[[Result], None],
    ) -> None:
        self.work = work
        self.timeout = timeout
        self.on_end = on_end
        self.scope: anyio.CancelScope | None = None
        self.timer: Timer | None = None
        self.deadline = 0.0
        self.is_stopped = False

    def stop(self) -> None:
        """Cancel the work if it runs, and keep it from beginning if it doesn't yet."""
        self.is_stopped = True
        self.time_out()

    def time_out(self) -> None:
        """Cancel the work if it runs: its time is up."""
        if self.scope is not None:
            self.scope.cancel()
