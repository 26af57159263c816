"""The tasks of a run: long-lived workers that perform one attempt after another.

A worker has one cancel scope for all its jobs; one that was cancelled is spent and replaced. Time
limits are the timers', which cost a heap entry where moving the deadline of a scope costs a
handle of the event loop. A job's failure is a value that it ends with, never an exception.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from cortex_cli.engine.cancellation import is_being_cancelled
from cortex_cli.engine.timers import Timers
from cortex_cli.errors import ActionError


@dataclass(frozen=True, slots=True)
class Done:
    """The work has returned."""

    output: Any


@dataclass(frozen=True, slots=True)
class Broken:
    """The work has failed in a way that the user can read."""

    error: ActionError


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The work was ended by its deadline."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The work was ended, or not begun, because somebody asked for it."""


@dataclass(frozen=True, slots=True)
class Halted:
    """The work was ended because the task that hosts the run is being cancelled."""


_BREATH = 32

Result = Done | Broken | TimedOut | Stopped | Halted


class Job:
    """One attempt: what to do, for how long at most (seconds), and whom to tell how it ended.

    `before` is done first, if it is given; its time doesn't count.
    """

    __slots__ = ("before", "is_late", "is_stopped", "on_end", "scope", "timeout", "work")

    def __init__(
        self,
        work: Callable[[], Awaitable[Any]],
        timeout: float | None,
        on_end: Callable[[Result], None],
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.before = before
        self.work = work
        self.timeout = timeout
        self.on_end = on_end
        self.scope: anyio.CancelScope | None = None
        self.is_stopped = False
        self.is_late = False

    def stop(self) -> None:
        """Cancel the work if it runs, and keep it from beginning if it doesn't yet."""
        self.is_stopped = True
        if self.scope is not None:
            self.scope.cancel()

    def time_out(self) -> None:
        """Cancel the work: its time is up."""
        self.is_late = True
        if self.scope is not None:
            self.scope.cancel()


class WorkerPool:
    """Starts no more workers than there are jobs at once; they live as long as the task group."""

    def __init__(self, tasks: TaskGroup, timers: Timers) -> None:
        self._tasks = tasks
        self._timers = timers
        self._jobs: deque[Job] = deque()
        self._idle: list[anyio.Event] = []
        # Workers that will look for a job soon: those woken, and the one that is reporting.
        self._coming = 0
        self._taken = 0

    def submit(self, job: Job) -> None:
        """Have a worker take the job; returns at once."""
        self._jobs.append(job)
        if len(self._jobs) <= self._coming:
            return
        self._coming += 1
        if self._idle:
            self._idle.pop().set()
        else:
            self._tasks.start_soon(self._work)

    async def _work(self) -> None:
        while True:
            await self._serve()
            self._coming += 1

    async def _serve(self) -> None:
        """Take jobs until the cancel scope is spent. Counts as coming when called."""
        job: Job | None = None
        result: Result
        try:
            with anyio.CancelScope() as scope:
                while not scope.cancel_called:
                    job = None
                    job = await self._next()
                    result = await self._attempt(job, scope)
                    finished, job = job, None
                    self._report(finished, result)
                    self._coming += 1
                self._coming -= 1
        except anyio.get_cancelled_exc_class():
            if job is not None:
                job.on_end(Halted())
            while self._jobs:
                self._jobs.popleft().on_end(Halted())
            raise
        if job is not None:
            self._report(job, Stopped() if job.is_stopped else TimedOut())

    async def _next(self) -> Job:
        self._taken += 1
        if self._taken % _BREATH == 0:
            # Work that never suspends must not keep timers and viewers from running.
            await anyio.lowlevel.checkpoint()
        while not self._jobs:
            self._coming -= 1
            event = anyio.Event()
            self._idle.append(event)
            await event.wait()
        self._coming -= 1
        return self._jobs.popleft()

    def _report(self, job: Job, result: Result) -> None:
        # This worker looks for a job next, so what the report makes ready needs no other.
        self._coming += 1
        job.on_end(result)
        self._coming -= 1

    async def _attempt(self, job: Job, scope: anyio.CancelScope) -> Result:
        if job.is_stopped:
            return Stopped()
        job.scope = scope
        timer = None
        try:
            if job.before is not None:
                await job.before()
            if job.timeout is not None:
                timer = self._timers.after(job.timeout, job.time_out)
            return Done(await job.work())
        except ActionError as error:
            return Broken(error)
        except anyio.get_cancelled_exc_class():
            if scope.cancel_called or is_being_cancelled():
                raise
            # The work was waiting for something that somebody else has cancelled.
            return Broken(ActionError("it was cancelled from within", error_type="cancelled"))
        finally:
            job.scope = None
            if timer is not None:
                timer.stop()
