"""One attempt as a worker sees it: what to do, and how that has ended."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from cortex_cli.engine.ports import ActionCall, Handler
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


class Job(msgspec.Struct, eq=False):
    """One attempt: who performs it, what that is to do, and whom to tell how it ended.

    While it runs it has the scope that cancels it; `deadline` is on the run's clock, and `timer`
    what ends it then, once it has one.
    """

    handler: Handler
    call: ActionCall
    on_end: Callable[[Result], None]
    scope: "anyio.CancelScope | None" = None
    timer: "Timer | None" = None
    deadline: float = 0.0
    is_stopped: bool = False

    def stop(self) -> None:
        """Cancel the work if it runs, and keep it from beginning if it doesn't yet."""
        self.is_stopped = True
        self.time_out()

    def time_out(self) -> None:
        """Cancel the work if it runs: its time is up."""
        if self.scope is not None:
            self.scope.cancel()


class Pool(Protocol):
    """Who performs jobs."""

    def submit(self, job: Job) -> None:
        """Have somebody take the job; returns at once."""
        ...
