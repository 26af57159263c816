"""Plans that run while they are written, beside three other orders: `python -m benchmarks.planner`.

The models are scripted and write at a set pace, the tools take set times; the planner, its parser
and the engine are the real ones. The clock is virtual, so that a figure is what the order of things
costs; with `--real`, also on the real clock, through a server on this machine.
"""

import argparse
import os
import statistics
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import trio
import trio.testing

from benchmarks.page import publish
from benchmarks.questions import ANSWER, PACE, Step, in_waves, optimum, plan_for, read_questions
from benchmarks.tables import planner
from cortex_cli import AgentLoopExecutor, AgentLoopProtocol
from cortex_cli.engine.ports import ModelClient, ModelPiece, ModelRequest
from cortex_cli.llm.connection import Connection
from cortex_cli.llm.remote import RemoteModel
from cortex_cli.testing import ScriptedLLM, ScriptedServer

SLOTS = 10
_AT_ONCE = 8
_SHARED = Path(__file__).resolve().parents[2] / "shared/data/parallelqa-40.json"
_WHERE = "CORTEX_QUESTIONS"

Script = Callable[[Sequence[Step]], list[str]]


def _whole(steps: Sequence[Step]) -> list[str]:
    return ["".join(step.written() for step in steps), ANSWER]


def _by_waves(steps: Sequence[Step]) -> list[str]:
    return [in_waves(steps), ANSWER]


def _one_by_one(steps: Sequence[Step]) -> list[str]:
    return [*(step.written() for step in steps), ANSWER]


# The name of each order, what the model writes turn by turn, and whether it is read as it is written.
ORDERS: tuple[tuple[str, Script, bool], ...] = (
    ("streaming", _whole, True),
    ("plan, then run", _whole, False),
    ("plan, then wave by wave", _by_waves, False),
    ("one call at a time", _one_by_one, True),
)


class WrongRunError(Exception):
    """A run did not come to its answer, or not by way of all steps."""


class Whole:
    """A model whose answers are read when they are complete."""

    def __init__(self, client: ModelClient) -> None:
        self._client = client
        self.name = client.name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
        """The pieces, all of them when the last has come."""
        for piece in [piece async for piece in self._client.stream(request)]:
            yield piece


async def _tool(about: str, seconds: float) -> str:
    """Takes its time."""
    await anyio.sleep(seconds)
    return f"what is known about {about:.20}"


async def run(client: ModelClient, steps: Sequence[Step]) -> float:
    """The seconds that a run takes; WrongRunError unless it comes to the answer."""
    executor = AgentLoopExecutor(
        agent_name="asker",
        goal="answer",
        llm_client=client,
        tool_executor=dict.fromkeys(["look_up", "calculate", "compare"], _tool),
        protocol=AgentLoopProtocol(max_iterations=100, max_parallel_actions=SLOTS),
    )
    completed, last = 0, None
    async with executor.execute_agent_loop() as events:
        async for event in events:
            completed += event.event_type == "action_completed"
            last = event
    if last is None or last.event_type != "agent_completed" or completed != len(steps):
        message = f"{completed} of {len(steps)} steps, then {last and last.event_type}"
        raise WrongRunError(message)
    return float(last.data["duration"])


async def _scripted(steps: Sequence[Step], script: Script, *, is_read: bool) -> float:
    model = ScriptedLLM(script(steps), pace=PACE)
    return await run(model if is_read else Whole(model), steps)


def virtual_seconds(steps: Sequence[Step], script: Script, *, is_read: bool) -> float:
    """The seconds of one run on a clock that jumps."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(partial(_scripted, steps, script, is_read=is_read), clock=clock)


async def _served(steps: Sequence[Step], script: Script, *, is_read: bool) -> float:
    async with ScriptedServer(script(steps), pace=PACE) as server:
        connection = Connection(provider="here", model="scripted", base_url=server.base_url)
        model = RemoteModel(connection, {})
        try:
            return await run(model if is_read else Whole(model), steps)
        finally:
            await model.aclose()


async def _all_served(plans: Sequence[Sequence[Step]]) -> list[list[float]]:
    """The seconds of every plan in every order on the real clock, some at once."""
    found = [[0.0] * len(plans) for _ in ORDERS]
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def one(order: int, place: int) -> None:
        _, script, is_read = ORDERS[order]
        async with limiter:
            found[order][place] = await _served(plans[place], script, is_read=is_read)

    # The first one loads the library.
    await _served(plans[0], _whole, is_read=True)
    async with anyio.create_task_group() as tasks:
        for place in range(len(plans)):
            for order in range(len(ORDERS)):
                tasks.start_soon(one, order, place)
    return found


def measure(questions: Sequence[Mapping[str, Any]], *, on_real_clock: bool) -> dict[str, Any]:
    """The figures of every order: seconds of all questions, and how the optimum is come up to."""
    plans = [plan_for(question) for question in questions]
    best = [optimum(steps) for steps in plans]
    found = [
        [virtual_seconds(steps, script, is_read=is_read) for steps in plans]
        for _, script, is_read in ORDERS
    ]
    figures: dict[str, Any] = {
        "questions": len(plans),
        "steps": sum(map(len, plans)),
        "optimum": statistics.mean(best),
        "worst": max(one / least for one, least in zip(found[0], best, strict=True)),
        "saved": (sum(found[1]) - sum(found[0])) / (sum(found[1]) - sum(best)),
        "orders": {
            name: statistics.mean(seconds)
            for (name, _, _), seconds in zip(ORDERS, found, strict=True)
        },
    }
    if on_real_clock:
        real = anyio.run(_all_served, plans)
        names = (name for name, _, _ in ORDERS)
        figures["real"] = dict(zip(names, map(statistics.mean, real), strict=True))
    return figures


def main() -> None:
    """Measure, print the table, and publish it if that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=Path, default=os.environ.get(_WHERE, _SHARED))
    parser.add_argument("--quick", action="store_true", help="the first eight questions")
    parser.add_argument("--real", action="store_true", help="on the real clock, too")
    parser.add_argument("--publish", action="store_true", help="renew docs/benchmarks.md")
    given = parser.parse_args()
    path = Path(given.questions)
    if not path.is_file():
        sys.stdout.write(f"skipped: no questions at {path}; say where with --questions\n")
        return
    questions = read_questions(path)[: 8 if given.quick else None]
    figures = measure(questions, on_real_clock=given.real)
    sys.stdout.write(f"{planner(figures)}\n")
    if given.publish:
        publish({"planner": figures})


if __name__ == "__main__":
    main()
