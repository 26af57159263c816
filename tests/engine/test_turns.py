"""Turns of models that write plans, and of conversations: what they wait for, and give back."""

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.planner import PlanOrder
from cortex_cli.engine.ports import RunRequest, RunSpec
from cortex_cli.errors import ActionError
from cortex_cli.events import LlmToken, PlanExtended, Usage, WarningRaised
from cortex_cli.protocol.action import Action
from cortex_cli.session.handle import RunHandle
from cortex_cli.testing import Answer, BrokenOff, Pace, ScriptedLLM, ScriptedPlanner
from cortex_cli.testing.planners import Turn
from tests.engine.bench import Log, Tools, act, run, spec_of, stream
from tests.engine.planned import DONE, goal_spec, step
from tests.engine.resuming import resume
from tests.engine.talking import calls, talk
from tests.engine.test_budgets import Models, ask, model

pytestmark = pytest.mark.anyio

MOST = Usage(input_tokens=10, output_tokens=40)
USED = Usage(input_tokens=1, output_tokens=40)
LITTLE = Usage(output_tokens=5)
SECOND = Pace(first_token_seconds=1.0)


def answers(used: Usage = USED) -> Callable[[PlanOrder], Turn]:
    """Turns of a second each, with an answer at once."""
    return lambda _: [1, "Hm. ", used, DONE]


def always(*parts: Any) -> Callable[[PlanOrder], Turn]:
    """The same turn for every order."""
    return lambda _: parts


def helpers(
    count: int,
    planner: ScriptedPlanner,
    *more: Action,
    inner: Mapping[str, Any] = {},
    **fields: Any,
) -> RunSpec:
    """A run with so many sub-agents, for whom the planner plans."""
    tools = Tools({"helper": goal_spec(planner, name="helper", **inner)})
    called = [
        act(f"h{n}", type="agent", target="helper", parameters={"goal": "x"}) for n in range(count)
    ]
    return spec_of([*called, *more], tools, **fields)


def counted(turn: Any = None, estimate: Any = MOST) -> ScriptedPlanner:
    return ScriptedPlanner(turn or answers(), estimate=estimate)


def warnings(log: Log) -> list[tuple[str, str]]:
    """The warnings, each with the run that it is about."""
    return [("/".join(e.path), e.data.message) for e in log if isinstance(e, WarningRaised)]


def when(log: Log) -> list[float]:
    """The seconds at which models have begun to speak."""
    return [
        round(event.seconds - log[0].seconds)
        for event in log
        if isinstance(event, LlmToken) and event.data.cumulative_tokens == 1
    ]


def used(log: Log) -> int:
    usage = log.last.data.usage
    return usage.input_tokens + usage.output_tokens


async def test_plans_that_are_written_side_by_side_do_not_overshoot() -> None:
    planner = counted()
    log = await run(helpers(5, planner, max_parallel_actions=5, budget={"tokens": 120}))
    assert len(planner.orders) == 2
    assert used(log) == 2 * 41
    assert log.of("termination")[-1].reason == "budget_exhausted"
    assert log.last.data.error_type == "budget_exhausted"
    assert log.last.data.error == (
        "the budget is exhausted: 82 of 120 tokens are used, and the next turn of 'h2' may need"
        " 50 more"
    )
    ends = log.ends()
    assert [ends[f"h{n}"] for n in range(5)] == ["completed"] * 2 + ["cancelled"] * 3
    assert {data.reason for data in log.of("action_cancelled")} == {"budget_exhausted"}


async def test_what_was_cut_short_goes_on_with_what_is_left_and_a_larger_budget() -> None:
    first = await run(helpers(5, counted(), max_parallel_actions=5, budget={"tokens": 120}))
    planner = counted()
    same = await resume(helpers(5, planner, budget={"tokens": 120}), Past(first))
    assert planner.orders == []
    assert same.last.data.error_type == "budget_exhausted"
    past = Past([*first, *same])
    assert past.used_at(()) == Usage(input_tokens=2, output_tokens=80)
    more = await resume(helpers(5, planner, budget={"tokens": 82 + 150}), past)
    assert len(planner.orders) == 3
    assert more.last.data.error is None


async def test_what_a_turn_did_not_use_goes_to_those_that_wait_which_is_told() -> None:
    planner = counted(answers(LITTLE))
    log = await run(helpers(3, planner, budget={"tokens": 65}))
    assert log.last.data.error is None
    assert when(log) == [1, 2, 3]
    waits = "scripted waits for budget before it plans"
    assert warnings(log) == [("h1", waits), ("h2", waits)]


