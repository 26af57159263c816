import pytest

import cortex_cli.events as ev
from cortex_cli.kinds import ActionMode
from cortex_cli.ui.pace import fraction, seconds_left
from tests.ui.script import Script, planned


def two(source: str = "estimate_seconds", seconds: float = 5.0) -> Script:
    actions = [
        planned("a", seconds=seconds, source=source),
        planned("b", seconds=seconds, source=source),
    ]
    return Script().start().turn().plan(actions, scheduled=2 * seconds)


def test_what_is_done_is_weighed_by_estimates() -> None:
    script = Script().start().plan([planned("a", seconds=9.0), planned("b", seconds=1.0)])
    assert fraction(script.view, script.now) == 0
    assert fraction(script.complete("a").view, script.now) == 0.9


def test_what_runs_counts_as_far_as_it_should_be_but_never_whole() -> None:
    script = two().begin("a")
    assert fraction(script.view, script.at(2.5).now) == 0.25
    assert fraction(script.view, script.at(500).now) == 0.45


def test_detached_actions_do_not_count() -> None:
    script = Script().start().plan([planned("a", mode=ActionMode.FIRE_AND_FORGET)]).begin("a")
    assert fraction(script.view, script.at(5).now) == 0
    assert Script().view.root.work == 0


def test_at_the_start_the_rest_is_what_was_planned() -> None:
    script = two()
    assert seconds_left(script.view, script.now) == 10


def test_the_rest_moves_to_what_the_pace_says() -> None:
    script = two().begin("a").at(10).complete("a").begin("b")
    assert seconds_left(script.view, script.now) == pytest.approx(10.0)
    script = two().begin("a").at(1).complete("a").begin("b")
    assert seconds_left(script.view, script.now) == pytest.approx(1.0)


def test_timeouts_say_nothing_of_the_rest_until_something_has_ended() -> None:
    script = two("default", 300.0).begin("a").at(3)
    assert seconds_left(script.view, script.now) is None
    script.complete("a")
    assert seconds_left(script.view, script.now) == pytest.approx(3.0)


def test_nothing_is_said_of_the_rest_without_a_plan_or_after_the_end() -> None:
    assert seconds_left(Script().start().view, 0.0) is None
    incomplete = Script().start().plan([planned("a")], complete=False)
    assert seconds_left(incomplete.view, incomplete.now) is None
    script = two().complete("a").complete("b")
    assert seconds_left(script.view, script.now) is None
    ended = two().end(ev.AgentFailed)
    assert seconds_left(ended.view, ended.now) is None
