import pytest

import cortex_cli.events as ev
from cortex_cli.kinds import ActionState, EdgeKind, QueueReason
from cortex_cli.ui.action_story import ActionStory, WaitCause
from cortex_cli.ui.excerpt import excerpt
from cortex_cli.ui.run_story import tell
from tests.ui.past_runs import action, build, cut_short, study, told, two_turns
from tests.ui.script import Script, planned


def waited(story_action: ActionStory) -> dict[WaitCause, float]:
    found: dict[WaitCause, float] = {}
    for wait in story_action.waits:
        found[wait.cause] = round(found.get(wait.cause, 0.0) + wait.seconds, 3)
    return found


def test_waits_are_told_by_cause_in_seconds() -> None:
    story = told(build())
    assert waited(action(story, "checkout")) == {}
    assert waited(action(story, "lint")) == {WaitCause.DEPENDENCY: 1.0, WaitCause.SLOT: 2.0}
    assert waited(action(story, "upload")) == {WaitCause.DEPENDENCY: 3.5, WaitCause.RETRY: 1.0}
    assert waited(action(story, "deploy")) == {WaitCause.DEPENDENCY: 6.0}
    assert waited(action(story, "tidy")) == {WaitCause.DEPENDENCY: 7.0}
    nested = told(study())
    assert waited(action(nested, "write")) == {
        WaitCause.DEPENDENCY: 3.0,
        WaitCause.APPROVAL: 1.0,
        WaitCause.RATE: 0.5,
    }


def growing() -> Script:
    """A model writes three actions, the last of them when what it needs has long ended."""
    script = Script().start("sea").turn().plan([], complete=False)
    script.at(1.0).extend([planned("look")]).begin("look")
    script.at(1.5).extend([planned("tell", wave=2)], {"tell": ["look"]})
    script.at(2.0).complete("look").begin("tell")
    script.at(3.0).extend([planned("late", wave=2)], {"late": ["look"]}).begin("late")
    return script.complete("tell").complete("late")


def test_what_a_model_writes_has_waited_to_be_written() -> None:
    story = told(growing())
    assert waited(action(story, "look")) == {WaitCause.PLANNING: 1.0}
    assert waited(action(story, "tell")) == {WaitCause.PLANNING: 1.5, WaitCause.DEPENDENCY: 0.5}
    assert waited(action(story, "late")) == {WaitCause.PLANNING: 3.0}
    assert action(story, "late").released_by is action(story, "look")


def test_what_ended_last_and_who_gave_up_a_slot_are_known() -> None:
    story = told(build())
    lint, deploy = action(story, "lint"), action(story, "deploy")
    assert lint.released_by is action(story, "checkout")
    assert lint.freed_by is action(story, "integration")
    assert deploy.released_by is action(story, "upload")
    assert deploy.freed_by is None
    assert deploy.after == dict.fromkeys(["lint", "upload", "integration"], EdgeKind.DEPENDS_ON)


def test_a_slot_is_not_given_up_by_what_holds_none_or_ended_before() -> None:
    script = Script().start().plan([planned("a"), planned("b"), planned("c")]).begin("a")
    script.complete("a").queue("b").begin("b")
    assert action(told(script), "b").freed_by is None
    story = told(study())
    assert action(story, "each[1]").freed_by is action(story, "each[0]")


def test_attempts_have_their_times_errors_and_targets() -> None:
    first, second, third = action(told(build()), "upload").attempts
    assert [first.number, second.number, third.number] == [1, 2, 3]
    assert (first.error, first.error_type) == ("HTTP 503", "error")
    assert third.error is None
    assert third.target == "mirror"
    assert [round((a.end or 0) - a.start, 3) for a in (first, second, third)] == [0.5, 0.5, 0.5]
    failed = action(told(build()), "deploy").attempts
    assert [attempt.error for attempt in failed] == ["no route to host\nat all"]


