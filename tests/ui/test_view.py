import time

import pytest

import cortex_cli.events as ev
from cortex_cli.kinds import (
    ActionMode,
    ActionState,
    ActionType,
    CancelReason,
    QueueReason,
    SkipReason,
    TerminationReason,
)
from cortex_cli.ui.row_line import Columns, row_line
from cortex_cli.ui.rows import Row
from cortex_cli.ui.theme import Theme
from cortex_cli.ui.view import RunView, fold
from tests.ui.script import START_SECONDS, Script, planned


def row(view: RunView, label: str) -> Row:
    return next(row for row in view.in_order() if row.label == label)


def states(view: RunView) -> dict[str, str]:
    return {row.label: row.state.value for row in view.in_order()}


def test_a_new_view_knows_nothing() -> None:
    view = RunView()
    assert (view.total, view.elapsed(5.0), view.in_order(), view.end) == (0, 0.0, [], None)


def test_the_header_comes_from_the_first_events() -> None:
    view = Script().start("web", iterations=3).turn(2, of=3).at(1.5).view
    assert (view.execution_id, view.root.name) == ("run-7f3a", "web")
    assert (view.root.iteration, view.root.max_iterations) == (2, 3)
    assert view.started_at == START_SECONDS
    assert view.elapsed(START_SECONDS + 1.5) == 1.5


def test_a_plan_brings_its_actions_with_what_they_wait_for() -> None:
    view = Script().start().plan([planned("a"), planned("b", wave=2)], {"b": ["a"]}).view
    assert states(view) == {"a": "pending", "b": "pending"}
    assert [source.id for source in row(view, "b").sources()] == ["a"]
    assert row(view, "b").target == "b_target"
    assert view.root.waves == 2
    assert view.root.estimate is not None


def test_an_action_goes_through_its_states() -> None:
    script = Script().start().plan([planned("a")])
    assert script.at(1).queue("a").view.count(ActionState.QUEUED) == 1
    assert row(script.view, "a").queue_reason is QueueReason.SLOT
    script.at(2).begin("a", target="python").say("a", "half", fraction=0.5)
    a = row(script.view, "a")
    assert (a.state, a.attempt, a.queue_reason) == (ActionState.RUNNING, 1, None)
    assert a.progress is not None
    assert a.elapsed(START_SECONDS + 2.5) == 0.5
    script.at(3).retry("a", "busy", delay=2.0).queue("a", QueueReason.RETRY)
    assert (a.state, a.error, a.retry_at) == (ActionState.QUEUED, "busy", START_SECONDS + 5)
    script.at(5).begin("a", attempt=2)
    assert (a.attempt_at, a.started_at, a.retry_at) == (START_SECONDS + 5, START_SECONDS + 2, None)
    script.at(6).complete("a", "done", seconds=4.0, attempts=2)
    assert (a.state, a.attempt, a.output, a.error) == (ActionState.COMPLETED, 2, "done", "")
    assert a.elapsed(START_SECONDS + 99) == 4.0
    assert a.ended_at == START_SECONDS + 6
    assert script.view.count(ActionState.COMPLETED) == script.view.total == 1


def test_final_states_keep_their_reasons() -> None:
    script = Script().start().plan([planned(name) for name in "abcd"])
    script.begin("a").fail("a", "boom").skip("b", SkipReason.ABORTED)
    script.begin("c").cancel("c", CancelReason.TIMEOUT).complete("d", cached=True, seconds=0.0)
    view = script.view
    assert states(view) == {"a": "failed", "b": "skipped", "c": "cancelled", "d": "completed"}
    assert row(view, "a").error == "boom"
    assert row(view, "b").reason == "aborted"
    assert row(view, "c").reason == "timeout"
    assert row(view, "d").cached
    assert row(view, "d").elapsed(0.0) is None


