"""Random crowds of sub-agents, conversations and llm actions under one budget: what always holds."""

from random import Random
from typing import Any

import anyio
import pytest

from cortex_cli.actions.llm import LlmAction
from cortex_cli.engine.bus import Bus
from cortex_cli.engine.clock import LoopClock
from cortex_cli.engine.planner import PlanOrder
from cortex_cli.engine.ports import Handler, RunRequest, RunSpec
from cortex_cli.engine.runner import Runner
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.kinds import ActionType
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.protocol.action import Action
from cortex_cli.testing import Pace, ScriptedLLM, ScriptedPlanner
from cortex_cli.testing.planners import Scripted, Turn
from tests.engine.bench import Log, act, spec_of
from tests.engine.planned import DONE, goal_spec, step
from tests.engine.talking import TalkTools, calls
from tests.engine.virtual_time import VirtualLoop

ENDS = {None, "budget_exhausted", "action_failed", "no_progress", "max_iterations", "deadline"}


class Watched(Runner):
    """A run whose budgets can be looked at."""

    def _make_scheduler(self, slots: int) -> Scheduler:
        self.scheduler = super()._make_scheduler(slots)
        self.least = 0.0
        return self.scheduler

    def look(self, _: object) -> None:
        """Note the least that was left of a budget, or free."""
        for purse in self.scheduler.budgets.purses:
            self.least = min(self.least, purse.free, purse.left)


class Crowd(TalkTools):
    """The tools of the bench, with models for conversations and for plain questions."""

    def handler(self, action: Action) -> Handler:
        if action.type is ActionType.LLM:
            return LlmAction(self.clients[0])
        return super().handler(action)


def a_planner(random: Random) -> ScriptedPlanner:
    """It keeps to what it says, whatever it writes."""
    most = {n: random.randint(1, 40) for n in range(40)}

    def estimate(order: PlanOrder) -> Usage:
        return Usage(output_tokens=most[len(order.outcomes) % 40])

    def turn(order: PlanOrder) -> Turn:
        parts: list[Scripted] = [random.choice([0, 0.5, 2])]
        for n in range(random.randint(0, 2)):
            target = random.choice(["tool", "tool", "tool", "nowhere"])
            name = f"t{order.iteration}_{n}"
            failing = {"error": "no"} if random.random() < 0.1 else {}
            parts.append(step(name, target=target, seconds=random.choice([0, 1]), **failing))
        parts.append(Usage(output_tokens=random.randint(0, estimate(order).output_tokens)))
        if random.random() < 0.1:
            parts.append(ActionError("busy", retryable=random.random() < 0.5))
        if random.random() < 0.5:
            parts.append(DONE)
        return parts

    return ScriptedPlanner(turn, estimate=estimate)


def an_action(random: Random, others: list[Action]) -> Action:
    """A sub-agent, a conversation or a question, which may wait for another."""
    fields: dict[str, Any] = {"priority": random.randint(0, 2), "on_failure": "continue"}
    if random.random() < 0.3 and others:
        fields["depends_on"] = [random.choice(others).id]
    match random.choice(("helper", "talk", "ask")):
        case "helper":
            fields |= {"type": "agent", "target": "helper", "parameters": {"goal": "x"}}
        case "talk":
            given = {"prompt": "Find out", "tools": ["tool"], "max_tokens": 20}
            fields |= {"type": "llm", "target": None, "parameters": given}
        case _:
            asked = {"prompt": "word", "max_tokens": 20}
            fields |= {"type": "llm", "target": "m", "parameters": asked}
    return act(f"a{len(others)}", **fields)


def a_crowd(seed: int) -> RunSpec:
    random = Random(seed)
    size = random.randint(1, 4)
    planner = a_planner(random)
    inner: dict[str, Any] = {"max_iterations": 4, "self_healing": random.random() < 0.5}
    if random.random() < 0.3:
        inner["budget"] = {"tokens": random.randint(20, 200)}
    if random.random() < 0.3:
        inner["max_execution_time_seconds"] = random.choice([1, 5])
    turns = [
        random.choice([calls({"gives": 1}), "word " * random.randint(1, 9)]) for _ in range(99)
    ]
    client = ScriptedLLM(turns, pace=Pace(first_token_seconds=random.choice([0, 0.5])))
    tools = Crowd({"helper": goal_spec(planner, name="helper", **inner)}, clients=[client])
    actions: list[Action] = []
    for _ in range(random.randint(1, 3 * size)):
        actions.append(an_action(random, actions))
    limits: dict[str, Any] = {"budget": {"tokens": random.randint(10, 900)}}
    if random.random() < 0.4:
        limits["resources"] = {"llm": random.choice(["3/min", 1, 2])}
    spec = spec_of(actions, tools, max_parallel_actions=random.randint(1, 3), **limits)
    tools.around = spec
    return spec


async def check(seed: int) -> None:
    spec, log, clock = a_crowd(seed), Log(), LoopClock()
    bus = Bus("run", clock, None)
    runner = Watched(spec, RunRequest(), bus, clock, Random(seed))
    bus.listen(log.append)
    bus.listen(runner.look)
    with anyio.fail_after(100_000):
        await runner.run()
    budget = spec.protocol.budget
    assert budget is not None
    usage = log.last.data.usage
    total = budget.units["tokens"]
    assert usage.input_tokens + usage.output_tokens <= total
    assert log.last.data.error_type in ENDS
    assert runner.least == 0, "more was reserved than there was"
    for purse in runner.scheduler.budgets.purses:
        assert purse.free == pytest.approx(purse.left)
    outer = runner.scheduler.budgets.purses[0]
    assert total - outer.left == usage.input_tokens + usage.output_tokens


@pytest.mark.no_cover
@pytest.mark.parametrize("block", range(8))
def test_no_crowd_spends_more_than_its_budget_and_none_hangs(block: int) -> None:
    for seed in range(block * 25, (block + 1) * 25):
        anyio.run(check, seed, backend_options={"loop_factory": VirtualLoop})


@pytest.mark.parametrize("seed", range(1_000, 1_010))
@pytest.mark.anyio
async def test_the_same_holds_on_both_backends(seed: int) -> None:
    await check(seed)
