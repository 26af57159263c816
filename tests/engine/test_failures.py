"""Failures that nothing has put right: who is asked what to do, and what becomes of the answer."""

from collections.abc import Iterable
from typing import Any

import anyio
import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.people import Answer, Decision, Failure, Question
from cortex_cli.engine.ports import RunRequest, RunSpec
from cortex_cli.errors import ActionError
from cortex_cli.events import Event
from cortex_cli.kinds import WayOn
from cortex_cli.protocol.action import Action
from cortex_cli.session.handle import RunHandle
from cortex_cli.testing import ScriptedPlanner
from tests.engine.bench import Log, Tools, act, run, run_with, spec_of
from tests.engine.planned import DONE, goal_spec, step
from tests.engine.resuming import check_same, final, resume
from tests.engine.test_mending import written_spec
from tests.engine.test_replay import kept, replay

pytestmark = pytest.mark.anyio

RETRY, SKIP, STOP = WayOn.RETRY, WayOn.SKIP, WayOn.STOP


class Person:
    """Lets all run, and says what to do about one failure after the other, the last again and again."""

    is_there = True

    def __init__(self, *ways: WayOn | None, seconds: float = 10, decides: bool = True) -> None:
        self.asked: list[Failure] = []
        self._ways = list(ways)
        self._seconds = seconds
        self._decides = decides

    async def ask(self, question: Question) -> Answer | None:
        await anyio.lowlevel.checkpoint()
        return Answer(approved=question.action.id != "denied", by="ada")

    def can_decide(self, failure: Failure) -> bool:
        return self._decides and bool(failure.error)

    async def decide(self, failure: Failure) -> Decision | None:
        self.asked.append(failure)
        way = self._ways.pop(0) if len(self._ways) > 1 else self._ways[0]
        await anyio.sleep(self._seconds)
        return None if way is None else Decision(way=way, by="ada")

    @property
    def names(self) -> list[str]:
        return ["/".join((*failure.path, failure.action.id)) for failure in self.asked]


def broken(action_id: str, *depends_on: str, fails: int = 1_000, **fields: Any) -> Action:
    """An action of which so many attempts fail."""
    parameters = {"error": "broken", "fails": fails, **fields.pop("parameters", {})}
    return act(action_id, *depends_on, parameters=parameters, **fields)


def healing(actions: Iterable[Action], tools: Tools | None = None, **protocol: Any) -> RunSpec:
    return spec_of(actions, tools, self_healing=True, **protocol)


async def test_a_retry_has_all_attempts_again_and_what_comes_after_it_runs() -> None:
    plan = [broken("a", fails=3, retry={"max_attempts": 2, "jitter": False}), act("b", "a")]
    person = Person(RETRY)
    log = await run_with(healing(plan), person)
    assert log.ends() == {"a": "completed", "b": "completed"}
    assert log.last.event_type == "agent_completed"
    kinds = [event.event_type for event in log if event.action_id == "a"]
    attempt, again = ["action_started", "action_retrying"], ["action_queued", "action_started"]
    assert kinds == [
        *attempt, *again, "action_queued", "approval_requested", "approval_given",
        "action_retrying", "action_started", "action_retrying", *again, "action_completed",
    ]  # fmt: skip
    [asked], [given] = log.of("approval_requested"), log.of("approval_given")
    assert (asked.error, asked.error_type, asked.effect) == ("broken", "broken", "external")
    assert asked.question == "'a' failed after 2 attempts. Retry it, skip it, or stop the run?"
    assert (given.approved, given.by, given.answer) == (True, "ada", "retry")
    assert [data.attempt for data in log.of("action_started", action="a")] == [1, 2, 3, 4]
    assert log.of("action_completed", action="a")[0].attempts == 4


async def test_every_attempt_after_an_answer_has_an_idempotency_key_of_its_own() -> None:
    tools = Tools()
    await run_with(healing([broken("a", fails=2)], tools), Person(RETRY))
    assert len({call.idempotency_key for call in tools.calls}) == len(tools.calls) == 3


async def test_a_retry_begins_with_the_first_target_and_falls_back_again() -> None:
    person = Person(RETRY, SKIP)
    log = await run_with(healing([broken("a", fallback=["other"])]), person)
    targets = [data.target for data in log.of("action_started")]
    assert targets == ["tool", "other", "tool", "other"]


async def test_what_is_skipped_stays_failed_and_skips_what_needs_it() -> None:
    plan = [broken("a"), act("b", "a"), act("c", "a", run_if="failure"), act("d")]
    log = await run_with(healing(plan), Person(SKIP))
    assert log.ends() == {"a": "failed", "b": "skipped", "c": "completed", "d": "completed"}
    assert log.last.data.error == "action 'a' failed: broken"
    assert log.of("termination")[0].reason == "action_failed"
    assert log.of("approval_given")[0].answer == "skip"


