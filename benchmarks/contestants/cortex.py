"""cortex, as a program uses it: its whole engine, with functions as tools."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.contestants import Run
from benchmarks.record import Perform
from benchmarks.workloads import Workload
from cortex_cli import Action, ActionType, AgentLoopExecutor, AgentLoopProtocol, RetryPolicy
from cortex_cli.store.journal import MemoryJournal


@asynccontextmanager
async def prepare(workload: Workload, perform: Perform) -> AsyncGenerator[Run]:
    """It is told the graph, not how long actions take: no estimates of its own, no search."""
    plan = [
        Action(
            name=f"a{number}",
            type=ActionType.TOOL,
            target="act",
            parameters={"number": number},
            depends_on=tuple(f"a{parent}" for parent in waits),
            timeout_seconds=60,
            retry=RetryPolicy(max_attempts=3),
        )
        for number, waits in enumerate(workload.waits)
    ]
    executor = AgentLoopExecutor(
        agent_name="benchmark",
        plan=plan,
        protocol=AgentLoopProtocol(max_parallel_actions=workload.slots),
        tool_executor={"act": perform},
    )

    async def run() -> None:
        executor.journal = MemoryJournal()
        async for _event in executor.execute_agent_loop():
            pass

    yield run
