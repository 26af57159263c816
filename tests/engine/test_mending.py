"""Plans that a model mends: retry, fallback, patch, person."""

from dataclasses import replace
from typing import Any

import pytest

from cortex_cli.engine.offered import OfferedTargets
from cortex_cli.engine.past import Past
from cortex_cli.engine.planner import FinalAnswer, PlanOrder
from cortex_cli.engine.ports import RunSpec
from cortex_cli.errors import ActionError
from cortex_cli.kinds import ActionType, Effect
from cortex_cli.protocol.offers import Offer
from cortex_cli.testing import ScriptedPlanner
from cortex_cli.testing.planners import Turn
from tests.engine.bench import Tools, act, run, spec_of
from tests.engine.planned import DONE, OFFERS, goal_spec, step
from tests.engine.resuming import check_same, resume
from tests.engine.test_plans_strict import Person, run_asking

pytestmark = pytest.mark.anyio

PLAN = (
    step("ok", gives=1, seconds=1),
    step("bad", error="broken", seconds=1, output_key="k"),
    step("after", "bad", gives="$k"),
    step("long", seconds=5),
)
PATCH = (step("bad", target="other", gives=2, output_key="k"), step("after2", "bad", gives="$k"))


async def test_a_failing_tool_with_a_working_alternative_is_patched_and_nothing_runs_again() -> (
    None
):
    tools = Tools()
    planner = ScriptedPlanner([(*PLAN, DONE), PATCH])
    log = await run(goal_spec(planner, tools))
    assert (log.last.event_type, log.last.data.outputs) == ("agent_completed", "done")
    assert [call.action.id for call in tools.calls] == ["ok", "bad", "long", "bad-2", "after2"]
    assert log.ends() == {
        **dict.fromkeys(["ok", "long", "bad-2", "after2"], "completed"),
        "bad": "failed",
        "after": "skipped",
    }
    assert log.starts()["bad-2"] == pytest.approx(1, abs=0.02)
    assert log.of("action_completed", action="after2")[0].output == 2
    assert log.last.data.duration == pytest.approx(5, abs=0.02)


async def test_a_patch_is_asked_for_with_what_failed_and_what_that_has_held_up() -> None:
    planner = ScriptedPlanner([(*PLAN, DONE), PATCH])
    log = await run(goal_spec(planner))
    order = planner.orders[1]
    assert [(one.action["id"], one.status) for one in order.broken] == [
        ("bad", "failed"),
        ("after", "skipped"),
    ]
    assert order.broken[0].error == "broken"
    assert [one["id"] for one in order.pending] == ["long"]
    first, second = log.of("plan_patched")
    assert first.replaced == ("bad", "after")
    assert [action.id for action in first.actions] == ["bad-2"]
    assert first.reason == "'bad' failed: broken"
    assert (second.replaced, [action.id for action in second.actions]) == ((), ["after2"])
    assert log.of("warning")[0].message == (
        "'bad' failed: broken; scripted is asked to mend the plan (1 of 2)"
    )


async def test_attempts_and_fallbacks_come_before_a_patch() -> None:
    offers = (
        Offer(type=ActionType.TOOL, target="tool", effect=Effect.IDEMPOTENT),
        Offer(type=ActionType.TOOL, target="other", effect=Effect.IDEMPOTENT),
    )
    retried = step("a", error="no", retry={"max_attempts": 2}, fallback=["other"])
    planner = ScriptedPlanner([(retried,), (FinalAnswer("without"),)])
    log = await run(replace(goal_spec(planner), offers=offers))
    targets = [data.target for data in log.of("action_started")]
    assert targets == ["tool", "tool", "other"]
    assert (log.last.data.outputs, len(planner.orders)) == ("without", 2)


async def test_a_patch_that_fails_is_patched_until_there_have_been_enough() -> None:
    def turn(order: PlanOrder) -> Turn:
        if order.iteration == 2:
            return (DONE,)
        return (step("a", error=f"no {len(order.outcomes)}", target="other"),)

    planner = ScriptedPlanner(turn)
    log = await run(goal_spec(planner))
    assert log.ends() == dict.fromkeys(["a", "a-2", "a-3"], "failed")
    assert [order.iteration for order in planner.orders] == [1, 1, 1, 2]
    assert len(planner.orders[-1].outcomes) == 3


async def test_a_patch_that_is_empty_leaves_the_failure_as_it_is() -> None:
    planner = ScriptedPlanner([(step("a", error="no"),), ()])
    log = await run(goal_spec(planner, terminate_on_error=True))
    assert log.last.data.error == "action 'a' failed: no"
    assert log.of("plan_patched") == []


async def test_what_is_outside_of_the_offers_is_no_patch_either() -> None:
    bad = step("b", target="delete_all")
    planner = ScriptedPlanner([(step("a", error="no"),), (bad,), (bad,), (bad,)])
    log = await run(goal_spec(planner, terminate_on_error=True))
    assert log.ends() == {"a": "failed"}
    assert len([one for one in planner.orders if one.broken]) == 3


