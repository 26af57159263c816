"""LangGraph: a node per action, edges from all that it waits for."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from benchmarks.contestants import Run
from benchmarks.record import Perform
from benchmarks.workloads import Workload


class State(TypedDict):
    """Nothing is passed on, but a graph has a state."""

    topic: str


Node = Callable[[State], Awaitable[None]]


@asynccontextmanager
async def prepare(workload: Workload, perform: Perform) -> AsyncGenerator[Run]:
    """Compiled once; the limit of supersteps is raised to what the plan needs."""

    def node(number: int) -> Node:
        async def act(_state: State) -> None:
            await perform(number)

        return act

    builder = StateGraph(State)
    for number, waits in enumerate(workload.waits):
        builder.add_node(f"a{number}", node(number))
        builder.add_edge([f"a{parent}" for parent in waits] or START, f"a{number}")
    for number in workload.sinks():
        builder.add_edge(f"a{number}", END)
    graph = builder.compile()
    config = {"max_concurrency": workload.slots, "recursion_limit": workload.depth + 2}

    async def run() -> None:
        await graph.ainvoke({"topic": "benchmark"}, config)

    yield run