async def test_stop_ends_the_run_with_all_that_is_nested_in_it() -> None:
    inner = healing([broken("n"), act("m", "n"), act("o", parameters={"seconds": 99})])
    tools = Tools(nested_specs={"x": inner})
    plan = [
        act("ag", type="agent", target="x"),
        act("long", parameters={"seconds": 99}),
        act("after", "long"),
    ]
    log = await run_with(healing(plan, tools), Person(STOP))
    assert log.ends() == {
        "ag/n": "failed", "ag/m": "skipped", "ag/o": "cancelled", "ag": "cancelled",
        "long": "cancelled", "after": "skipped",
    }  # fmt: skip
    assert {data.reason for data in log.of("action_cancelled")} == {"aborted"}
    assert log.of("termination")[-1].reason == "action_failed"
    assert log.last.event_type == "agent_failed"
    assert log.last.data.error == "action 'n' failed: broken"
    assert log.last.data.duration == pytest.approx(10, abs=0.02)


async def test_an_open_question_holds_no_slot_and_no_timeout() -> None:
    plan = [
        broken("a", fails=1, timeout_seconds=2, priority=1),
        act("b", parameters={"seconds": 1}),
        act("c", "b", parameters={"seconds": 1}),
    ]
    log = await run_with(healing(plan, max_parallel_actions=1), Person(RETRY, seconds=600))
    assert log.ends() == dict.fromkeys("abc", "completed")
    assert log.starts()["c"] == pytest.approx(1, abs=0.02)
    assert log.last.data.duration == pytest.approx(600, abs=0.1)


async def test_a_timeout_is_asked_about_as_well() -> None:
    plan = [act("a", parameters={"seconds": 9}, timeout_seconds=1)]
    person = Person(SKIP)
    log = await run_with(healing(plan), person)
    assert person.asked[0].error == log.of("action_failed")[0].error == "timed out after 1 s"


NOT_ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "self_healing is not set": ({}, {"self_healing": None}),
    "it is off": ({}, {"self_healing": False}),
    "an autonomous run never asks": ({}, {"mode": "autonomous"}),
    "one failure is to end the run": ({}, {"fail_fast": True}),
    "its failure ends the run": ({"on_failure": "abort"}, {}),
    "its failure is of no account": ({"on_failure": "continue"}, {}),
    "nothing waits for it": ({"mode": "fire_and_forget"}, {}),
}


@pytest.mark.parametrize("why", NOT_ASKED)
async def test_nobody_is_asked_where(why: str) -> None:
    fields, protocol = NOT_ASKED[why]
    person = Person(RETRY)
    settings: dict[str, Any] = {"self_healing": True, **protocol}
    spec = spec_of([broken("a", **fields)], **settings)
    log = await run_with(spec, person)
    assert (person.asked, log.ends()) == ([], {"a": "failed"})
    assert log.of("approval_requested") == []
    assert log[-1].seconds - log[0].seconds < 1


class Approving:
    """Answers whether actions may run, and nothing else."""

    is_there = True

    async def ask(self, question: Question) -> Answer | None:
        raise AssertionError(question.text)


@pytest.mark.parametrize("person", [None, Approving(), Person(RETRY, decides=False)])
async def test_where_nobody_decides_a_run_ends_as_one_that_does_not_ask(person: Any) -> None:
    plan = [broken("a"), act("b", "a")]
    log = await run_with(healing(plan), person)
    plain = await run_with(spec_of(plan, self_healing=False), person)
    assert log.types() == plain.types()
    assert log.last.event_type == "agent_failed"


async def test_what_a_person_did_not_let_run_is_not_asked_about_again() -> None:
    tools = Tools(nested_specs={"x": spec_of([act("denied")])})
    plan = [act("denied"), act("ag", type="agent", target="x")]
    person = Person(RETRY)
    log = await run_with(healing(plan, tools, require_user_approval=["tool"]), person)
    assert (log.ends(), person.asked) == (
        {"denied": "failed", "ag/denied": "failed", "ag": "failed"}, []
    )  # fmt: skip


async def test_items_of_a_list_are_asked_about_and_not_the_list() -> None:
    plan = [broken("a", for_each=[1, 2], parameters={"fails": 1, "seconds": "$item"})]
    person = Person(RETRY, SKIP)
    log = await run_with(healing(plan), person)
    assert person.names == ["a[0]", "a[1]"]
    assert log.ends() == {"a": "failed", "a[0]": "completed", "a[1]": "failed"}