def test_a_question_is_there_until_it_is_answered() -> None:
    script = Script().start().plan([planned("a")]).queue("a", QueueReason.APPROVAL)
    assert row(script.ask("a", "Really?").view, "a").question == "Really?"
    assert row(script.answer("a").view, "a").question == ""


def test_a_question_about_a_failure_is_there_with_its_error() -> None:
    script = Script().start().plan([planned("a")]).begin("a").queue("a", QueueReason.APPROVAL)
    asked = row(script.ask_about("a", "'a' failed. Retry it?", "no such host\nat all").view, "a")
    assert (asked.state, asked.question) == (ActionState.QUEUED, "retry, skip or stop?")
    assert (asked.error, asked.error_type) == ("no such host\nat all", "broken")
    line = row_line(script.view, asked, Theme(), Columns.for_width(80, 8), script.now).plain
    assert line.endswith("retry, skip or stop?  no such host")
    assert row(script.answer("a").view, "a").question == ""


def test_nested_actions_come_beneath_the_action_that_holds_them() -> None:
    script = Script().start().plan([planned("outer", kind=ActionType.AGENT), planned("last")])
    script.begin("outer").start("inner_agent", path="outer").turn(path="outer")
    script.plan([planned("x"), planned("y")], path="outer").begin("y", path="outer")
    script.begin("deeper", path="outer/y")
    assert [(row.label, row.depth) for row in script.view.in_order()] == [
        ("outer", 0),
        ("outer/x", 1),
        ("outer/y", 1),
        ("outer/y/deeper", 2),
        ("last", 0),
    ]
    assert script.view.root.name == "research_agent"
    assert script.end(path="outer").view.end is None


def test_items_of_a_for_each_come_beneath_their_action() -> None:
    script = Script().start().plan([planned("each"), planned("last")])
    script.extend([planned("each[0]"), planned("each[1]")]).begin("odd]")
    assert [(row.id, row.depth) for row in script.view.in_order()] == [
        ("each", 0),
        ("each[0]", 1),
        ("each[1]", 1),
        ("last", 0),
        ("odd]", 0),
    ]


def test_a_plan_that_is_being_written_grows() -> None:
    script = Script().start().token(None, "{").plan([planned("a")], complete=False)
    assert not script.view.root.complete
    assert len(script.view.streams) == 1
    script.extend([planned("b")], {"b": ["a"]}, complete=True)
    assert script.view.root.complete
    assert len(script.view.streams) == 0
    assert states(script.view) == {"a": "pending", "b": "pending"}


def test_replaced_actions_are_forgotten_unless_they_ended() -> None:
    script = Script().start().plan([planned("a"), planned("b")]).begin("a").fail("a")
    script.patch(["a", "b", "unknown"], planned("c"), why="a failed")
    assert states(script.view) == {"a": "failed", "c": "pending"}
    assert script.view.lines[-1].text == "plan changed: a failed"


def test_a_new_iteration_starts_anew_and_keeps_what_ended() -> None:
    script = Script().start().turn(1, of=2).plan([planned("a"), planned("b")]).complete("a")
    script.turn(2, of=2).plan([planned("a")])
    assert states(script.view) == {"a": "pending"}
    assert [row.state.value for row in script.view.in_order()] == ["completed", "pending"]
    assert script.view.root.iteration == 2
    assert script.view.root.name == "research_agent"


def test_an_action_that_no_plan_told_of_is_shown_all_the_same() -> None:
    view = Script().begin("surprise").complete("surprise", path="lost").view
    assert states(view) == {"surprise": "running", "lost/surprise": "completed"}


def test_a_second_plan_with_the_same_action_updates_it() -> None:
    script = Script().start().plan([planned("a", seconds=1, source="default")]).complete("a")
    script.plan([planned("a", seconds=4)])
    assert script.view.total == 1
    assert (script.view.root.work, script.view.root.done, script.view.root.bounded) == (4, 4, 0)


