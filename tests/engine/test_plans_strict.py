"""Plans that a person must approve: mode `strict`."""

from collections.abc import Iterable

import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.planner import FinalAnswer
from cortex_cli.engine.ports import Answer, Approver, Question, RunRequest, RunSpec
from cortex_cli.session.handle import RunHandle
from cortex_cli.testing import ScriptedPlanner
from tests.engine.bench import Log, Tools, run
from tests.engine.planned import DONE, goal_spec, step
from tests.engine.resuming import check_same, resume

pytestmark = pytest.mark.anyio


class Person:
    """Answers one question after the other: a text is a no with a reason."""

    def __init__(self, answers: Iterable[bool | str | None]) -> None:
        self._answers = iter(answers)
        self.asked: list[Question] = []
        self.is_there = True

    async def ask(self, question: Question) -> Answer | None:
        self.asked.append(question)
        answer = next(self._answers)
        if answer is None:
            return None
        text = answer if isinstance(answer, str) else None
        return Answer(approved=answer is True, by="ann", text=text)


async def run_asking(spec: RunSpec, approver: Approver) -> Log:
    log = Log()
    async with RunHandle(spec, RunRequest(approver=approver)).stream() as events:
        async for event in events:
            log.append(event)
    return log


async def test_a_plan_is_held_back_shown_and_runs_once_it_is_approved() -> None:
    person = Person([True])
    turn = (step("a", seconds=1), 5, step("b", "a"), DONE)
    log = await run_asking(goal_spec([turn], mode="strict"), person)
    (shown,) = log.of("plan_generated")
    assert shown.complete
    assert [action.id for action in shown.report.actions] == ["approve_plan", "a", "b"]
    assert shown.report.estimate.scheduled_seconds == 600
    assert [question.text for question in person.asked] == [
        "May 'approve_plan' go ahead: the plan of iteration 1?"
    ]
    assert log.ends() == dict.fromkeys(["approve_plan", "a", "b"], "completed")
    assert log.starts()["a"] == pytest.approx(5, abs=0.02)
    assert log.last.data.outputs == "done"


async def test_a_plan_that_is_denied_goes_back_with_what_was_said() -> None:
    person = Person(["too risky", True])
    planner = ScriptedPlanner([(step("a", run_if="always"),), (step("b"), DONE)])
    log = await run_asking(goal_spec(planner, mode="strict"), person)
    said = planner.orders[1].outcomes[0]
    assert (said.status, said.error) == ("failed", "ann said no: too risky")
    assert log.ends() == {
        "approve_plan": "failed",
        "a": "skipped",
        "approve_plan-2": "completed",
        "b": "completed",
    }


async def test_without_anyone_to_ask_the_run_pauses_and_goes_on_where_it_was() -> None:
    log = await run(goal_spec([(step("a"), DONE)], mode="strict"))
    assert (log.last.event_type, log.last.data.error_type) == ("agent_paused", "approval_needed")
    assert "'approve_plan'" in log.last.data.error
    second = await resume(goal_spec([], mode="strict"), Past(log), Person([True]))
    assert second.ends() == {"approve_plan": "completed", "a": "completed"}
    assert second.last.data.outputs == "done"


async def test_a_run_that_is_broken_off_at_any_event_asks_no_more_than_it_must() -> None:
    turns = ((step("a", seconds=1), step("b", "a")), (FinalAnswer("x"),))

    def spec() -> RunSpec:
        return goal_spec(lambda order: turns[order.iteration - 1], mode="strict")

    whole = await run_asking(spec(), Person([True]))
    for size in range(1, len(whole)):
        second = await resume(spec(), Past(whole[:size]), Person([True]))
        check_same(whole[:size], second, whole)


async def test_an_answer_alone_needs_no_approval() -> None:
    log = await run(goal_spec([(DONE,)], mode="strict"))
    assert (log.last.event_type, log.ends()) == ("agent_completed", {})


async def test_the_plans_of_what_is_nested_are_asked_for_too() -> None:
    tools = Tools(nested_specs={"helper": goal_spec([(step("x"), DONE)])})
    call = {"id": "ask", "type": "agent", "target": "helper"}
    person = Person([True, True])
    log = await run_asking(goal_spec([(call, DONE)], tools, mode="strict"), person)
    assert [question.path for question in person.asked] == [(), ("ask",)]
    assert log.last.event_type == "agent_completed"


async def test_the_approval_is_no_output_of_the_run() -> None:
    spec = goal_spec([(step("a", gives=1),)], mode="strict", max_iterations=1)
    assert (await run_asking(spec, Person([True]))).last.data.outputs == {"a": 1}


async def test_autonomous_runs_never_ask() -> None:
    log = await run_asking(goal_spec([(step("a"), DONE)], mode="autonomous"), Person([]))
    assert log.ends() == {"a": "completed"}
