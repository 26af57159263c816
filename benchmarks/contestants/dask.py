"""dask.distributed: a graph of coroutine functions on a cluster inside this process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

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
    """A scheduler and a worker without a dashboard, with as many threads as slots.

    The graph is given as a dictionary, which costs less than `delayed` or `submit`. All keys
    begin alike: dask keeps statistics of each beginning, up to the hyphen.
    """
    _performing["now"] = perform
    graph = {
        f"act-{number}": (act, number, *(f"act-{parent}" for parent in waits))
        for number, waits in enumerate(workload.waits)
    }
    wanted = [f"act-{number}" for number in workload.sinks()]
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
            await client.gather(client.get(graph, wanted, sync=False))

        yield run
