"""A run with plans of a model that is broken off anywhere goes on as if nothing had been."""

from collections.abc import Sequence
from typing import Any

import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.planner import FinalAnswer, PlanOrder
from cortex_cli.engine.ports import RunSpec
from cortex_cli.events import Usage
from cortex_cli.testing import ScriptedPlanner
from cortex_cli.testing.planners import Scripted, Turn
from tests.engine.bench import Log, Tools, run
from tests.engine.planned import DONE, goal_spec, step
from tests.engine.resuming import check_same, resume

pytestmark = pytest.mark.anyio

Plans = Sequence[Sequence[dict[str, Any]]]

DECISION = {
    "id": "d",
    "type": "decision",
    "cases": [{"when": "steps.a == 1", "value": 7, "then": ["left"]}],
    "default": {"then": ["right"]},
}
PLANS: Plans = (
    (
        step("a", gives=1, output_key="k", seconds=1),
        DECISION,
        step("left", "b"),
        step("right", "b"),
        step("b", gives="$k", seconds=3),
        step("bad", error="no"),
        step("after", "bad"),
    ),
    (
        step("a", gives=2, output_key="k"),
        step("list", "a", for_each=[1, 2], gives="$item", seconds=2),
        step("off", condition="k == 3"),
        step("sum", gives="$(steps.list) $k ${steps.bad.error} $(steps.left)"),
    ),
    (
        {"id": "ask", "type": "agent", "target": "helper"},
        step("last", gives="$(steps.ask) $(steps.sum)"),
    ),
)
INNER: Plans = ((step("x", gives=1),), (step("x", gives="$(steps.y)"), step("y", gives=5)))


def writer(plans: Plans, answer: Any) -> ScriptedPlanner:
    """Writes what is not there yet of the plan of an iteration, and the answer after the last."""

    def turn(order: PlanOrder) -> Turn:
        place = order.iteration - 1
        if place == len(plans):
            return (Usage(output_tokens=1), FinalAnswer(answer))
        there = {one.action["id"] for one in order.outcomes if one.iteration == order.iteration} | {
            one["id"] for one in order.pending
        }
        parts: list[Scripted] = []
        for written in plans[place]:
            if written["id"] not in there:
                parts += (written, 0.7)
        return parts

    return ScriptedPlanner(turn)


def spec() -> RunSpec:
    inner = goal_spec(writer(INNER, "found"), name="helper")
    tools = Tools(nested_specs={"helper": inner})
    return goal_spec(writer(PLANS, "done"), tools, max_patches=0, stream_llm_tokens=False)


async def test_a_run_that_is_broken_off_at_any_event_comes_to_the_same() -> None:
    whole = await run(spec())
    assert whole.last.event_type == "agent_completed"
    assert whole.ends()["a-2"] == "completed"
    for size in range(1, len(whole)):
        first = Log(whole[:size])
        second = await resume(spec(), Past(first))
        check_same(first, second, whole)


@pytest.mark.no_cover
async def test_a_run_that_is_broken_off_twice_comes_to_the_same() -> None:
    whole = await run(spec())
    for size in range(5, len(whole), 7):
        first = Log(whole[:size])
        middle = await resume(spec(), Past(first))
        for cut in range(1, len(middle), 9):
            both = Log([*first, *middle[:cut]])
            last = await resume(spec(), Past(both))
            check_same(both, last, whole)


async def test_a_complete_plan_is_not_asked_for_again() -> None:
    whole = await run(spec())
    complete = next(n for n, event in enumerate(whole) if event.data.get("complete") is True)
    planner = writer(PLANS, "done")
    tools = Tools(nested_specs={"helper": goal_spec(writer(INNER, "found"), name="helper")})
    await resume(goal_spec(planner, tools, max_patches=0), Past(whole[: complete + 1]))
    assert [order.iteration for order in planner.orders] == [2, 3, 4]
    assert planner.orders[0].outcomes[0].output == 1


async def test_the_answer_is_kept() -> None:
    whole = await run(spec())
    ended = next(
        n
        for n, event in enumerate(whole)
        if event.event_type == "plan_extended" and event.data["answer"] == "done"
    )
    second = await resume(goal_spec([]), Past(whole[: ended + 1]))
    assert second.last.data.outputs == "done"


async def test_what_may_not_be_called_any_more_is_refused_when_the_run_goes_on() -> None:
    whole = await run(goal_spec([(step("a"), step("b", "a", target="other"), DONE)]))
    first = whole[: next(n for n, event in enumerate(whole) if event.action_id == "b")]
    barred = goal_spec([(DONE,)])
    narrow = type(barred)(
        name="agent",
        protocol=barred.protocol,
        targets=barred.targets,
        goal="x",
        planner=barred.planner,
        offers=barred.offers[:1],
    )
    second = await resume(narrow, Past(first))
    assert second.ends() == {}
    assert "tool 'other' may not be called" in second.of("warning")[0].message
