"""dask.distributed: delayed coroutine functions on a cluster inside this process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dask import delayed
from dask.distributed import Client, LocalCluster

from benchmarks.contestants import Run
from benchmarks.record import Perform
from benchmarks.workloads import Workload

# Tasks are pickled, also within one process, so what they call is found by name.
_performing: dict[str, Perform] = {}


async def act(number: int, *_waited: int) -> int:
    """Perform the action of that number."""
    return await _performing["now"](number)


@asynccontextmanager
async def prepare(workload: Workload, perform: Perform) -> AsyncGenerator[Run]:
    """A scheduler and a worker without a dashboard, with as many threads as slots."""
    _performing["now"] = perform
    make = delayed(act, pure=False)
    tasks = []
    for number, waits in enumerate(workload.waits):
        waited = [tasks[parent] for parent in waits]
        tasks.append(make(number, *waited, dask_key_name=f"act-{number}"))
    wanted = [tasks[number] for number in workload.sinks()]
    async with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=workload.slots,
            processes=False,
            dashboard_address=None,
            asynchronous=True,
        ) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):

        async def run() -> None:
            await client.gather(client.compute(wanted))

        yield run
