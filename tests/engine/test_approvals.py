"""Approvals: who is asked, and what becomes of the answers."""

from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from cortex_cli.engine.ports import Answer, Question, RunRequest
from cortex_cli.errors import ActionError
from cortex_cli.session.handle import RunHandle
from tests.engine.bench import Log, Tools, act, run_with, spec_of


@dataclass
class Person:
    """Answers by id after some seconds: yes, unless `says` tells otherwise; None: not there."""

    says: dict[str, bool | None] = field(default_factory=dict[str, bool | None])
    seconds: float = 1.0
    asked: list[str] = field(default_factory=list[str])
    is_there: bool = True

    async def ask(self, question: Question) -> Answer | None:
        self.asked.append(question.text)
        await anyio.sleep(self.seconds)
        answer = self.says.get(question.action.id, True)
        return None if answer is None else Answer(approved=answer, by="ada", text="as I said")


async def test_an_action_waits_for_its_approval_and_holds_no_slot_meanwhile() -> None:
    plan = [
        act("a", parameters={"seconds": 1, "note": "n"}),
        act("b", type="internal", target=None),
    ]
    person = Person()
    log = await run_with(spec_of(plan, require_user_approval=True, max_parallel_actions=1), person)
    assert person.asked == ["May 'a' call tool 'tool'?"]
    kinds = [event.event_type for event in log if event.action_id == "a"]
    assert kinds == [
        "action_queued", "approval_requested", "approval_given", "action_started",
        "action_completed",
    ]  # fmt: skip
    [asked], [given] = log.of("approval_requested"), log.of("approval_given")
    assert (asked.effect, asked.parameters["note"]) == ("external", "n")
    assert (given.approved, given.by, given.answer) == (True, "ada", "as I said")
    assert log.of("action_queued")[0].reason == "approval"
    assert log.of("action_completed", action="a")[0].duration_seconds == pytest.approx(1, abs=0.01)


async def test_a_no_fails_the_action_without_an_attempt() -> None:
    log = await run_with(
        spec_of([act("a"), act("b", "a")], require_user_approval=True), Person({"a": False})
    )
    assert log.ends() == {"a": "failed", "b": "skipped"}
    [failed] = log.of("action_failed")
    assert (failed.error, failed.error_type, failed.attempts) == (
        "ada said no: as I said", "denied", 0
    )  # fmt: skip


async def test_questions_of_one_moment_are_asked_side_by_side() -> None:
    log = await run_with(
        spec_of([act("a"), act("b"), act("c")], require_user_approval=["tool"]), Person()
    )
    assert log.ends() == dict.fromkeys("abc", "completed")
    assert log[-1].seconds - log[0].seconds == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        (True, {"t", "n0"}),
        (["external"], {"t", "ag", "n0"}),
        (["none"], {"i"}),
        (["internal", "idempotent"], {"i", "safe"}),
    ],
)
async def test_the_rule_says_by_type_or_effect_who_must_ask_in_nested_runs_too(
    rule: Any, asked: set[str]
) -> None:
    tools = Tools(nested_specs={"x": spec_of([act("n0")])})
    plan = [
        act("t"),
        act("safe", effect="idempotent"),
        act("ag", type="agent", target="x"),
        act("i", type="internal", target=None),
    ]
    person = Person()
    log = await run_with(spec_of(plan, tools, require_user_approval=rule), person)
    found = {event.action_id for event in log if event.event_type == "approval_requested"}
    assert found == (asked | ({"safe"} if rule is True else set()))


async def test_each_item_of_a_list_asks_for_itself() -> None:
    plan = [act("a", for_each=[1, 2])]
    log = await run_with(spec_of(plan, require_user_approval=True), Person({"a[1]": False}))
    assert log.ends() == {"a": "failed", "a[0]": "completed", "a[1]": "failed"}