async def test_no_patch_does_again_what_may_have_changed_the_world() -> None:
    again = step("b", error="no")
    planner = ScriptedPlanner([(step("a", error="no"),), (again,), (step("c"), DONE)])
    log = await run(goal_spec(planner))
    assert "would repeat 'a'" in planner.orders[2].refused[0].reason
    assert log.ends() == {"a": "failed", "c": "completed"}


async def test_a_person_may_let_it_be_done_again() -> None:
    turns = [(step("a", error="no"),), (step("b", error="no"),), (DONE,)]
    person = Person([True])
    log = await run_asking(goal_spec(turns, max_patches=1), person)
    assert log.ends() == {"a": "failed", "b": "failed"}
    assert [question.action.id for question in person.asked] == ["b"]


async def test_what_a_person_denies_is_not_patched() -> None:
    planner = ScriptedPlanner([(step("a"),), (DONE,)])
    spec = goal_spec(planner, require_user_approval=True)
    log = await run_asking(spec, Person(["no"]))
    assert [order.iteration for order in planner.orders] == [1, 2]
    assert log.of("plan_patched") == []


async def test_patches_of_strict_runs_are_approved_one_by_one() -> None:
    planner = ScriptedPlanner([(step("a", error="no"), DONE), (step("b", target="other"),)])
    person = Person([True, True])
    log = await run_asking(goal_spec(planner, mode="strict"), person)
    assert [question.action.id for question in person.asked] == ["approve_plan", "b"]
    assert log.last.event_type == "agent_completed"


@pytest.mark.parametrize("settings", [{"self_healing": False}, {"max_patches": 0}])
async def test_a_run_can_do_without_patches(settings: dict[str, Any]) -> None:
    planner = ScriptedPlanner([(step("a", error="no"),), (DONE,)])
    await run(goal_spec(planner, **settings))
    assert [order.broken for order in planner.orders] == [(), ()]


async def test_failures_that_end_the_plan_are_not_patched() -> None:
    planner = ScriptedPlanner([(step("a", error="no"),), (DONE,)])
    await run(goal_spec(planner, fail_fast=True))
    assert [order.iteration for order in planner.orders] == [1, 2]


async def test_a_failure_while_the_plan_is_written_is_patched_once_its_text_has_ended() -> None:
    turns = [(step("a", error="no"), 2, step("c"), DONE), (step("b", target="other"),)]
    log = await run(goal_spec(turns))
    assert log.starts()["b"] == pytest.approx(2, abs=0.02)
    assert log.last.data.outputs == "done"


async def test_a_model_that_fails_to_patch_fails_the_run() -> None:
    error = ActionError("gone", error_type="auth", retryable=False)
    log = await run(goal_spec([(step("a", error="no"),), (error,)]))
    assert log.last.data.error_type == "auth"


async def test_a_run_that_is_broken_off_while_it_is_mended_comes_to_the_same() -> None:
    def turn(order: PlanOrder) -> Turn:
        there = {one["id"] for one in order.pending}
        there |= {one.action["id"] for one in order.outcomes if one not in order.broken}
        plan = PATCH if order.broken else (*PLAN, DONE)
        return [part for part in plan if not isinstance(part, dict) or part["id"] not in there]

    def spec() -> RunSpec:
        return goal_spec(ScriptedPlanner(turn), stream_llm_tokens=False)

    whole = await run(spec())
    assert whole.ends()["after2"] == "completed"
    for size in range(1, len(whole)):
        second = await resume(spec(), Past(whole[:size]))
        check_same(whole[:size], second, whole)


def written_spec(planner: ScriptedPlanner, **protocol: Any) -> RunSpec:
    """A plan that a person has written, whose failures a model may mend."""
    plan = (
        act("after", "bad", parameters={"gives": "$(steps.bad)"}),
        act("bad", parameters={"error": "broken", "seconds": 1}),
        act("each", for_each=[1, 2], parameters={"gives": "$item"}),
        act("long", parameters={"seconds": 5}, env={"A": "b"}),
    )
    spec = spec_of(plan, **protocol)
    return replace(spec, planner=planner, offers=OFFERS)


REPAIR = (step("bad", target="other", gives=2), step("after", "bad", gives="$(steps.bad)"))


async def test_a_plan_that_is_written_down_is_mended_where_that_is_asked_for() -> None:
    planner = ScriptedPlanner([REPAIR])
    log = await run(written_spec(planner, self_healing=True))
    assert (log.last.event_type, log.of("termination")[0].reason) == (
        "agent_completed",
        "plan_completed",
    )
    assert log.ends() == {
        **dict.fromkeys(["each", "each[0]", "each[1]", "long", "bad-2", "after-2"], "completed"),
        "bad": "failed",
        "after": "skipped",
    }
    assert [one.action["id"] for one in planner.orders[0].broken] == ["after", "bad"]
    assert planner.orders[0].broken[1].action["parameters"]["error"] == "broken"
    assert log.last.data.duration == pytest.approx(5, abs=0.02)


