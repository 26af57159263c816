"""Runs whose turns of models waited, or were cut short by a budget, are replayed as they were."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import RunSpec
from cortex_cli.testing import ScriptedPlanner
from tests.engine.bench import act, run, spec_of, stream
from tests.engine.planned import DONE, goal_spec, step
from tests.engine.resuming import resume
from tests.engine.test_budgets import Models, ask, model
from tests.engine.test_replay import kept, replay
from tests.engine.test_turns import LITTLE, USED, always, answers, counted, helpers

pytestmark = pytest.mark.anyio


async def check(made: Callable[[ScriptedPlanner], RunSpec], planner: ScriptedPlanner) -> str:
    """Run and replay; why the run ended."""
    events = kept(await run(made(planner)))
    assert await replay(made(ScriptedPlanner([])), events) == events
    return str(events[-1].data["error_type"])


@pytest.mark.parametrize(
    "limits",
    [
        {"budget": {"tokens": 65}},
        {"budget": {"tokens": 120}},
        {"budget": {"tokens": 30}},
        {"budget": {"cost_usd": 1}},
        {"resources": {"llm": "2/min"}},
        {"resources": {"llm": 1}},
        {"resources": {"llm": "1/min"}, "budget": {"tokens": 65}},
    ],
)
@pytest.mark.parametrize("use", [LITTLE, USED])
async def test_sub_agents_that_waited_are_replayed(limits: dict[str, Any], use: Any) -> None:
    def made(planner: ScriptedPlanner) -> RunSpec:
        return helpers(4, planner, act("tool", parameters={"seconds": 2}), **limits)

    await check(made, counted(answers(use)))


@pytest.mark.parametrize("tokens", [30, 60, 95, 140])
async def test_plans_whose_later_turns_were_too_much_are_replayed(tokens: int) -> None:
    def made(planner: ScriptedPlanner) -> RunSpec:
        return goal_spec(planner, budget={"tokens": tokens}, max_iterations=6)

    wrong = counted(always(1, USED, step("x", target="nowhere"), step("a", seconds=3)))
    assert await check(made, wrong) == "budget_exhausted"
    right = counted(always(1, USED, step("a"), 1, step("b", "a")))
    assert await check(made, right) in {"budget_exhausted", "no_progress"}


@pytest.mark.parametrize(
    "limits",
    [
        {"llm": 1},
        {"llm": 2},
        {"llm": "1/min"},
        {"llm": "3/min"},
    ],
)
@pytest.mark.parametrize(
    "budget", [None, {"tokens": 60}, {"tokens": 110}, {"tokens": 130}, {"tokens": 900}]
)
async def test_turns_and_llm_actions_that_waited_for_each_other_are_replayed(
    limits: dict[str, Any], budget: dict[str, Any] | None
) -> None:
    def made(planner: ScriptedPlanner) -> RunSpec:
        tools = Models(model(), {"helper": goal_spec(planner, name="helper")})
        called = [
            act(f"h{n}", type="agent", target="helper", priority=n, parameters={"goal": "x"})
            for n in range(3)
        ]
        plan = [*called, *(ask(f"a{n}") for n in range(3)), ask("last", "h0", "a0")]
        return spec_of(plan, tools, resources=limits, budget=budget, max_parallel_actions=3)

    await check(made, counted(always(1, "Hm.", step("a", seconds=1), LITTLE, 0.5, DONE)))


async def test_a_run_that_was_cut_short_and_went_on_is_replayed_in_its_parts() -> None:
    first = kept(await run(helpers(3, counted(), budget={"tokens": 120})))
    rest = kept(await resume(helpers(3, counted(), budget={"tokens": 500}), Past(first)))
    again = helpers(3, ScriptedPlanner([]), budget={"tokens": 500})
    assert await replay(again, [*first, *rest]) == [*first, *rest]


async def test_a_run_that_was_cancelled_after_its_model_had_used_something_is_replayed() -> None:
    planner = counted(always(LITTLE, step("a", seconds=1), 9, DONE))
    log = []
    async with (
        stream(goal_spec(planner, budget={"tokens": 500})) as events,
        anyio.create_task_group() as tasks,
    ):

        async def cancel() -> None:
            await anyio.sleep(2)
            events.cancel()

        tasks.start_soon(cancel)
        log += [event async for event in events]
    told = kept(log)
    again = goal_spec(ScriptedPlanner([]), budget={"tokens": 500})
    assert await replay(again, told) == told
    assert any(event.data.get("usage") for event in told if event.event_type == "plan_extended")
