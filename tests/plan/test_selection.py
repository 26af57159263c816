"""`--only`, `--from` and `--skip`: which actions of a plan are left out."""

from typing import Any

import pytest

from cortex_cli.errors import UsageError
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.selection import Selection, reach, select
from tests.plan.builders import act, graph_of


@pytest.fixture
def diamond() -> Graph:
    """A diamond of one data edge and three others, with an action beside it."""
    return graph_of(
        act("top", output_key="out"),
        act("left", "top"),
        act("right", parameters={"x": "${out}"}),
        act("join", "left", "right"),
        act("aside"),
    )


@pytest.mark.parametrize(
    ("options", "left_out", "taken_over"),
    [
        ({}, "", ""),
        ({"only": ["left"]}, "right join aside", ""),
        ({"only": ["right", "aside"]}, "left join", ""),
        ({"only": ["join"]}, "aside", ""),
        ({"start_from": ["top"]}, "aside", ""),
        ({"start_from": ["left"]}, "aside", "top right"),
        ({"start_from": ["join"]}, "aside", "top left right"),
        ({"start_from": ["aside"]}, "top left right join", ""),
        ({"skip": ["left"]}, "left", ""),
        ({"skip": ["left", "left", "aside"]}, "left aside", ""),
        ({"only": ["left"], "skip": ["top"]}, "top right join aside", ""),
        ({"start_from": ["left"], "skip": ["right"]}, "right aside", "top"),
        ({"only": ["left"], "start_from": ["left"]}, "right join aside", "top"),
        ({"only": ["left"], "start_from": ["aside"]}, "top left right join aside", ""),
    ],
)
def test_what_is_chosen_brings_what_it_needs_or_what_comes_after_it(
    diamond: Graph, options: dict[str, Any], left_out: str, taken_over: str
) -> None:
    selection = select(diamond, **options)
    assert selection == Selection(
        left_out=frozenset(left_out.split()), taken_over=frozenset(taken_over.split())
    )


@pytest.mark.parametrize(
    ("option", "flag"), [("only", "--only"), ("start_from", "--from"), ("skip", "--skip")]
)
def test_a_name_that_no_action_has_is_an_error_with_the_way_out(
    diamond: Graph, option: str, flag: str
) -> None:
    names: dict[str, Any] = {option: ["top", "jion"]}
    with pytest.raises(UsageError, match=f"{flag}: the plan has no action 'jion'") as caught:
        select(diamond, **names)
    assert caught.value.hint == "did you mean 'join'?"


def test_a_barrier_brings_nothing_with_it() -> None:
    graph = graph_of(act("a"), act("gate", mode="sync"), act("b"), act("c", "gate"))
    assert select(graph, only=["b"]).left_out == {"a", "gate", "c"}
    assert select(graph, start_from=["gate"]).left_out == {"a", "b"}
    assert reach(graph, [graph.index["a"]], graph.children) == {0}


def test_a_long_chain_is_followed_to_its_end() -> None:
    chain = [act("a0"), *(act(f"a{n}", f"a{n - 1}") for n in range(1, 3_000))]
    graph = graph_of(*chain)
    assert len(reach(graph, [2_999], graph.parents)) == 3_000
    assert select(graph, start_from=["a2999"]).taken_over == {f"a{n}" for n in range(2_999)}