async def test_what_a_failed_turn_had_reserved_is_given_back() -> None:
    turn: Turn = [1, LITTLE, ActionError("no", retryable=False)]
    planner = counted(always(*turn))
    log = await run(helpers(3, planner, budget={"tokens": 65}))
    assert len(planner.orders) == 3
    assert log.last.data.error_type != "budget_exhausted"


async def test_what_a_stopped_turn_had_reserved_is_given_back() -> None:
    slow = {"max_execution_time_seconds": 2}
    planner = counted(always(LITTLE, 9, DONE))
    log = await run(helpers(2, planner, ask("late"), inner=slow, budget={"tokens": 65}))
    assert [data.reason for data in log.of("termination")][:2] == ["deadline", "deadline"]
    assert len(planner.orders) == 1, "the second was over before it could begin"


async def test_a_turn_that_waits_holds_no_slot_and_ends_with_its_run() -> None:
    llm = ScriptedLLM(["word " * 40], pace=Pace(first_token_seconds=30))
    tools = Models(llm, {"helper": goal_spec(counted(), name="helper")})
    called = act("h", type="agent", target="helper", timeout_seconds=3, parameters={"goal": "x"})
    plan = [ask("a"), called, act("tool", parameters={"seconds": 1})]
    log = await run(spec_of(plan, tools, max_parallel_actions=2, budget={"tokens": 60}))
    assert log.ends() == {"a": "completed", "h": "failed", "tool": "completed"}
    assert log.of("action_failed")[0].error_type == "timeout"
    assert log.last.data.duration == pytest.approx(30)


@pytest.mark.parametrize(("priority", "first"), [(1, "h"), (-1, "a")])
async def test_turns_and_actions_wait_for_the_same_budget_by_the_same_order(
    priority: int, first: str
) -> None:
    tools = Models(model(), {"helper": goal_spec(counted(), name="helper")})
    goal = {"goal": "x"}
    called = act("h", type="agent", target="helper", priority=priority, parameters=goal)
    log = await run(spec_of([ask("a"), ask("b"), called], tools, budget={"tokens": 60}))
    assert [name for name, end in log.ends().items() if end == "completed"] == [first]


async def test_a_run_that_is_cancelled_while_turns_wait_ends_at_once() -> None:
    planner = counted(always(9, DONE))
    log = Log()
    async with stream(helpers(3, planner, budget={"tokens": 60})) as events:
        async for event in events:
            log.append(event)
            if event.event_type == "warning":
                events.cancel()
    assert log.of("termination")[-1].reason == "cancelled"
    assert planner.open_streams == 0
    assert set(log.ends().values()) == {"cancelled"}


async def test_the_budget_of_a_nested_run_ends_it_alone() -> None:
    planner = counted(always(1, USED, step("a")))
    spec = helpers(
        1, planner, act("tool"), inner={"budget": {"tokens": 60}}, budget={"tokens": 500}
    )
    log = await run(spec)
    assert len(planner.orders) == 1
    assert log.ends() == {"tool": "completed", "h0/a": "completed", "h0": "failed"}
    assert "the next turn of 'h0' may need 50 more" in log.of("action_failed")[0].error


async def test_the_next_iteration_has_what_the_ones_before_have_left() -> None:
    def turn(order: PlanOrder) -> Turn:
        return [1, USED, step(f"a{order.iteration}")]

    planner = counted(turn)
    spec = goal_spec(planner, budget={"tokens": 100}, max_iterations=5)
    log = await run(spec)
    assert len(planner.orders) == 2
    assert log.ends() == {"a1": "completed", "a2": "completed"}
    assert log.last.data.error == (
        "the budget is exhausted: 82 of 100 tokens are used, and the next turn of the model may"
        " need 50 more"
    )


async def test_a_repair_that_is_too_much_leaves_what_was_used_for_the_run_that_goes_on() -> None:
    planner = counted(always(1, USED, step("x", target="nowhere"), step("a")))
    log = await run(goal_spec(planner, budget={"tokens": 60}))
    assert len(planner.orders) == 1
    assert Past(log).used_at(()) == USED == log.last.data.usage
    told = [e.data for e in log if isinstance(e, PlanExtended) and not e.data.actions]
    assert [(data.complete, data.usage) for data in told] == [(False, USED)]
    planner = counted(always(DONE))
    again = await resume(goal_spec(planner, budget={"tokens": 41 + 50}), Past(log))
    assert again.last.data.error is None


async def test_what_a_plan_and_its_patch_have_used_counts_once() -> None:
    turns: list[Turn] = [[step("a", error="no"), USED], [step("b"), LITTLE], [DONE, LITTLE]]
    log = await run(goal_spec(turns, self_healing=True))
    assert Past(log).used_at(()) == log.last.data.usage