async def test_a_plan_that_is_written_down_is_left_alone_otherwise() -> None:
    planner = ScriptedPlanner([])
    log = await run(written_spec(planner))
    assert log.last.data.error == "action 'bad' failed: broken"
    assert planner.orders == []


@pytest.mark.parametrize("turn", [(), (DONE,), (step("x", target="no"),)])
async def test_a_plan_that_is_written_down_fails_if_no_patch_comes(turn: Turn) -> None:
    log = await run(written_spec(ScriptedPlanner([turn, (), ()]), self_healing=True))
    assert log.last.data.error == "action 'bad' failed: broken"
    assert log.last.data.counts.completed == 4


async def test_a_written_plan_that_is_broken_off_while_it_is_mended_comes_to_the_same() -> None:
    def turn(order: PlanOrder) -> Turn:
        there = {one["id"] for one in order.pending}
        there |= {one.action["id"] for one in order.outcomes if one not in order.broken}
        return [part for part in REPAIR if part["id"] not in there]

    def spec() -> RunSpec:
        planner = ScriptedPlanner(turn)
        return written_spec(planner, self_healing=True, stream_llm_tokens=False)

    whole = await run(spec())
    assert whole.last.event_type == "agent_completed"
    for size in range(1, len(whole)):
        second = await resume(spec(), Past(whole[:size]))
        check_same(whole[:size], second, whole)


async def test_what_a_reference_brings_in_is_held_against_the_schema_too() -> None:
    turn = (
        step("n", gives="many"),
        step("a", target="typed", parameters={"text": "x", "count": "$(steps.n)"}),
        step("b", target="typed", parameters={"text": "$(steps.n)"}),
    )
    tools = Tools()
    log = await run(goal_spec([turn, (DONE,)], tools, max_patches=0))
    assert log.of("action_failed")[0].error == (
        "the parameters do not fit those of 'typed': count: 'many' is not of type 'integer'"
    )
    assert [call.action.id for call in tools.calls] == ["n", "b"]


async def test_a_patch_that_waits_for_a_person_still_does_when_the_run_goes_on() -> None:
    turns = [(step("a", error="no"), DONE), (step("b", error="no"), step("c", target="other"))]
    log = await run_asking(goal_spec(turns, max_patches=1), Person([None]))
    assert log.last.event_type == "agent_paused"
    assert log.ends()["c"] == "completed"
    again = await resume(goal_spec([(DONE,)], max_patches=1), Past(log))
    assert again.last.event_type == "agent_paused"
    person = Person([True])
    last = await resume(goal_spec([(DONE,)], max_patches=1), Past([*log, *again]), person)
    assert [question.action.id for question in person.asked] == ["b"]
    assert last.ends() == {"b": "failed"}


async def test_patches_of_strict_runs_wait_for_approval_when_they_go_on() -> None:
    turns = [(step("a", error="no"), DONE), (step("b", target="other"),)]
    log = await run_asking(goal_spec(turns, mode="strict"), Person([True, None]))
    assert log.last.event_type == "agent_paused"
    person = Person([True])
    second = await resume(goal_spec([], mode="strict"), Past(log), person)
    assert [question.action.id for question in person.asked] == ["b"]
    assert second.last.event_type == "agent_completed"


async def test_a_sub_agent_that_is_not_offered_is_not_called() -> None:
    calls = ({"id": "x", "type": "agent", "target": "stranger"},)
    planner = ScriptedPlanner([calls, (), (), (DONE,)])
    log = await run(goal_spec(planner, terminate_on_no_progress=False))
    assert "agent 'stranger' may not be called" in planner.orders[1].refused[0].reason
    assert log.ends() == {}


async def test_a_model_that_waits_to_be_asked_again_is_not_when_its_plan_has_ended() -> None:
    busy = ActionError("busy", retry_after=30)
    turn = (step("a", error="no", on_failure="abort", seconds=1), step("b", seconds=99), busy)
    planner = ScriptedPlanner([turn, (DONE,)])
    log = await run(goal_spec(planner))
    assert log.ends() == {"a": "failed", "b": "cancelled"}
    assert log.last.data.duration < 2


async def test_a_call_that_was_held_to_its_offers_keeps_to_them_when_it_falls_back() -> None:
    targets = OfferedTargets(Tools(), OFFERS, is_free=False)
    with pytest.raises(ActionError, match="tool 'rm' may not be called"):
        targets.handler(act("a", target="rm"))
    with pytest.raises(ActionError, match="agent 'stranger' may not be called"):
        targets.nested(act("a", type="agent", target="stranger"))
    assert targets.nested_seconds(act("a", type="agent", target="helper")) is None
    free = OfferedTargets(Tools(), OFFERS, is_free=True)
    assert free.handler(act("a", target="rm", parameters={"x": "$y"})) is not None
