import json

import msgspec
import pytest

import cortex_cli.events as ev
from cortex_cli.kinds import ActionState, ActionType
from cortex_cli.ui.about_run import AboutRun, RunState, state_of, way_on
from cortex_cli.ui.action_story import WaitCause
from cortex_cli.ui.looking_back import MOST_NAMED, look_back
from cortex_cli.ui.run_report import Miss
from cortex_cli.ui.run_story import tell
from tests.ui.past_runs import ABOUT, build, cut_short, study, told, two_turns
from tests.ui.script import Script, planned


def test_waits_are_summed_by_cause() -> None:
    waits = {wait.cause: wait for wait in look_back(told(build()), ABOUT).waits}
    assert list(waits) == [WaitCause.DEPENDENCY, WaitCause.SLOT, WaitCause.RETRY]
    assert (waits[WaitCause.SLOT].longest, waits[WaitCause.SLOT].longest_seconds) == ("lint", 2.0)
    assert round(waits[WaitCause.RETRY].on_path_seconds, 3) == 1.0
    study_waits = {wait.cause: wait for wait in look_back(told(study()), ABOUT).waits}
    assert study_waits[WaitCause.RATE].on_path_seconds == 1.5


def test_the_slowest_are_leaves_and_the_worst_estimates_are_named() -> None:
    report = look_back(told(build()), ABOUT)
    assert report.slowest[:2] == ("unit", "upload")
    assert report.against_plan is not None
    assert [miss.action for miss in report.against_plan.misses] == ["lint", "unit", "integration"]
    assert report.against_plan.compared == 5
    nested = look_back(told(study()), ABOUT)
    assert "read" not in nested.slowest
    assert "fetch" not in nested.slowest


def test_estimates_of_what_tells_nothing_are_not_compared() -> None:
    script = (
        Script()
        .start()
        .plan([planned("cached"), planned("free", kind=ActionType.INTERNAL), planned("stopped")])
    )
    script.begin("cached").complete("cached", cached=True, seconds=0.0)
    script.begin("free", kind=ActionType.INTERNAL).complete("free").begin("stopped")
    script.begin("unplanned").complete("unplanned", seconds=9.0).cancel("stopped").end()
    against = look_back(told(script), ABOUT).against_plan
    assert against is not None
    assert (against.compared, against.misses) == (0, ())


def test_only_the_worst_are_named_and_all_are_compared() -> None:
    names = [f"a{number}" for number in range(30)]
    script = Script().start().plan([planned(name) for name in names])
    for number, name in enumerate(names):
        script.begin(name).at(script.time + 5).complete(name, seconds=1.0 + number)
    report = look_back(told(script.end()), ABOUT)
    assert report.against_plan is not None
    assert report.against_plan.compared == 30
    assert len(report.against_plan.misses) == len(report.slowest) == MOST_NAMED
    assert report.against_plan.misses[0] == Miss(
        action="a29", estimate_seconds=1.0, estimate_source="estimate_seconds", seconds=30.0
    )


def test_without_a_plan_or_with_several_there_is_nothing_to_compare_with() -> None:
    assert look_back(told(Script().start()), ABOUT).against_plan is None
    assert look_back(told(two_turns()), ABOUT).against_plan is None


def test_the_report_is_one_json_object() -> None:
    report = look_back(told(build()), ABOUT, text_kept=4)
    found = json.loads(msgspec.json.encode(report))
    assert found["state"] == "failed"
    assert found["counts"] == {"completed": 6, "failed": 1, "skipped": 2}
    checkout = found["actions"][0]
    assert (checkout["action"], checkout["output"], checkout["output_characters"]) == (
        "checkout",
        "a1b2",
        6,
    )
    assert found["outputs"]["tests"] == {"passed": 12}


def test_an_action_is_found_by_its_label_the_last_of_several() -> None:
    report = look_back(told(two_turns()), ABOUT)
    assert report.of("look").state is ActionState.SKIPPED
    with pytest.raises(KeyError):
        report.of("gone")


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (ev.AgentCompleted, RunState.COMPLETED),
        (ev.AgentFailed, RunState.FAILED),
        (ev.AgentPaused, RunState.PAUSED),
        (ev.AgentCancelled, RunState.CANCELLED),
    ],
)
def test_the_last_event_tells_how_a_run_ended(kind: type[ev.AgentEnded], state: RunState) -> None:
    assert state_of(Script().start().end(kind).view, ABOUT) is state


def test_without_a_last_event_a_run_goes_on_or_was_interrupted() -> None:
    view = Script().start().view
    assert state_of(view, AboutRun(is_running=True)) is RunState.RUNNING
    assert way_on(view, AboutRun(is_running=True)) is None
    assert state_of(view, ABOUT) is RunState.INTERRUPTED
    assert way_on(view, ABOUT) == "cortex resume run-7f3a"
    assert way_on(build().view, ABOUT) == "cortex resume run-7f3a --retry-failed"


def test_an_interrupted_run_is_looked_back_at_as_far_as_it_came() -> None:
    report = look_back(tell(cut_short(build(), 12)), AboutRun(started_at=1.0))
    assert report.state is RunState.INTERRUPTED
    assert report.ended_at is None
    assert report.duration_seconds == 3.5
    assert report.counts[ActionState.COMPLETED] == 3
    empty = look_back(tell([]), AboutRun(started_at=1.0))
    assert (empty.started_at, empty.actions, empty.duration_seconds) == (1.0, (), 0.0)


def test_models_are_counted_by_model_and_by_action_without_counting_twice() -> None:
    used = look_back(told(study()), ABOUT).used
    assert used is not None
    by_action = {spent.name: spent.usage for spent in used.by_action}
    assert by_action["read/skim"].input_tokens == 100
    assert by_action["read"] == ev.Usage(input_tokens=50, output_tokens=10, cost_usd=0.005)
    assert by_action["write"] == ev.Usage(input_tokens=10, output_tokens=200)
    assert by_action[""] == ev.Usage(input_tokens=40, output_tokens=10, cost_usd=0.005)
    by_model = {spent.name: spent.usage.input_tokens for spent in used.by_model}
    assert by_model == {"small": 100, "": 50, "large": 10}


def test_what_an_unfinished_run_has_used_is_the_sum_of_its_actions() -> None:
    script = Script().start().plan([planned("a"), planned("b")]).begin("a").begin("b")
    script.complete("a", usage=ev.Usage(input_tokens=5)).complete("b", usage=ev.Usage())
    used = look_back(told(script), ABOUT).used
    assert used is not None
    assert used.total.input_tokens == 5
    assert [spent.name for spent in used.by_action] == ["a"]
    assert look_back(told(build()), ABOUT).used is None