HELPER = {"id": "h", "type": "agent", "target": "helper", "parameters": {"goal": "x"}}


def repairing(order: PlanOrder) -> Turn:
    """A plan with a mistake, which is put right while a helper plans, too."""
    if order.agent_name == "helper":
        return [5, LITTLE, DONE]
    if order.refused:
        return [DONE]
    return [step("x", target="nowhere"), HELPER, step("tool", seconds=1), LITTLE]


async def test_a_turn_is_told_how_things_stand_when_it_begins() -> None:
    planner = counted(repairing)
    tools = Tools({"helper": goal_spec(planner, name="helper")})
    await run(goal_spec(planner, tools, budget={"tokens": 70}))
    repair = next(order for order in planner.orders if order.refused)
    assert [one.status for one in repair.outcomes] == ["completed"] * 2
    assert repair.pending == ()


async def test_a_turn_that_would_need_more_by_now_begins_with_what_it_has() -> None:
    def estimate(order: PlanOrder) -> Usage:
        return Usage(input_tokens=50 + 100 * len(order.outcomes))

    planner = counted(repairing, estimate)
    tools = Tools({"helper": goal_spec(planner, name="helper")})
    log = await run(goal_spec(planner, tools, budget={"tokens": 70}))
    repair = next(order for order in planner.orders if order.refused)
    assert (repair.outcomes, len(repair.pending)) == ((), 2)
    assert log.last.data.error is None


async def test_who_tells_no_estimate_is_counted_afterwards() -> None:
    planner = ScriptedPlanner(answers())
    log = await run(helpers(3, planner, act("late", "h0", type="agent", target="helper",
                                            parameters={"goal": "x"}), budget={"tokens": 100}))  # fmt: skip
    assert len(planner.orders) == 3
    assert log.last.data.error == (
        "the budget is exhausted: 123 of 100 tokens are used, and the next turn of 'late' may need"
        " more"
    )


async def test_an_estimate_that_can_not_be_told_leaves_the_failure_to_the_turn() -> None:
    def fails(_: PlanOrder) -> Usage:
        message = "no such prompt"
        raise ActionError(message)

    log = await run(goal_spec(counted(always(DONE), fails), budget={"tokens": 10}))
    assert log.last.data.error is None


async def test_money_is_reserved_and_a_model_without_a_price_warned_of() -> None:
    dear = Usage(output_tokens=1, cost_usd=0.5)
    planner = counted(answers(dear), dear)
    log = await run(helpers(3, planner, budget={"cost_usd": 1.2}))
    assert (len(planner.orders), log.last.data.cost) == (2, 1.0)
    assert log.last.data.error == (
        "the budget is exhausted: $1.0000 of $1.2 are used, and the next turn of 'h2' may need"
        " $0.5000 more"
    )
    planner = counted()
    log = await run(helpers(3, planner, budget={"cost_usd": 0.1}))
    price = "the price of the model 'scripted' is not known, so its cost is not limited"
    assert warnings(log) == [(f"h{n}", price) for n in range(3)]
    assert len(planner.orders) == 3


async def test_a_rate_of_models_counts_their_turns_too_and_holds_no_slot() -> None:
    planner = ScriptedPlanner(answers())
    tool = act("tool", parameters={"seconds": 1})
    log = await run(helpers(3, planner, tool, max_parallel_actions=1, resources={"llm": "2/min"}))
    assert when(log) == [1, 1, 61]
    assert log.starts()["tool"] == pytest.approx(0)
    assert warnings(log) == [("h2", "scripted waits for its rate limit before it plans")]


async def test_turns_and_llm_actions_take_of_one_pool() -> None:
    client = model()
    tools = Models(client, {"helper": goal_spec(answers(), name="helper")})
    called = act("h", type="agent", target="helper", parameters={"goal": "x"})
    log = await run(spec_of([called, ask("a"), ask("b")], tools, resources={"llm": 1}))
    assert log.last.data.duration == pytest.approx(3)
    assert log.last.data.error is None


async def test_each_turn_of_a_loop_takes_of_a_rate_anew() -> None:
    turns: list[Turn] = [["a", step("a")], ["b", step("b")], ["c", DONE]]
    log = await run(goal_spec(turns, resources={"llm": "1/min"}))
    assert when(log) == [0, 60, 120]
    assert len(warnings(log)) == 1, "it is told once"