def test_nested_runs_and_items_are_below_their_actions() -> None:
    story = told(study())
    assert [one.label for one in action(story, "read").children] == ["read/skim", "read/sum"]
    assert [one.label for one in action(story, "each").children] == ["each[0]", "each[1]"]
    assert action(story, "read/skim").parent is action(story, "read")
    assert [one.label for one in story] == [
        "fetch",
        "read",
        "read/skim",
        "read/sum",
        "each",
        "each[0]",
        "each[1]",
        "write",
        "log",
    ]


def test_an_item_whose_list_is_unknown_stands_alone() -> None:
    script = Script().start().plan([planned("x[0]")]).begin("x[0]").complete("x[0]")
    assert action(told(script), "x[0]").parent is None


def test_an_unfinished_run_ends_its_waits_with_its_events() -> None:
    script = build()
    queued = next(e.sequence for e in script.events if isinstance(e, ev.ActionQueued))
    story = tell(cut_short(script, queued + 1))
    lint = action(story, "lint")
    assert not lint.is_over
    assert waited(lint) == {WaitCause.DEPENDENCY: 1.0, WaitCause.SLOT: 1.0}
    assert action(story, "unit").attempts[0].end is None
    assert action(story, "unit").seconds == 1.0
    assert action(story, "checkout").seconds == 1.0
    assert action(story, "deploy").row.state is ActionState.PENDING


def test_an_action_that_a_resumed_run_starts_again_has_its_attempt_ended() -> None:
    script = Script().start().plan([planned("a")]).begin("a").at(5).begin("a").at(6).complete("a")
    first, second = action(told(script), "a").attempts
    assert first.end == second.start


def test_actions_that_no_plan_has_told_of_are_known_from_their_events() -> None:
    script = Script().start().token("llm", "Hi").begin("late").limit("slots", 1, 2, "idle")
    script.say("late", "now").complete("late", [1]).patch(["late"], planned("new"), why="late")
    story = told(script)
    assert action(story, "llm").model == "small"
    assert action(story, "late").output == excerpt([1])
    assert action(story, "new").row.plan is not None


def test_what_a_plan_has_lost_is_forgotten() -> None:
    story = told(two_turns())
    assert [(one.label, one.row.scope.iteration) for one in story] == [
        ("look", 1),
        ("look", 2),
        ("act", 2),
    ]


def test_edges_to_what_a_plan_does_not_hold_are_left_out() -> None:
    script = Script().start().extend([planned("a")], {"gone": ["a"], "a": ["gone"]})
    story = told(script)
    assert action(story, "a").after == {"gone": EdgeKind.DEPENDS_ON}
    assert list(story.sources(action(story, "a"))) == []


def test_inputs_and_warnings_are_kept() -> None:
    story = told(build())
    assert story.inputs == {"branch": "main", "depth": 3}
    assert story.warnings == [("", "the disk is nearly full"), ("unit", "it was slow")]


@pytest.mark.parametrize("reason", QueueReason)
def test_every_reason_to_queue_is_a_cause(reason: QueueReason) -> None:
    script = Script().start().plan([planned("a")]).queue("a", reason).at(2).begin("a")
    assert waited(action(told(script), "a")) == {WaitCause(reason.value): 2.0}


@pytest.mark.parametrize(
    ("value", "text"),
    [("a text", "a text"), (None, "null"), ([1, 2], "[\n  1,\n  2\n]"), ("é" * 30, "é" * 10)],
)
def test_an_excerpt_is_the_beginning_of_a_value(value: object, text: str) -> None:
    kept = excerpt(value, 10)
    assert kept.text == text[:10]
    assert kept.left_out == kept.characters - len(kept.text)
    assert kept.digest == excerpt(value).digest


def test_excerpts_tell_values_apart_whatever_the_order_of_keys() -> None:
    assert excerpt({"a": 1, "b": 2}) == excerpt({"b": 2, "a": 1})
    assert excerpt("x" * 99 + "y", 5).digest != excerpt("x" * 100, 5).digest
    assert excerpt("1").digest != excerpt(1).digest
    assert excerpt("abcdef").cut(3).text == "abc"
    assert excerpt("abc").cut(3) == excerpt("abc")