async def test_in_nested_runs_the_innermost_is_asked_about_and_nothing_around_it() -> None:
    inner = healing([broken("n")])
    middle = healing([act("m", type="agent", target="inner")], Tools({"inner": inner}))
    plan = [act("ag", type="agent", target="middle")]
    person = Person(SKIP)
    log = await run_with(healing(plan, Tools({"middle": middle})), person)
    assert person.names == ["ag/m/n"]
    assert log.ends() == dict.fromkeys(["ag", "ag/m", "ag/m/n"], "failed")


async def test_a_nested_run_that_does_not_ask_is_asked_about_as_a_whole() -> None:
    tools = Tools(nested_specs={"x": spec_of([act("first"), broken("n", "first")])})
    person = Person(RETRY, SKIP)
    log = Log(await run_with(healing([act("ag", type="agent", target="x")], tools), person))
    assert person.names == ["ag", "ag"]
    assert log.order() == ["ag", "first", "n"] * 2


async def test_a_nested_run_that_was_asked_about_begins_anew_after_the_run_was_killed() -> None:
    def spec() -> RunSpec:
        inner = spec_of([act("first"), broken("n", "first", fails=1)])
        tools = Tools(nested_specs={"x": inner})
        return healing([act("ag", type="agent", target="x")], tools)

    whole = await run_with(spec(), Person(RETRY, SKIP))
    asked = whole.types().index("approval_requested") + 1
    person = Person(RETRY, SKIP)
    second = await resume(spec(), Past(whole[:asked]), person)
    assert [failure.was_open for failure in person.asked] == [True, False]
    assert second.order() == ["ag", "first", "n"]
    assert second.last.event_type == "agent_failed"


async def test_a_failure_that_was_let_stand_is_not_asked_about_further_out() -> None:
    inner = healing([broken("n")])
    middle = spec_of([act("m", type="agent", target="inner")], Tools({"inner": inner}))
    person = Person(SKIP)
    outer = healing([act("ag", type="agent", target="middle")], Tools({"middle": middle}))
    await run_with(outer, person)
    assert person.names == ["ag/m/n"]


async def test_a_person_is_asked_once_the_patches_are_used_up() -> None:
    plan = (step("bad", error="one"), step("after", "bad"))
    patch = (step("bad", target="other", error="two"), step("after", "bad"))
    planner = ScriptedPlanner([(*plan, DONE), patch])
    person = Person(RETRY, SKIP)
    log = await run_with(goal_spec(planner, max_patches=1, terminate_on_error=True), person)
    assert person.names == ["bad-2", "bad-2"]
    assert len(log.of("plan_patched")) == 2
    assert (log.last.event_type, len(planner.orders)) == ("agent_failed", 2)


async def test_plans_of_models_are_asked_about_unless_that_is_switched_off() -> None:
    person = Person(SKIP)
    turns = [(step("a", error="no"),), (DONE,)]
    await run_with(goal_spec(turns, max_patches=0), person)
    assert person.names == ["a"]
    quiet = Person(SKIP)
    await run_with(goal_spec(turns, self_healing=False), quiet)
    assert quiet.asked == []


async def test_a_written_plan_is_patched_first() -> None:
    person = Person(SKIP)
    planner = ScriptedPlanner([(step("bad", target="other", error="worse"),)])
    log = await run_with(written_spec(planner, self_healing=True, max_patches=1), person)
    assert person.names == ["bad-2"]
    assert log.ends()["bad"] == log.ends()["bad-2"] == "failed"


async def test_one_that_can_not_be_asked_after_all_leaves_the_failure_as_it_is() -> None:
    log = await run_with(healing([broken("a")]), Person(None))
    assert log.of("action_failed")[0].error == "broken"

    class Gone(Person):
        async def decide(self, failure: Failure) -> Decision | None:
            message = f"the line is dead: {failure.action.id}"
            raise ActionError(message, error_type="approver")

    log = await run_with(healing([broken("a")]), Gone(SKIP))
    [failed] = log.of("action_failed")
    assert failed.error == "broken; and nobody could be asked what to do: the line is dead: a"
    assert failed.error_type == "broken"


async def test_parameters_that_can_not_be_resolved_are_asked_about_without_them() -> None:
    deep = "${inputs.big}" * 2
    log, person = Log(), Person(SKIP)
    request = RunRequest(inputs={"big": "x" * 9 * 1024 * 1024}, approver=person)
    spec = healing([act("a", parameters={"text": deep})])
    async with RunHandle(spec, request).stream() as events:
        async for event in events:
            log.append(event)
    assert person.asked[0].parameters == {}
    assert log.ends() == {"a": "failed"}


async def stopped_at(spec: RunSpec, kind: str) -> list[Event]:
    """The events of a run that is cancelled at the first event of a kind."""
    log: list[Event] = []
    async with RunHandle(spec, RunRequest(approver=Person(RETRY))).stream() as events:
        async for event in events:
            log.append(event)
            if event.event_type == kind:
                events.cancel()
    return log


