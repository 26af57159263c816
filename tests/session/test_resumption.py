"""A run held against its manifest as it is now: what is kept and what is run again, and why."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cortex_cli.events import ActionCancelled, Event, PlanExtended
from cortex_cli.kinds import ActionMode, ActionState, ActionType, CancelReason
from cortex_cli.payloads import ActionCancelledData, PlanExtendedData
from cortex_cli.report import PlannedAction
from cortex_cli.session.resumption import Fate, Resumption
from cortex_cli.session.session import Request, Session
from tests.engine.test_past import Story

AGENT = """\
kind: Agent
name: outer
import: {workflows: [inner.yaml]}
actions:
  - {id: a, type: internal, parameters: {x: 1}, output_key: x}
  - {id: b, type: internal, parameters: {x: "${x}"}}
  - {id: call, type: workflow, target: inner}
  - {id: c, type: internal, depends_on: [call]}
  - {id: each, type: internal, for_each: [1, 2], parameters: {i: "${item}"}}
  - {id: aside, type: internal, on_failure: continue}
"""
INNER = """\
kind: Workflow
name: inner
actions:
  - {id: one, type: internal, parameters: {x: 1}}
  - {id: two, type: internal, depends_on: [one]}
"""
ALL = ["a", "b", "call", "call/one", "call/two", "c", "each", "each[0]", "each[1]", "aside"]


@dataclass
class Before:
    """What was known of the actions when the run began."""

    digests: dict[str, str] = field(default_factory=dict[str, str])
    forgotten: dict[str, int] = field(default_factory=dict[str, int])


def opened(folder: Path, agent: str = AGENT, inner: str = INNER) -> Session:
    (folder / "inner.yaml").write_text(inner)
    (folder / "agent.yaml").write_text(agent)
    return Session.open(Request(source=Path("agent.yaml"), cwd=folder, environ={}, passes=0))


def told(*failed: str, running: tuple[str, ...] = ()) -> list[Event]:
    """A run of the agent, to the end of all but what runs."""
    story = Story()
    story.begin()
    for name in ALL:
        story.start(name)
        if name == "call":
            story.begin("call")
    for name in ALL:
        if name in failed:
            story.fail(name)
        elif name not in running:
            story.complete(name)
    return story.events


def fates(found: Resumption) -> dict[str, Fate]:
    """What is not simply kept, by path and id."""
    return {
        "/".join((*one.path, one.id)): one.fate
        for one in found.verdicts
        if one.fate is not Fate.KEPT
    }


def named(found: Resumption) -> set[str]:
    """What the run takes over as ended."""
    return {"/".join((*path, name)) for path, name in found.past.ended}


def test_where_nothing_has_changed_all_is_kept(tmp_path: Path) -> None:
    session = opened(tmp_path)
    found = Resumption(told(), session, Before(session.digests()))
    assert fates(found) == {}
    assert len(found.verdicts) == len(ALL)
    assert named(found) == set(ALL)
    assert found.forgotten == {}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("x: 1}, output_key", "x: 2}, output_key", {"a": Fate.CHANGED, "b": Fate.FOLLOWS}),
        ('{x: "${x}"}', '{x: "${x}", y: 1}', {"b": Fate.CHANGED}),
        ("{id: aside,", "{id: aside, priority: 3, timeout_seconds: 9, name: Other,", {}),
        ("  - {id: aside, type: internal, on_failure: continue}\n", "", {"aside": Fate.GONE}),
        (
            "[1, 2]",
            "[1, 3]",
            {"each": Fate.CHANGED, "each[0]": Fate.CHANGED, "each[1]": Fate.CHANGED},
        ),
        (
            "{id: call, type: workflow, target: inner}",
            "{id: call, type: workflow, target: inner, parameters: {p: 1}}",
            {
                "call": Fate.CHANGED,
                "call/one": Fate.PART,
                "call/two": Fate.PART,
                "c": Fate.FOLLOWS,
            },
        ),
        (
            "{id: call, type: workflow, target: inner}",
            "{id: call, type: internal}",
            {"call": Fate.CHANGED, "call/one": Fate.PART, "call/two": Fate.PART, "c": Fate.FOLLOWS},
        ),
    ],
)
def test_what_a_changed_manifest_runs_again(
    tmp_path: Path, old: str, new: str, expected: dict[str, Fate]
) -> None:
    before = Before(opened(tmp_path).digests())
    assert old in AGENT
    found = Resumption(told(), opened(tmp_path, AGENT.replace(old, new)), before)
    assert fates(found) == expected
    assert named(found) == set(ALL) - expected.keys()
    assert found.forgotten == dict.fromkeys(expected, found.past.sequence)


def test_a_change_inside_a_nested_run_is_run_again_with_what_comes_after(tmp_path: Path) -> None:
    before = Before(opened(tmp_path).digests())
    found = Resumption(
        told(), opened(tmp_path, inner=INNER.replace("[one]}", "[one], condition: 'true'}")), before
    )
    assert fates(found) == {"call/two": Fate.CHANGED, "call": Fate.INSIDE, "c": Fate.FOLLOWS}
    assert "call/one" in named(found)


def test_failures_are_tried_again_only_where_that_is_asked_for(tmp_path: Path) -> None:
    session = opened(tmp_path)
    before = Before(session.digests())
    events = told("call", "call/two", "each[1]", "each", "aside")
    kept = Resumption(events, session, before)
    assert fates(kept) == {}
    found = Resumption(events, session, before, retry_failed=True)
    assert fates(found) == {
        "call": Fate.RETRIED, "call/two": Fate.RETRIED, "c": Fate.FOLLOWS,
        "each": Fate.RETRIED, "each[1]": Fate.RETRIED, "aside": Fate.RETRIED,
    }  # fmt: skip
    assert {"call/one", "each[0]"} <= named(found)


def test_a_failed_item_runs_its_list_again_and_no_other_item(tmp_path: Path) -> None:
    session = opened(tmp_path)
    found = Resumption(told("each[1]"), session, Before(session.digests()), retry_failed=True)
    assert fates(found) == {"each": Fate.INSIDE, "each[1]": Fate.RETRIED}


def test_what_was_in_flight_goes_on_unless_it_has_changed(tmp_path: Path) -> None:
    session = opened(tmp_path)
    events = told(running=("b", "call", "call/two"))
    found = Resumption(events, session, Before(session.digests()))
    interrupted = dict.fromkeys(["b", "call", "call/two"], Fate.INTERRUPTED)
    assert fates(found) == interrupted
    assert {one.state for one in found.verdicts if one.fate is Fate.INTERRUPTED} == {
        ActionState.RUNNING
    }
    again = opened(tmp_path, AGENT.replace('{x: "${x}"}', "{x: 7}"))
    changed = Resumption(events, again, Before(session.digests()))
    assert fates(changed) == interrupted | {"b": Fate.CHANGED}
    assert ((), "b") not in changed.past.in_flight


INTERRUPTED = """\
kind: Agent
name: outer
import: {tools: [tool.yaml]}
actions:
  - {id: a, type: tool, target: t, on_interrupted: fail}
  - {id: b, type: tool, target: t, on_interrupted: ask}
  - {id: c, type: tool, target: t, on_interrupted: rerun}
  - {id: each, type: tool, target: t, for_each: [1, 2], on_interrupted: fail}