def test_the_last_event_of_the_run_ends_it() -> None:
    script = Script().start().plan([planned("a")]).at(2).begin("a").fail("a").at(3)
    script.end(ev.AgentFailed, TerminationReason.ACTION_FAILED, error="1 action failed")
    view = script.view
    assert view.termination is TerminationReason.ACTION_FAILED
    assert view.end is not None
    assert (view.end.error, view.ended_as) == ("1 action failed", "agent_failed")
    assert view.elapsed(START_SECONDS + 60) == 3.0


def test_nested_endings_do_not_end_the_run() -> None:
    script = Script().start().plan([planned("a")]).start("b", path="a").end(path="a")
    assert (script.view.termination, script.view.end) == (None, None)


def test_warnings_and_lines_are_bounded() -> None:
    script = Script().start().plan([planned("a")]).begin("a").limit("slots", 4, 6, "idle")
    for number in range(120):
        script.warn(f"warning {number}" + "!" * 9_000, *(["a"] if number % 2 else []))
        script.say("a", "x" * 9_000).say("a", fraction=0.1)
    view = script.view
    assert view.warning_count == 120
    assert len(view.warnings) == len(view.lines) == 50
    assert [label for label, _ in view.warnings][-2:] == ["", "a"]
    assert max(len(message) for _, message in view.warnings) == 4_000
    assert max(len(line.text) for line in view.lines) == 400


def test_streams_hold_the_end_of_each_answer_until_its_action_ends() -> None:
    script = Script().start().plan([planned("a"), planned("b")]).begin("a").begin("b")
    for number in range(3_000):
        script.token("a", "word ", number=number + 1)
    script.think("b", "hm").token("b", "So", number=1).token("b", "!", number=2)
    a, b = script.view.streams
    assert (a.label, a.tokens, a.model) == ("a", 3_000, "small")
    assert 4_000 <= len(a.text) <= 8_000
    assert (b.text, b.is_thought) == ("So!", False)
    script.at(7).complete("b")
    assert [stream.label for stream in script.view.streams] == ["a"]
    assert script.view.streams.last is b
    assert script.view.streams.last_ended_at == START_SECONDS + 7


def test_a_second_answer_of_an_action_replaces_the_first() -> None:
    script = Script().start().token("a", "one", number=1).token("a", "two", number=1)
    assert [stream.text for stream in script.view.streams] == ["two"]


@pytest.mark.parametrize("path", ["", "outer"])
def test_what_released_an_action_is_the_dependency_that_ended_last(path: str) -> None:
    script = Script().start()
    if path:
        script.plan([planned("outer")]).begin("outer").start("inner", path=path)
    script.plan([planned(name) for name in "abcd"], {"d": ["a", "b", "c", "gone"]}, path=path)
    script.begin("a", path=path).begin("b", path=path).begin("c", path=path)
    script.at(1).complete("b", path=path).at(2).complete("a", path=path)
    d = next(row for row in script.view.in_order() if row.id == "d")
    assert d.released_by() is not None
    script.at(3).begin("d", path=path).at(4).complete("c", path=path)
    released_by = d.released_by()
    assert released_by is not None
    assert released_by.id == "a"


def test_a_detached_action_counts_for_no_work() -> None:
    script = Script().start().plan([planned("a", mode=ActionMode.FIRE_AND_FORGET, seconds=9)])
    assert script.view.root.work == 0
    assert row(script.view, "a").is_detached


def test_the_cost_of_an_event_does_not_grow_with_the_run() -> None:
    def seconds_for(actions: int) -> float:
        script = Script().start().plan([planned(f"a{number}") for number in range(actions)])
        view, before = script.view, len(script.events)
        script.view = RunView()
        for number in range(500):
            script.begin(f"a{number}").complete(f"a{number}")
        begin = time.process_time()
        for event in script.events[before:]:
            fold(view, event)
        return time.process_time() - begin

    seconds_for(500)
    assert seconds_for(50_000) < 50 * seconds_for(500) + 0.5
