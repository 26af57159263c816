"""Time limits: each job at its own deadline, and nothing of those that end before."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from cortex_cli.engine.clock import LoopClock
from cortex_cli.engine.job import Job
from cortex_cli.engine.time_limits import TimeLimits
from cortex_cli.engine.timers import Timers
from cortex_cli.testing import make_call
from tests.engine.bench import Tools


@asynccontextmanager
async def timers() -> AsyncGenerator[Timers]:
    """Timers that are served."""
    made = Timers(LoopClock())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.run)
        yield made
        tasks.cancel_scope.cancel()


def running() -> Job:
    job = Job(Tools(), make_call(), lambda _result: None)
    job.scope = anyio.CancelScope()
    return job


def is_ended(job: Job) -> bool:
    return job.scope is not None and job.scope.cancel_called


async def test_each_job_ends_at_its_own_deadline() -> None:
    async with timers() as served:
        limits = TimeLimits(served)
        jobs = {seconds: running() for seconds in (5, 1, 3, 2)}
        for seconds, job in jobs.items():
            limits.watch(job, seconds)
        for moment in range(1, 6):
            await anyio.sleep(1 if moment > 1 else 1.5)
            assert {seconds for seconds, job in jobs.items() if is_ended(job)} == {
                seconds for seconds in jobs if seconds <= moment
            }


async def test_a_job_that_was_left_is_not_ended_whenever_it_was_left() -> None:
    async with timers() as served:
        limits = TimeLimits(served)
        early, late, other = running(), running(), running()
        for job, seconds in ((other, 1), (early, 2), (late, 2)):
            limits.watch(job, seconds)
        limits.leave(early)
        await anyio.sleep(1.5)
        limits.leave(late)
        await anyio.sleep(10)
        assert [is_ended(job) for job in (other, early, late)] == [True, False, False]


async def test_a_job_watched_after_others_have_ended_has_its_limit_too() -> None:
    async with timers() as served:
        limits = TimeLimits(served)
        limits.watch(running(), 1)
        await anyio.sleep(2)
        job = running()
        limits.watch(job, 3)
        await anyio.sleep(2.5)
        assert not is_ended(job)
        await anyio.sleep(1)
        assert is_ended(job)


async def test_timers_that_were_stopped_are_cleared_away() -> None:
    rung: list[int] = []
    async with timers() as served:
        stopped = [served.after(1, lambda: rung.append(1)) for _ in range(3_000)]
        served.after(2, lambda: rung.append(2))
        for timer in stopped:
            timer.stop()
            timer.stop()
        await anyio.sleep(3)
    assert rung == [2]
