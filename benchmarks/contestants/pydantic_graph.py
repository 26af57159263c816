"""pydantic-graph: a step per action, a join before each that waits for several."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from pydantic_graph import GraphBuilder, StepContext, reduce_null

from benchmarks.contestants import Run
from benchmarks.record import Perform
from benchmarks.workloads import Workload

Context = StepContext[None, None, None]


@asynccontextmanager
async def prepare(workload: Workload, perform: Perform) -> AsyncGenerator[Run]:
    """Built once, without instrumentation."""
    slots = asyncio.Semaphore(workload.slots)

    def function(number: int) -> Callable[[Context], Awaitable[None]]:
        async def act(_context: Context) -> None:
            async with slots:
                await perform(number)

        return act

    builder = GraphBuilder(auto_instrument=False)
    steps = [
        builder.step(function(number), node_id=f"a{number}") for number in range(len(workload))
    ]
    entries = [
        step if len(waits) < 2 else builder.join(reduce_null, initial=None, node_id=f"j{number}")
        for number, (step, waits) in enumerate(zip(steps, workload.waits, strict=True))
    ]
    last = builder.join(reduce_null, initial=None, node_id="last")
    roots = [entries[number] for number, waits in enumerate(workload.waits) if not waits]
    builder.add(builder.edge_from(builder.start_node).to(*roots))
    for step, entry, children in zip(steps, entries, workload.children(), strict=True):
        if entry is not step:
            builder.add(builder.edge_from(entry).to(step))
        builder.add(builder.edge_from(step).to(*([entries[child] for child in children] or [last])))
    builder.add(builder.edge_from(last).to(builder.end_node))
    graph = builder.build()

    async def run() -> None:
        await graph.run()

    yield run
