"""What is kept of the earlier part of a run, event by event."""

from collections.abc import Iterable
from typing import Any

import pytest

from cortex_cli.engine.past import Past, key_of
from cortex_cli.events import (
    ActionCancelled,
    ActionCancelledData,
    ActionCompleted,
    ActionCompletedData,
    ActionFailed,
    ActionFailedData,
    ActionRetrying,
    ActionRetryingData,
    ActionSkipped,
    ActionSkippedData,
    ActionStarted,
    ActionStartedData,
    AgentStarted,
    AgentStartedData,
    ApprovalGiven,
    ApprovalGivenData,
    Event,
    IterationStarted,
    IterationStartedData,
    Usage,
)
from cortex_cli.kinds import ActionMode, ActionState, ActionType, CancelReason, SkipReason


class Story:
    """The events of a run, written by hand."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, kind: Any, data: Any, place: str = "", action_id: str | None = None) -> None:
        named = {} if action_id is None else {"action_id": action_id, "action_name": action_id}
        event = kind(
            schema=1,
            sequence=len(self.events) + 1,
            timestamp="2024-01-01T00:00:05.000Z",
            execution_id="run",
            iteration=1,
            path=tuple(place.split("/")) if place else (),
            data=data,
            **named,
        )
        self.events.append(event)

    def begin(self, place: str = "", iteration: int = 1, **inputs: Any) -> None:
        data = AgentStartedData(agent_name="a", max_iterations=9, inputs=inputs, estimate=None)
        self.add(AgentStarted, data, place)
        self.iterate(place, iteration)

    def iterate(self, place: str, iteration: int) -> None:
        data = IterationStartedData(iteration=iteration, max_iterations=9)
        self.add(IterationStarted, data, place)

    def start(self, name: str, attempt: int = 1) -> None:
        kind, mode = ActionType.TOOL, ActionMode.ASYNC
        data = ActionStartedData(type=kind, mode=mode, target="t", attempt=attempt, parameters={})
        self.about(ActionStarted, data, name)

    def about(self, kind: Any, data: Any, name: str) -> None:
        path, action_id = key_of(name)
        self.add(kind, data, "/".join(path), action_id)

    def complete(self, name: str, output: Any = None) -> None:
        usage = Usage(input_tokens=3)
        data = ActionCompletedData(output=output, duration_seconds=2, attempts=1, usage=usage)
        self.about(ActionCompleted, data, name)

    def fail(self, name: str) -> None:
        data = ActionFailedData(error="no", error_type="t", attempts=1, duration_seconds=1)
        self.about(ActionFailed, data, name)

    def retry(self, name: str, attempt: int) -> None:
        data = ActionRetryingData(attempt=attempt, error="e", error_type="t", delay_seconds=1)
        self.about(ActionRetrying, data, name)


@pytest.fixture
def story() -> Story:
    """A run that has begun."""
    story = Story()
    story.begin(x=1)
    return story


def names(keys: Iterable[tuple[tuple[str, ...], str]]) -> set[str]:
    """Paths and ids, joined."""
    return {"/".join((*path, name)) for path, name in keys}


def test_nothing_has_happened_before_a_new_run() -> None:
    past = Past()
    assert (past.sequence, past.started_at, past.inputs) == (0, 0.0, {})
    assert (past.ended, past.in_flight, past.of(())) == ({}, {}, {})


def test_the_first_start_of_a_run_says_when_it_began_and_with_what(story: Story) -> None:
    story.begin("inner", y=2)
    story.begin(x=3)
    past = Past(story.events)
    assert past.inputs == {"x": 1}
    assert past.started_at == 1_704_067_205
    assert past.sequence == len(story.events)


def test_what_has_ended_keeps_its_end_and_what_is_in_flight_its_attempt(story: Story) -> None:
    for name in ("done", "bad", "runs"):
        story.start(name)
    story.complete("done", output=[1])
    story.fail("bad")
    past = Past(story.events)
    assert past.in_flight == {((), "runs"): 1}
    done, bad = past.of(())["done"], past.of(())["bad"]
    assert (done.state, done.output, done.duration_seconds) == (ActionState.COMPLETED, [1], 2)
    assert done.usage == Usage(input_tokens=3)
    assert (bad.state, bad.error, bad.error_type) == (ActionState.FAILED, "no", "t")


@pytest.mark.parametrize("reason", SkipReason)
def test_only_skips_that_the_plan_itself_demands_last(story: Story, reason: SkipReason) -> None:
    story.about(ActionSkipped, ActionSkippedData(reason=reason), "a")
    assert bool(Past(story.events).ended) == (
        reason
        in {
            SkipReason.CONDITION_FALSE,
            SkipReason.NOT_CHOSEN,
            SkipReason.UPSTREAM_SKIPPED,
            SkipReason.NOTHING_FAILED,
        }
    )


def test_what_was_cancelled_goes_on_as_the_attempt_that_it_was(story: Story) -> None:
    story.start("a")
    story.retry("a", 1)
    story.start("a", 2)
    story.about(ActionCancelled, ActionCancelledData(reason=CancelReason.CANCELLED), "a")
    past = Past(story.events)
    assert past.ended == {}
    assert past.in_flight == {((), "a"): 2}


def test_an_attempt_that_failed_counts_and_is_not_in_flight(story: Story) -> None:
    story.start("a")
    story.retry("a", 1)
    past = Past(story.events)
    assert past.in_flight == {}
    assert past.retried == {((), "a"): 1}


def test_a_further_attempt_of_a_nested_run_has_nothing_of_the_one_before(story: Story) -> None:
    story.start("inner")
    story.begin("inner")
    story.start("inner/a")
    story.complete("inner/a")
    story.start("beside")
    story.complete("beside")
    assert names(Past(story.events).ended) == {"inner/a", "beside"}
    story.fail("inner/b")
    story.retry("inner", 1)
    assert names(Past(story.events).ended) == {"beside"}
    story.start("inner", 2)
    story.begin("inner")
    story.complete("inner/b")
    assert names(Past(story.events).ended) == {"inner/b", "beside"}


def test_a_further_iteration_keeps_what_those_before_it_have_done(story: Story) -> None:
    story.complete("a")
    story.begin()
    for iteration in (2, 3):
        story.iterate("", iteration)
        assert names(Past(story.events).ended) == {"a"}
        story.complete("a")


def test_approvals_are_kept_and_refusals_are_not(story: Story) -> None:
    story.about(ApprovalGiven, ApprovalGivenData(approved=True, by="b"), "yes")
    story.about(ApprovalGiven, ApprovalGivenData(approved=False, by="b"), "no")
    past = Past(story.events)
    assert past.approved == {((), "yes")}
    past.forget([((), "yes")])
    assert past.approved == set()


def test_what_is_forgotten_runs_again_and_what_is_nested_in_it_does_not(story: Story) -> None:
    story.start("inner")
    story.begin("inner")
    story.complete("inner/a")
    story.fail("inner")
    past = Past(story.events)
    assert set(past.of(())) == {"inner"}
    past.forget([((), "inner")])
    assert (past.of(()), set(past.of(("inner",)))) == ({}, {"a"})
    past.forget_within(("inner",))
    assert past.of(("inner",)) == {}


def test_what_was_forgotten_stays_so_until_it_ends_once_more(story: Story) -> None:
    story.complete("a", output="old")
    story.complete("b", output="old")
    forgotten = {"a": len(story.events), "b": len(story.events)}
    assert Past(story.events, forgotten=forgotten).ended == {}
    story.begin()
    story.start("a", 1)
    assert Past(story.events, forgotten=forgotten).in_flight == {((), "a"): 1}
    story.complete("a", output="new")
    ended = Past(story.events, forgotten=forgotten).of(())
    assert {name: end.output for name, end in ended.items()} == {"a": "new"}


def test_another_run_gives_only_what_it_completed_of_what_is_asked_for(story: Story) -> None:
    for name in ("a", "b", "inner/a"):
        story.complete(name)
    story.fail("bad")
    story.start("runs")
    past = Past(story.events)
    past.only(["a", "bad", "runs"])
    assert names(past.ended) == {"a"}
    assert (past.is_own, past.sequence, past.in_flight) == (False, 0, {})