def two(*scripts: Any, **protocol: Any) -> tuple[RunSpec, ScriptedLLM]:
    """Two conversations side by side; a prompt counts some 100 tokens, an answer 40 at most."""
    given = {"prompt": "Find out", "tools": ["tool"], "max_tokens": 40}
    other = act("too", type="llm", target=None, parameters=given)
    spec, llm, _ = talk(*scripts, tools=["tool"], parameters={"max_tokens": 40}, after=[other],
                        protocol=protocol)  # fmt: skip
    return spec, llm


async def test_conversations_side_by_side_do_not_overshoot() -> None:
    spec, llm = two("word " * 40, "word " * 40, budget={"tokens": 230})
    log = await run(spec)
    assert len(llm.requests) == 2
    assert warnings(log) == [("too", "scripted waits for budget before it answers")]
    assert log.last.data.error is None
    spec, llm = two("word " * 40, "word " * 40, budget={"tokens": 170})
    log = await run(spec)
    assert len(llm.requests) == 1
    assert used(log) <= 170
    assert log.ends() == {"ask": "completed", "too": "cancelled"}


async def test_a_conversation_that_is_cut_short_goes_on_where_it_was() -> None:
    spec, llm, tools = talk(calls({"gives": 1}), "done", parameters={"max_tokens": 40},
                            tools=["tool"], protocol={"budget": {"tokens": 150}})  # fmt: skip
    log = await run(spec)
    assert len(llm.requests) == 1
    assert log.ends() == {"ask/tool": "completed", "ask": "cancelled"}
    assert "the next turn of 'ask'" in log.last.data.error
    spec, llm, tools = talk("done", parameters={"max_tokens": 40},
                            tools=["tool"], protocol={"budget": {"tokens": 900}})  # fmt: skip
    log = await resume(spec, Past(log))
    assert (len(llm.requests), tools.calls) == (1, [])
    assert log.ends() == {"ask": "completed"}


async def test_a_conversation_waits_for_the_rate_of_its_model_and_keeps_its_order() -> None:
    spec, llm = two(calls({"gives": 1}), "a", "b", resources={"llm": "1/min"})
    log = await run(spec)
    assert len(llm.requests) == 3
    assert log.last.data.duration == pytest.approx(120)


async def test_a_conversation_holds_no_slot_for_good_in_a_run_with_a_budget() -> None:
    spec, _, _ = talk(calls({"gives": 1}), "done", after=[act("last", "ask")],
                      protocol={"budget": {"tokens": 9_000}, "max_parallel_actions": 1})  # fmt: skip
    log = await run(spec)
    assert log.ends() == {"ask/tool": "completed", "ask": "completed", "last": "completed"}


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


async def test_a_second_question_in_one_turn_needs_its_own_reservation() -> None:
    def asked(tokens: int) -> tuple[RunSpec, ScriptedLLM]:
        spec, llm, _ = talk('{"n": "one"}', '{"n": 1}', tools=["tool"],
                            parameters={"max_tokens": 40, "schema": SCHEMA},
                            protocol={"budget": {"tokens": tokens}})  # fmt: skip
        return spec, llm

    spec, llm = asked(190)
    log = await run(spec)
    assert len(llm.requests) == 1
    assert log.ends() == {"ask": "cancelled"}
    assert log.of("termination")[-1].reason == "budget_exhausted"
    spec, llm = asked(900)
    log = await run(spec)
    assert len(llm.requests) == 2
    assert log.ends() == {"ask": "completed"}


async def test_a_model_that_takes_over_needs_its_own_reservation() -> None:
    broken, other = BrokenOff("word " * 40), ScriptedLLM([Answer(text="done")], name="other")
    spec, _, _ = talk(broken, fallback=other, tools=["tool"], parameters={"max_tokens": 40},
                      protocol={"budget": {"tokens": 150}})  # fmt: skip
    log = await run(spec)
    assert (other.requests, log.ends()) == ([], {"ask": "cancelled"})
    assert used(log) > 40, "what was said before it broke off has been paid for"


async def test_an_answer_has_a_limit_of_its_own_where_nothing_else_sets_one() -> None:
    spec, llm, _ = talk("done", protocol={"budget": {"tokens": 9_000}})
    await run(spec)
    spec, free, _ = talk("done")
    await run(spec)
    assert [llm.requests[0].max_tokens, free.requests[0].max_tokens] == [2_048, None]


async def test_a_run_that_is_to_end_before_its_first_turn_has_none() -> None:
    planner = counted()
    handle = RunHandle(helpers(1, planner, budget={"tokens": 60}), RunRequest())
    log = Log()
    async with handle.stream() as events:
        events.cancel()
        with anyio.move_on_after(5):
            async for event in events:
                log.append(event)
    assert planner.orders == []