async def test_a_run_that_is_cancelled_meanwhile_asks_again_when_it_goes_on() -> None:
    spec = healing([broken("a", fails=1), act("b", "a")])
    first = await stopped_at(spec, "approval_requested")
    assert first[-1].event_type == "agent_cancelled"
    assert Log(first).ends() == {"a": "cancelled", "b": "skipped"}
    person = Person(RETRY)
    second = await resume(spec, Past(first), person)
    assert [failure.was_open for failure in person.asked] == [True]
    assert second.ends() == {"a": "completed", "b": "completed"}
    assert [data.attempt for data in second.of("action_started", action="a")] == [2]


@pytest.mark.parametrize("answers", [(RETRY,), (SKIP,), (STOP,), (RETRY, SKIP)])
@pytest.mark.parametrize("fails", [1, 3])
async def test_a_run_that_is_killed_at_any_event_asks_again_what_is_open_and_nothing_else(
    answers: tuple[WayOn, ...], fails: int
) -> None:
    retry = {"max_attempts": 2, "jitter": False}

    def spec() -> RunSpec:
        inner = healing([broken("n", fails=fails, retry=retry), act("m", "n")])
        plan = [act("ag", type="agent", target="x"), act("long", parameters={"seconds": 60})]
        return healing(plan, Tools(nested_specs={"x": inner}))

    whole = await run_with(spec(), Person(*answers))
    for size in range(1, len(whole)):
        first = whole[:size]
        given = len(Log(first).of("approval_given"))
        person = Person(*answers[given:] or answers[-1:])
        second = await resume(spec(), Past(first), person)
        assert len(person.asked) == len(whole.of("approval_given")) - given, size
        assert second.last.event_type == whole.last.event_type
        if answers[-1] is not STOP:
            check_same(first, second, whole)


async def test_without_a_person_what_was_open_fails_when_the_run_goes_on() -> None:
    spec = healing([broken("a"), act("b", "a")])
    whole = await run_with(spec, Person(SKIP))
    asked = whole.types().index("approval_requested") + 1
    tools = Tools()
    second = await resume(healing([broken("a"), act("b", "a")], tools), Past(whole[:asked]))
    assert (second.ends(), tools.calls) == ({"a": "failed", "b": "skipped"}, [])
    assert (second.of("action_failed")[0].error, second.last.event_type) == (
        "broken",
        "agent_failed",
    )


async def test_what_somebody_retries_needs_no_further_approval() -> None:
    spec = healing([broken("a", fails=1)], require_user_approval=True)
    whole = await run_with(spec, Person(RETRY))
    answered = whole.types().index("action_retrying") + 1
    second = await resume(spec, Past(whole[:answered]), Person(SKIP))
    assert second.ends() == {"a": "completed"}
    assert second.of("approval_requested") == []


@pytest.mark.no_cover
@pytest.mark.parametrize("answers", [(RETRY,), (SKIP,), (STOP,), (None,), (RETRY, SKIP)])
@pytest.mark.parametrize("fails", [1, 3])
async def test_questions_about_failures_are_replayed(
    answers: tuple[WayOn | None, ...], fails: int
) -> None:
    inner = healing([broken("n", fails=fails), act("m", "n")])
    tools = Tools(nested_specs={"x": inner, "y": spec_of([broken("k", fails=fails)])})
    plan = [
        act("ag", type="agent", target="x"),
        act("whole", type="agent", target="y"),
        act("slow", parameters={"seconds": 9}, timeout_seconds=1, fallback=["other"]),
        act("wrong", type="internal", target=None, parameters={"text": "${inputs.big}" * 2}),
        broken("each", for_each=[1, 2], parameters={"fails": fails}),
        act("long", parameters={"seconds": 60}),
    ]
    spec = healing(plan, tools)
    log = kept(await run_with(spec, Person(*answers)))
    calls = len(tools.calls)
    assert await replay(spec, log, RunRequest(approver=Person(STOP))) == log
    assert len(tools.calls) == calls


async def test_a_run_that_asked_nobody_is_replayed_without_a_question() -> None:
    spec = healing([broken("a"), act("b", "a")])
    log = kept(await run(spec))
    assert await replay(spec, log, RunRequest(approver=Person(STOP))) == log


async def test_a_question_that_was_taken_back_is_replayed() -> None:
    spec = healing([broken("a", fails=1), act("b", "a")])
    first = kept(await stopped_at(spec, "approval_requested"))
    assert await replay(spec, first, RunRequest(approver=Person(STOP))) == first
    second = kept(await resume(spec, Past(first), Person(RETRY)))
    both = [*first, *second]
    assert await replay(spec, both, RunRequest(approver=Person(STOP))) == both
    assert final(both)["a"][0] == "action_completed"
