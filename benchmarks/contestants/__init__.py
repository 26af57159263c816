"""Who takes part. Each has a file of its own, which imports what it needs when it is imported.

The file of a contestant has one function, `prepare`: an async context manager that is given a
workload and the function that performs an action, does all that is done once for a plan, and
yields a function that runs the plan once.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module, metadata

from benchmarks.record import Perform
from benchmarks.workloads import Workload

Run = Callable[[], Awaitable[None]]
Prepare = Callable[[Workload, Perform], AbstractAsyncContextManager[Run]]

FLOOR = "asyncio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """`module` is its file, `distribution` the package it needs, `statement` what it imports.

    `way` says in a few words how it is used here.
    """

    name: str
    module: str
    distribution: str | None
    statement: str
    way: str

    @property
    def version(self) -> str | None:
        """The version that is installed; None if none is, or none is needed."""
        try:
            return metadata.version(self.distribution) if self.distribution else None
        except metadata.PackageNotFoundError:
            return None

    @property
    def is_absent(self) -> bool:
        """Whether what it needs is not installed."""
        return self.distribution is not None and self.version is None

    def load(self) -> Prepare:
        """Import it; ImportError if what it needs is not installed."""
        return import_module(f"benchmarks.contestants.{self.module}").prepare


CONTESTANTS = (
    Contestant(
        name=FLOOR,
        module="raw_asyncio",
        distribution=None,
        statement="import asyncio",
        way="a task and an `Event` per action, a `Semaphore` of slots: the floor",
    ),
    Contestant(
        name="graphlib",
        module="graphlib_asyncio",
        distribution=None,
        statement="import asyncio, graphlib",
        way="`TopologicalSorter`, a queue, a worker task per slot",
    ),
    Contestant(
        name="cortex",
        module="cortex",
        distribution="cortex-agent-loop",
        statement="from cortex_cli import Action, AgentLoopExecutor, AgentLoopProtocol",
        way="`AgentLoopExecutor`, timeouts and retries set, a journal in memory, all events read",
    ),
    Contestant(
        name="hamilton",
        module="hamilton",
        distribution="apache-hamilton",
        statement="from hamilton import ad_hoc_utils, async_driver",
        way="a function per action, the async driver; slots by a `Semaphore`",
    ),
    Contestant(
        name="langgraph",
        module="langgraph",
        distribution="langgraph",
        statement="from langgraph.graph import StateGraph",
        way="a node per action, `ainvoke` with `max_concurrency`",
    ),
    Contestant(
        name="dask",
        module="dask",
        distribution="distributed",
        statement="from dask.distributed import Client, LocalCluster",
        way="a graph of coroutine functions, one worker in the process, a thread per slot",
    ),
    Contestant(
        name="llamaindex",
        module="llamaindex",
        distribution="llama-index-workflows",
        statement="from workflows import Context, Workflow, step",
        way="one step with `num_workers`, an event per action that has become ready",
    ),
    Contestant(
        name="pydantic-graph",
        module="pydantic_graph",
        distribution="pydantic-graph",
        statement="from pydantic_graph import GraphBuilder",
        way="a step per action, joins and forks as `GraphBuilder` has them; slots by a `Semaphore`",
    ),
)
