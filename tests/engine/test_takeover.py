"""A run that goes on comes to the same, wherever it was broken off."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import Answer, Question, RunSpec
from cortex_cli.events import ActionStarted, Event
from cortex_cli.kinds import ActionState
from tests.engine.bench import Log, Tools, act, run, spec_of, stream
from tests.engine.resuming import check_parts, check_same, final, resume

RETRY = {"max_attempts": 3, "delay_seconds": 1, "jitter": False}


@dataclass
class Person:
    """Says yes to all, and remembers the questions."""

    asked: list[Question] = field(default_factory=list[Question])
    is_there: bool = True

    async def ask(self, question: Question) -> Answer | None:
        self.asked.append(question)
        return Answer(approved=True, by="ada")


def retrying(events: Sequence[Event]) -> Past:
    """What a run goes on from that tries its failures again."""
    past = Past(events)
    past.forget([key for key, end in past.ended.items() if end.state is ActionState.FAILED])
    return past


def nested(*actions: Any, **protocol: Any) -> Tools:
    """Tools of a plan that calls `inner`, an agent of these actions."""
    return Tools({"inner": spec_of(actions, name="inner", **protocol)})


def call(action_id: str, *depends_on: str, **fields: Any) -> Any:
    """An action that calls `inner`."""
    return act(action_id, *depends_on, type="agent", target="inner", **fields)


def flaky(action_id: str, *depends_on: str, fails: int = 2, **fields: Any) -> Any:
    """An action whose first attempts fail."""
    parameters = {"error": "not yet", "fails": fails, "seconds": 1}
    return act(action_id, *depends_on, retry=RETRY, parameters=parameters, **fields)


def broken(action_id: str, *depends_on: str, **fields: Any) -> Any:
    """An action that fails."""
    return act(action_id, *depends_on, parameters={"error": "no", "seconds": 1}, **fields)


def chain() -> RunSpec:
    third = act("c", "b", parameters={"got": "${x}", "seconds": 1})
    return spec_of([act("a", output_key="x", parameters={"gives": 7}), flaky("b", "a"), third])


def side_by_side() -> RunSpec:
    plan = [act(f"a{n}", parameters={"seconds": n}) for n in range(4)]
    return spec_of([*plan, act("z", "a0", "a1", "a2", "a3")], max_parallel_actions=2)


def agents() -> RunSpec:
    tools = nested(act("one", parameters={"says": ["hm"], "gives": 1}), flaky("two", "one"))
    plan = [call("first"), call("second", "first"), act("end", "second", parameters={"seconds": 1})]
    return spec_of(plan, tools)


def agent_with_attempts() -> RunSpec:
    tools = nested(act("one", parameters={"gives": 1}), broken("two", "one"))
    plan = [call("inner", retry=RETRY, on_failure="continue"), act("end", "inner")]
    return spec_of(plan, tools)


def deep() -> RunSpec:
    inner = spec_of([act("leaf", parameters={"seconds": 1}), flaky("other")], name="inner")
    middle = spec_of([call("down"), act("beside")], Tools({"inner": inner}), name="middle")
    outer = act("outer", type="agent", target="middle")
    return spec_of([outer, act("end", "outer")], Tools({"middle": middle}))


def items() -> RunSpec:
    plan = [
        act("list", output_key="l", parameters={"gives": [3, 1, 2]}),
        act("each", for_each="${l}", output_key="got", parameters={"seconds": "${item}"}),
        act("sum", "each", parameters={"all": "${got}"}),
    ]
    return spec_of(plan, max_parallel_actions=2)


def items_of_agents() -> RunSpec:
    tools = nested(act("one", parameters={"seconds": 1}), flaky("two", "one", fails=1))
    plan = [
        act("list", output_key="l", parameters={"gives": [1, 2]}),
        call("each", for_each="${l}"),
    ]
    return spec_of(plan, tools, max_parallel_actions=1)


def failing_items() -> RunSpec:
    each = act("each", for_each="${l}", on_failure="fail", parameters={"error": "${item}"})
    listed = act("list", output_key="l", parameters={"gives": ["x", "y"]})
    return spec_of([listed, each, act("after", "each")])


def decision() -> RunSpec:
    cases = [{"when": "n > 1", "value": "many", "then": ["big"]}]
    choose = act("choose", type="decision", target=None, cases=cases, default={"then": ["small"]})
    count = act("count", output_key="n", parameters={"gives": 3, "seconds": 1})
    return spec_of([count, choose, act("big"), act("small"), act("join", "big", "small")])


def failing_decision() -> RunSpec:
    cases = [{"when": "n > 'x'", "value": 1, "then": ["big"]}]
    choose = act("choose", type="decision", target=None, cases=cases, on_failure="continue")
    count = act("count", output_key="n", parameters={"gives": 3})
    return spec_of([count, choose, act("big"), act("end", "choose")])


def skipped_decision() -> RunSpec:
    cases = [{"when": "true", "value": 1, "then": ["big"]}]
    choose = act(
        "choose", type="decision", target=None, cases=cases, condition="false",
        default={"then": ["small"]},
    )  # fmt: skip
    return spec_of([choose, act("big"), act("small"), act("end", parameters={"seconds": 1})])


def background() -> RunSpec:
    plan = [
        act("ping", mode="fire_and_forget", parameters={"seconds": 2}),
        broken("oops", mode="fire_and_forget"),
        act("work", parameters={"seconds": 3}),
        act("end", "work"),
    ]
    return spec_of(plan, fire_and_forget_grace_seconds=10)


def skips() -> RunSpec:
    plan = [
        act("a", output_key="n", parameters={"gives": 1}),
        act("no", condition="n > 1"),
        act("after", "no"),
        act("never", "a", run_if="failure"),
        act("always", "no", "a", run_if="always", parameters={"seconds": 1}),
        act("computed", "a", type="internal", target=None, parameters={"x": "${n}"}),
    ]
    return spec_of(plan)


def failures() -> RunSpec:
    plan = [
        broken("borne", on_failure="continue"),
        act("next", "borne", parameters={"seconds": 1}),
        broken("bad", retry=RETRY),
        act("after", "bad", on_failure="abort"),
        act("rescue", "bad", run_if="failure", parameters={"seconds": 1}),
        act("beside", parameters={"seconds": 9}),
    ]
    return spec_of(plan)


def any_of() -> RunSpec:
    plan = [
        broken("bad", on_failure="continue"),
        act("slow", parameters={"seconds": 3}),
        act("first", "bad", "slow", wait_for_all=False, parameters={"seconds": 1}),
    ]
    return spec_of(plan)


def gates() -> RunSpec:
    plan = [act("a"), act("gate", mode="sync", parameters={"seconds": 1}), act("b"), flaky("c")]
    return spec_of(plan)


PLANS = [
    chain, side_by_side, agents, agent_with_attempts, deep, items, items_of_agents, failing_items,
    decision, failing_decision, skipped_decision, background, skips, failures, any_of, gates,
]  # fmt: skip


@pytest.mark.no_cover
@pytest.mark.parametrize("plan", PLANS)
async def test_broken_off_anywhere_a_run_comes_to_the_same(plan: Callable[[], RunSpec]) -> None:
    whole = await run(plan())
    for size in range(len(whole) + 1):
        first = whole[:size]
        second = await resume(plan(), Past(first))
        check_same(first, second, whole)


@pytest.mark.no_cover
@pytest.mark.parametrize("plan", [chain, agents, items_of_agents, decision, background])
async def test_broken_off_twice_a_run_comes_to_the_same(plan: Callable[[], RunSpec]) -> None:
    whole = await run(plan())
    for size in range(0, len(whole), 5):
        second = await resume(plan(), Past(whole[:size]))
        for further in range(0, len(second), 5):
            first = [*whole[:size], *second[:further]]
            check_same(first, await resume(plan(), Past(first)), whole)


@pytest.mark.parametrize("plan", [chain, agents, items, background])
async def test_a_cancelled_run_comes_to_the_same(plan: Callable[[], RunSpec]) -> None:
    whole = await run(plan())
    for size in range(1, len(whole), 4):
        first = await cancelled_after(plan(), size)
        second = await resume(plan(), Past(first))
        check_parts(first, second)
        assert second.last.data.outputs == whole.last.data.outputs
        assert {name: end[0] for name, end in final([*first, *second]).items()} == {
            name: end[0] for name, end in final(whole).items()
        }


async def cancelled_after(spec: RunSpec, size: int) -> Log:
    """The log of a run that is cancelled after so many events."""
    log = Log()
    async with stream(spec) as events:
        async for event in events:
            log.append(event)
            if len(log) == size:
                events.cancel()
    return log


def interrupted(whole: Log, action_id: str) -> Log:
    """The part of a run up to the first attempt of an action."""
    begun = next(
        place
        for place, event in enumerate(whole)
        if isinstance(event, ActionStarted) and event.action_id == action_id
    )
    return Log(whole[: begun + 1])


@pytest.mark.parametrize(
    ("fields", "who", "asks", "end"),
    [
        ({"on_interrupted": "rerun", "effect": "external"}, "there", 0, "completed"),
        ({"on_interrupted": "ask"}, "there", 1, "completed"),
        ({"on_interrupted": "fail"}, "there", 0, "failed"),
        ({"effect": "external"}, "there", 1, "completed"),
        ({"effect": "external"}, "away", 0, "completed"),
        ({"effect": "idempotent"}, "there", 0, "completed"),
    ],
)
async def test_what_was_in_flight_follows_on_interrupted(
    fields: dict[str, Any], who: str, asks: int, end: str
) -> None:
    tools, person = Tools(), Person(is_there=who == "there")
    plan = [act("pay", retry=RETRY, parameters={"seconds": 1}, **fields), act("after", "pay")]
    whole = await run(spec_of(plan))
    first = interrupted(whole, "pay")
    second = await resume(spec_of(plan, tools), Past(first), person)
    assert second.ends() == {"pay": end, "after": "completed" if end == "completed" else "skipped"}
    assert len(person.asked) == asks
    assert all(question.was_interrupted for question in person.asked)
    assert [call.attempt for call in tools.calls if call.action.id == "pay"] == [1] * (
        end == "completed"
    )
    if end == "failed":
        assert second.of("action_failed")[0].error_type == "interrupted"
        assert second.last.event_type == "agent_failed"


async def test_nobody_to_ask_about_what_was_in_flight_pauses_the_run_and_a_yes_goes_on() -> None:
    plan = [act("pay", on_interrupted="ask"), act("beside")]
    first = interrupted(await run(spec_of(plan)), "pay")
    second = await resume(spec_of(plan), Past(first))
    assert second.last.event_type == "agent_paused"
    both = [*first, *second]
    third = await resume(spec_of(plan), Past(both), Person())
    assert third.last.event_type == "agent_completed"
    assert third.order() == ["pay"]


@pytest.mark.parametrize("size", range(9))
async def test_what_was_approved_is_not_asked_again(size: int) -> None:
    plan = [
        act("pay", effect="external", on_interrupted="rerun"),
        act("after", "pay", effect="none"),
    ]
    spec = spec_of(plan, require_user_approval=["external"])
    whole = await resume(spec, Past(), Person())
    person = Person()
    first = whole[: size + 3]
    second = await resume(spec, Past(first), person)
    check_same(first, second, whole)
    is_approved = any(event.event_type == "approval_given" for event in first)
    assert len(person.asked) == (not is_approved)


async def test_failures_are_tried_again_with_all_their_attempts_where_that_is_asked_for() -> None:
    plan = [act("good"), broken("bad", "good", retry=RETRY), act("after", "bad"), act("beside")]
    first = await run(spec_of(plan))
    kept = await resume(spec_of(plan), Past(first))
    assert kept.order() == []
    assert kept.last.data.error == first.last.data.error
    good = [act("good"), flaky("bad", "good"), act("after", "bad"), act("beside")]
    second = await resume(spec_of(good), retrying([*first, *kept]))
    assert [data.attempt for data in second.of("action_started", action="bad")] == [1, 2, 3]
    assert second.order() == ["bad", "bad", "bad", "after"]
    assert second.last.event_type == "agent_completed"
    check_parts([*first, *kept], second)


async def test_of_a_nested_run_that_failed_only_its_failures_are_tried_again() -> None:
    def plan(last: Any) -> RunSpec:
        return spec_of([call("inner"), act("after", "inner")], nested(act("one"), last))

    first = await run(plan(broken("two", "one")))
    second = await resume(plan(act("two", "one")), retrying(first))
    assert second.order() == ["inner", "two", "after"]
    assert second.last.event_type == "agent_completed"
    assert second.last.data.outputs["inner"] == {"one": {}, "two": {}}


async def test_of_a_list_that_failed_only_the_failed_items_are_tried_again() -> None:
    def plan(**fields: Any) -> RunSpec:
        listed = act("list", output_key="l", parameters={"gives": [1, 2]})
        return spec_of([listed, act("each", for_each="${l}", **fields)])

    bad = {"error": "no", "fails": "${item}"}
    first = await run(plan(parameters=bad, retry_count=1))
    assert first.ends()["each[0]"] == "completed"
    second = await resume(plan(parameters={"x": "${item}"}), retrying(first))
    assert second.order() == ["each", "each[1]"]
    assert second.last.data.outputs["each"][1] == {"x": 2}


async def test_abort_of_an_earlier_part_still_means_abort() -> None:
    plan = [broken("bad", on_failure="abort"), act("slow", parameters={"seconds": 9}), act("c")]
    first = await run(spec_of(plan))
    second = await resume(spec_of(plan), Past(first))
    assert second.order() == []
    assert second.last.event_type == "agent_failed"


async def test_what_another_run_gave_is_told_of_as_reused() -> None:
    spec = spec_of(
        [act("a", output_key="x", parameters={"gives": 3}), act("b", parameters={"got": "${x}"})]
    )
    past = Past(await run(spec))
    past.only(["a"])
    log = await resume(spec, past)
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))
    assert log.order() == ["b"]
    assert log.of("action_completed", action="a")[0].cached
    assert log.last.data.outputs == {"a": 3, "b": {"got": 3}}
