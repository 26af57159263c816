"""The tasks of a run: long-lived workers that perform one attempt after another.

A worker has one cancel scope for all its jobs; one that was cancelled is spent and replaced. Time
limits are kept beside it, because moving the deadline of a scope costs a handle of the event loop
each time. A job's failure is a value that it ends with, never an exception.
"""

from collections import deque

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from cortex_cli.engine.cancellation import is_being_cancelled
from cortex_cli.engine.clock import Bell, bells
from cortex_cli.engine.job import Broken, Done, Halted, Job, Result, Stopped, TimedOut
from cortex_cli.engine.time_limits import TimeLimits
from cortex_cli.engine.timers import Timers
from cortex_cli.errors import ActionError

_BREATH = 32


class WorkerPool:
    """Starts no more workers than there are jobs at once; they live as long as the task group."""

    def __init__(self, tasks: TaskGroup, timers: Timers) -> None:
        self._tasks = tasks
        self._limits = TimeLimits(timers)
        self._jobs: deque[Job] = deque()
        self._idle: list[Bell] = []
        self._new_bell = bells()
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
            bell = self._idle.pop()
            # One whose worker has been cancelled is done: then all of them are being.
            if not bell.done():
                bell.set_result(None)
        else:
            self._tasks.start_soon(self._work)

    async def _work(self) -> None:
        while True:
            await self._serve()
            self._coming += 1

    async def _serve(self) -> None:
        """Take jobs until the cancel scope is spent. Counts as coming when called."""
        job: Job | None = None
        try:
            with anyio.CancelScope() as scope:
                while not scope.cancel_called:
                    job = None
                    job = self._next_nowait() or await self._next()
                    result = await self._attempt(job, scope)
                    finished, job = job, None
                    # It looks for a job next, so what the report makes ready needs no other.
                    self._coming += 1
                    finished.on_end(result)
                self._coming -= 1
        except anyio.get_cancelled_exc_class():
            if job is not None:
                job.on_end(Halted())
            while self._jobs:
                self._jobs.popleft().on_end(Halted())
            raise
        if job is not None:
            self._coming += 1
            job.on_end(Stopped() if job.is_stopped else TimedOut())
            self._coming -= 1

    def _next_nowait(self) -> Job | None:
        self._taken += 1
        if not self._jobs or self._taken % _BREATH == 0:
            return None
        self._coming -= 1
        return self._jobs.popleft()

    async def _next(self) -> Job:
        if self._jobs:
            # Work that never suspends must not keep timers and viewers from running.
            await anyio.lowlevel.checkpoint()
        while not self._jobs:
            self._coming -= 1
            bell = self._new_bell()
            self._idle.append(bell)
            await bell
        self._coming -= 1
        return self._jobs.popleft()

    async def _attempt(self, job: Job, scope: anyio.CancelScope) -> Result:
        if job.is_stopped:
            return Stopped()
        job.scope = scope
        call = job.call
        prepare = getattr(job.handler, "prepare", None)
        try:
            if prepare is not None:
                await prepare(call)
            if call.timeout is not None:
                self._limits.watch(job, call.timeout)
            return Done(await job.handler.run(call))
        except ActionError as error:
            return Broken(error)
        except anyio.get_cancelled_exc_class():
            if scope.cancel_called or is_being_cancelled():
                raise
            # The work was waiting for something that somebody else has cancelled.
            return Broken(ActionError("it was cancelled from within", error_type="cancelled"))
        finally:
            job.scope = None
            if call.timeout is not None:
                self._limits.leave(job)