async def test_with_nobody_to_ask_all_else_runs_and_the_run_pauses() -> None:
    tools = Tools(nested_specs={"x": spec_of([act("n0"), act("n1", "n0")])})
    plan = [
        act("a", effect="none"),
        act("b", "a"),
        act("c", "b", effect="none"),
        act("slow", effect="none", parameters={"seconds": 5}),
        act("ag", type="agent", target="x"),
        act("f", mode="fire_and_forget"),
    ]
    log = await run_with(spec_of(plan, tools, require_user_approval=["external"]))
    assert log.ends() == {
        "a": "completed", "slow": "completed", "b": "skipped", "c": "skipped",
        "ag": "skipped", "f": "skipped",
    }  # fmt: skip
    assert {data.reason for data in log.of("action_skipped")} == {"paused"}
    assert log.of("termination")[-1].reason == "approval_needed"
    assert log.types()[-1] == "agent_paused"
    assert log.last.data.error == "nobody could be asked to approve 'ag', 'b', 'f'"
    assert log.last.data.error_type == "approval_needed"


async def test_a_nested_run_pauses_with_the_run_around_it() -> None:
    tools = Tools(nested_specs={"x": spec_of([act("n0"), act("n1", "n0")])})
    plan = [act("ag", type="agent", target="x")]
    log = await run_with(spec_of(plan, tools, require_user_approval=True))
    assert log.ends() == {"ag/n0": "skipped", "ag/n1": "skipped", "ag": "cancelled"}
    assert [data.reason for data in log.of("termination")] == ["approval_needed"] * 2
    assert log.of("action_cancelled")[0].reason == "paused"


async def test_an_approver_who_is_not_there_pauses_the_run_as_well() -> None:
    log = await run_with(spec_of([act("a")], require_user_approval=True), Person({"a": None}))
    assert log.types()[-1] == "agent_paused"


async def test_an_autonomous_run_never_asks() -> None:
    person = Person()
    spec = spec_of([act("a")], require_user_approval=True, mode="autonomous")
    log = await run_with(spec, person)
    assert person.asked == []
    assert log.types()[-1] == "agent_paused"


async def test_an_autonomous_run_takes_what_was_answered_beforehand() -> None:
    log, person, given = Log(), Person(), Person({"b": None})
    plan = [act("a"), act("b")]
    spec = spec_of(plan, require_user_approval=True, mode="autonomous")
    async with RunHandle(spec, RunRequest(approver=person, answers=given)).stream() as events:
        async for event in events:
            log.append(event)
    assert (person.asked, len(given.asked)) == ([], 2)
    assert log.ends() == {"a": "completed", "b": "skipped"}
    assert log.types()[-1] == "agent_paused"


async def test_the_end_of_a_run_ends_its_questions() -> None:
    plan = [act("a"), act("b", effect="none", on_failure="abort", parameters={"error": "no"})]
    log = await run_with(spec_of(plan, require_user_approval=True), Person(seconds=3600))
    assert log.ends() == {"a": "skipped", "b": "failed"}
    assert log[-1].seconds - log[0].seconds < 1


async def test_cancelling_ends_questions_too() -> None:
    log = Log()
    spec = spec_of([act("a")], require_user_approval=True)
    async with RunHandle(spec, RunRequest(approver=Person(seconds=3600))).stream() as events:
        async for event in events:
            log.append(event)
            if event.event_type == "approval_requested":
                events.cancel()
    assert log.ends() == {"a": "skipped"}
    assert log.types()[-1] == "agent_cancelled"


async def test_parameters_that_can_not_be_shown_fail_the_action() -> None:
    deep = "${inputs.big}" * 2
    plan = [act("a", parameters={"text": deep})]
    spec = spec_of(plan, require_user_approval=True)
    log = Log()
    request = RunRequest(inputs={"big": "x" * 9 * 1024 * 1024}, approver=Person())
    async with RunHandle(spec, request).stream() as events:
        async for event in events:
            log.append(event)
    assert log.ends() == {"a": "failed"}


async def test_an_approver_that_fails_fails_the_action() -> None:
    class Broken:
        is_there = True

        async def ask(self, question: Question) -> Answer | None:
            message = f"the door bell is broken: {question.action.id}"
            raise ActionError(message, error_type="approver")

    log = await run_with(spec_of([act("a")], require_user_approval=True), Broken())
    assert log.of("action_failed")[0].error == "the door bell is broken: a"