"""


def test_what_on_interrupted_says_of_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "tool.yaml").write_text(
        "kind: Tool\nname: t\nimplementation: {type: command, command: [ls]}\n"
    )
    session = opened(tmp_path, INTERRUPTED)
    story = Story()
    story.begin()
    for name in ("a", "b", "c", "each", "each[0]", "each[1]"):
        story.start(name)
    story.complete("each[0]")
    story.about(ActionCancelled, ActionCancelledData(reason=CancelReason.CANCELLED), "b")
    found = Resumption(story.events, session, Before(session.digests()))
    assert fates(found) == {
        "a": Fate.FAILS, "b": Fate.ASKED, "c": Fate.INTERRUPTED,
        "each": Fate.INTERRUPTED, "each[1]": Fate.FAILS,
    }  # fmt: skip
    states = {one.id: one.state for one in found.verdicts}
    assert (states["a"], states["b"]) == (ActionState.RUNNING, ActionState.CANCELLED)
    assert ((), "a") in found.past.in_flight
    assert found.forgotten == {}


def test_what_was_to_run_again_still_is_when_the_run_was_broken_off_before_it_did(
    tmp_path: Path,
) -> None:
    before = Before(opened(tmp_path).digests())
    session = opened(tmp_path, AGENT.replace("x: 1}, output_key", "x: 2}, output_key"))
    first = Resumption(told(), session, before)
    second = Resumption(told(), session, Before(session.digests(), first.forgotten))
    assert named(second) == set(ALL) - {"a", "b"}
    assert fates(second) == {}


@pytest.mark.parametrize("fate", Fate)
def test_every_fate_has_a_reason(fate: Fate) -> None:
    assert fate.why


def test_types_of_actions_need_no_plan_to_be_known(tmp_path: Path) -> None:
    session = opened(tmp_path)
    assert session.plan_at(("a",)) is None
    assert session.plan_at(("gone", "x")) is None
    found = session.plan_at(("call",))
    assert found is not None
    assert found[0] == "inner"
    assert {action.type for action in found[1].actions} == {ActionType.INTERNAL}


GOAL = """\
kind: Agent
name: outer
goal: find out
import: {workflows: [inner.yaml]}
"""
MADE = [
    {"id": "call", "type": "workflow", "target": "inner"},
    {"id": "bad", "type": "internal"},
]


def told_of_made(*failed: str) -> list[Event]:
    """A run of a plan that a model has made, to its end."""
    story = Story()
    story.begin()
    planned = [
        PlannedAction(
            id=one["id"],
            name=one["id"],
            type=ActionType(one["type"]),
            mode=ActionMode.ASYNC,
            target=one.get("target"),
            wave=1,
            estimate_seconds=1.0,
            estimate_source="default",
            start_seconds=0.0,
            end_seconds=1.0,
            slack_seconds=0.0,
            on_critical_path=False,
        )
        for one in MADE
    ]
    written = [dict[str, object](one) for one in MADE]
    story.add(PlanExtended, PlanExtendedData(actions=tuple(planned), edges=(), written=written))
    story.start("call")
    story.begin("call")
    for name in ("call/one", "call/two", "call", "bad"):
        story.start(name)
        if name in failed:
            story.fail(name)
        else:
            story.complete(name)
    return story.events


def test_what_a_model_has_planned_is_kept_and_so_is_what_is_nested_in_it(tmp_path: Path) -> None:
    session = opened(tmp_path, GOAL)
    found = Resumption(told_of_made("bad"), session, Before(session.digests()))
    assert fates(found) == {}
    assert named(found) == {"call", "call/one", "call/two", "bad"}


def test_of_a_plan_of_a_model_failures_are_tried_again_too(tmp_path: Path) -> None:
    session = opened(tmp_path, GOAL)
    before = Before(session.digests())
    found = Resumption(told_of_made("bad", "call/two"), session, before, retry_failed=True)
    assert fates(found) == {
        "bad": Fate.RETRIED,
        "call": Fate.INSIDE,
        "call/two": Fate.RETRIED,
    }


def test_what_is_nested_in_a_plan_of_a_model_is_held_against_the_manifest(tmp_path: Path) -> None:
    before = Before(opened(tmp_path, GOAL).digests())
    session = opened(tmp_path, GOAL, INNER.replace("x: 1", "x: 2"))
    found = Resumption(told_of_made(), session, before)
    assert fates(found) == {
        "call": Fate.INSIDE,
        "call/one": Fate.CHANGED,
        "call/two": Fate.FOLLOWS,
    }


def test_no_plan_is_known_of_what_a_model_plans(tmp_path: Path) -> None:
    session = opened(tmp_path, GOAL)
    assert session.plan_at(()) is None
    assert session.program_at(("nobody",), {}) is None
