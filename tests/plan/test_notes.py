"""What runs and may surprise: only where it costs or loses something."""

from typing import Any

import pytest

from cortex_cli.errors import Finding
from cortex_cli.kinds import Severity
from cortex_cli.plan.describe import Outlook, work_out
from cortex_cli.plan.estimate import Learned, estimate
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.notes import on_barriers, on_outputs, on_timeouts
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.plan import OutputDeclaration
from tests.plan.builders import act, graph_of, timed


def outlook(*actions: Action, slots: int = 5) -> Outlook:
    graph = graph_of(*actions)
    return work_out(graph, [estimate(one, {}) for one in graph.actions], slots, passes=0)


def places(graph: Graph) -> list[tuple[str | int, ...]]:
    return [("actions", number) for number in range(len(graph))]


def of_barriers(*actions: Action, slots: int = 5) -> list[Finding]:
    plan = outlook(*actions, slots=slots)
    sync = [number for number, one in enumerate(actions) if one.mode.value == "sync"]
    return on_barriers(plan, places(plan.graph), sync)


def of_outputs(*actions: Action, **outputs: Any) -> list[str]:
    graph = graph_of(*actions)
    declared = {name: OutputDeclaration(source=source) for name, source in outputs.items()}
    return [str(one.at()) for one in on_outputs(graph, places(graph), declared)]


def test_a_sync_that_keeps_others_waiting_is_told_with_what_it_costs() -> None:
    [note] = of_barriers(
        timed("first", 1),
        timed("s", 4, mode="sync"),
        timed("a", 3),
        timed("b", 2),
        timed("after", 1, "s"),
    )
    assert (note.severity, note.code) == (Severity.NOTE, "costly_sync")
    assert note.path == ("actions", 1, "mode")
    assert note.message == (
        "'s' is sync, and 2 actions could run beside it: by estimates the plan would take 5 s"
        " instead of 7 s"
    )


def test_one_that_waits_is_called_one_action() -> None:
    [note] = of_barriers(timed("s", 4, mode="sync"), timed("a", 3))
    assert "1 action could run" in note.message


@pytest.mark.parametrize(
    "actions",
    [
        (timed("s", 4, mode="sync"), timed("a", 3, "s")),
        (timed("a", 3), timed("s", 4, mode="sync")),
        (timed("s", 0, mode="sync"), timed("a", 3)),
    ],
)
def test_a_sync_that_costs_nothing_is_no_surprise(actions: tuple[Action, ...]) -> None:
    assert of_barriers(*actions) == []


def test_a_sync_costs_nothing_where_there_is_one_slot() -> None:
    actions = [act("s", mode="sync", type="tool", target="t", estimate_seconds=4)]
    actions += [act("a", type="tool", target="t", estimate_seconds=4)]
    assert of_barriers(*actions, slots=1) == []
    assert len(of_barriers(*actions, slots=2)) == 1


def test_the_longest_of_many_are_tried() -> None:
    actions: list[Action] = []
    for number in range(1, 11):
        actions += [timed(f"s{number}", number, mode="sync"), timed(f"a{number}", 1)]
    notes = of_barriers(*actions, slots=99)
    assert [note.path[1] for note in notes] == [4, 6, 8, 10, 12, 14, 16, 18]


def test_an_output_that_nothing_refers_to_is_told() -> None:
    assert of_outputs(act("a", output_key="x"), act("b", "a"), o="y") == [
        (
            "note: nothing refers to 'x', the output of 'a', and no output declares it;"
            " leave 'output_key' out, or declare it under 'outputs'"
        )
    ]


@pytest.mark.parametrize(
    "user",
    [
        {"parameters": {"v": "$x"}},
        {"parameters": {"v": "$(steps.a.y)"}},
        {"depends_on": ["a"], "parameters": {"v": "it is ${x.y}"}},
        {"depends_on": ["a"], "condition": "x > 1"},
        {"depends_on": ["a"], "condition": "steps.a.y > 1"},
    ],
)
def test_an_output_that_an_action_refers_to_is_used(user: dict[str, Any]) -> None:
    assert of_outputs(act("a", output_key="x"), act("b", **user), o="y") == []


def test_an_output_is_used_by_an_output_and_where_all_are_given_back() -> None:
    assert of_outputs(act("a", output_key="x"), o="the $x") == []
    assert of_outputs(act("a", output_key="x"), o="$(steps.a.y)") == []
    assert of_outputs(act("a", output_key="x")) == []


@pytest.mark.parametrize(
    ("count", "runs"), [(1, "its one past run"), (9, "half of its 9 past runs")]
)
def test_a_timeout_below_the_median_of_past_runs_is_told(count: int, runs: str) -> None:
    action = act("a", type="tool", target="t", timeout_seconds=5)
    past = {"a": Learned(count, 8.0, 9.0)}
    [note] = on_timeouts([action], [("actions", 0)], past)
    assert note.code == "short_timeout"
    assert note.path == ("actions", 0, "timeout_seconds")
    assert note.message == f"'a' may take 5 s, but {runs} took 8 s or longer"


@pytest.mark.parametrize(
    "fields",
    [
        {"timeout_seconds": 8},
        {"timeout_seconds": None},
        {"timeout_seconds": 5, "retry_count": 1},
        {},
    ],
)
def test_a_timeout_that_past_runs_would_have_kept_is_none(fields: dict[str, Any]) -> None:
    action = act("a", type="tool", target="t", **fields)
    assert list(on_timeouts([action], [()], {"a": Learned(3, 8.0, 9.0)})) == []
    assert list(on_timeouts([action], [()], {})) == []
