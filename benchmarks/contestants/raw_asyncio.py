"""The floor: what asyncio itself costs."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.contestants import Run
from benchmarks.record import Perform
from benchmarks.workloads import Workload


@asynccontextmanager
async def prepare(workload: Workload, perform: Perform) -> AsyncGenerator[Run]:
    """A task per action that waits for the events of others and sets its own."""

    async def run() -> None:
        ended = [asyncio.Event() for _ in workload.waits]
        slots = asyncio.Semaphore(workload.slots)

        async def one(number: int) -> None:
            for parent in workload.waits[number]:
                await ended[parent].wait()
            async with slots:
                await perform(number)
            ended[number].set()

        async with asyncio.TaskGroup() as tasks:
            for number in range(len(workload)):
                tasks.create_task(one(number))

    yield run
