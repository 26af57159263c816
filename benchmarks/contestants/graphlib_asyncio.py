"""The standard library: graphlib's sorter, driven as its documentation shows."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from graphlib import TopologicalSorter

from benchmarks.contestants import Run
from benchmarks.record import Perform
from benchmarks.workloads import Workload


@asynccontextmanager
async def prepare(workload: Workload, perform: Perform) -> AsyncGenerator[Run]:
    """A sorter serves one run, so it is made in the run."""

    async def run() -> None:
        sorter = TopologicalSorter(dict(enumerate(workload.waits)))
        sorter.prepare()
        todo: asyncio.Queue[int] = asyncio.Queue()
        done: asyncio.Queue[int] = asyncio.Queue()

        async def work() -> None:
            while True:
                number = await todo.get()
                await perform(number)
                done.put_nowait(number)

        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(work()) for _ in range(workload.slots)]
            while sorter.is_active():
                for number in sorter.get_ready():
                    todo.put_nowait(number)
                sorter.done(await done.get())
            for worker in workers:
                worker.cancel()

    yield run
