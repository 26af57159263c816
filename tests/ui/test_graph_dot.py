import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_cli.kinds import ActionMode, ActionType, EdgeKind
from cortex_cli.report import PlanReport
from cortex_cli.ui.graph_dot import quoted, to_dot
from cortex_cli.ui.graph_svg import find_program
from cortex_cli.ui.palette import CRITICAL, SHADES
from tests.ui.plans import Step, plan, research_assistant

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "blns.json"
HOSTILE = [
    '"',
    "\\",
    'end\\"',
    '"]; evil [label="x',
    "a\nb\r\nc\x00d\x1be",
    "<b>bold</b>",
    "</b>><br/>",
    "&lt;&amp;&#0;",
    "{a|b}",
    "\\N\\G\\l",
    "graph",
    "node",
    "größe 日本語 \u202e\U0001f600\ud800",
    "x" * 1_000,
    " ",
    "%%{init}%%",
]


def read(dot: str) -> dict[str, Any]:
    """The graph as Graphviz reads it, labels and positions worked out."""
    ended = subprocess.run(
        [find_program(), "-Tjson"], input=dot.encode(), capture_output=True, check=True, timeout=60
    )
    assert b"syntax error" not in ended.stderr
    return json.loads(ended.stdout)


def nodes(dot: str) -> dict[str, dict[str, Any]]:
    """The attributes of each node as Graphviz reads them, by its name."""
    return {node["name"]: node for node in read(dot)["objects"] if "nodes" not in node}


def edges(dot: str) -> dict[tuple[str, str], dict[str, Any]]:
    graph = read(dot)
    names = {node["_gvid"]: node["name"] for node in graph["objects"]}
    return {(names[e["tail"]], names[e["head"]]): e for e in graph["edges"]}


def hostile_plan(texts: list[str]) -> PlanReport:
    """A chain of actions whose every text is one of these."""
    ids = [f"{place}{text}" for place, text in enumerate(texts)]
    return plan(
        *(
            Step(id=ids[place], name=text, target=text, source=text, after=ids[place - 1 : place])
            for place, text in enumerate(texts)
        ),
        agent=texts[0],
    )


def test_every_action_is_a_node_and_every_edge_is_drawn() -> None:
    report = research_assistant()
    dot = to_dot(report)
    assert set(nodes(dot)) == {action.id for action in report.actions}
    assert set(edges(dot)) == {(edge.source, edge.target) for edge in report.edges}


def test_the_same_plan_gives_the_same_text() -> None:
    assert to_dot(research_assistant()) == to_dot(research_assistant())


def test_the_plan_runs_from_left_to_right_with_a_column_a_wave() -> None:
    report = research_assistant()
    shown = nodes(to_dot(report))
    columns = [{shown[name]["pos"].split(",")[0] for name in wave} for wave in report.waves]
    assert all(len(column) == 1 for column in columns)
    places = [float(column.pop()) for column in columns]
    assert places == sorted(places)


def test_each_kind_of_edge_has_its_own_line() -> None:
    dot = to_dot(
        plan(
            Step(id="a"),
            Step(id="b", after={"a": EdgeKind.DEPENDS_ON}),
            Step(id="c", after={"a": EdgeKind.DATA}),
            Step(id="d", after={"a": EdgeKind.BARRIER}),
        )
    )
    assert {head: edge["style"] for (_, head), edge in edges(dot).items()} == {
        "b": "solid",
        "c": "dashed",
        "d": "dotted",
    }


def test_the_critical_path_is_bold() -> None:
    report = research_assistant()
    dot = to_dot(report)
    strong = {name for name, node in nodes(dot).items() if node.get("color") == CRITICAL}
    assert strong == set(report.critical_path)
    path = zip(report.critical_path, report.critical_path[1:], strict=False)
    assert {ends for ends, edge in edges(dot).items() if edge.get("color") == CRITICAL} == set(path)


def test_types_differ_in_colour_and_fire_and_forget_has_a_dashed_border() -> None:
    steps = [Step(id=type_.value, type=type_) for type_ in ActionType]
    shown = nodes(to_dot(plan(*steps, Step(id="log", mode=ActionMode.FIRE_AND_FORGET))))
    assert {name: node.get("fillcolor") for name, node in shown.items() if name != "log"} == {
        type_.value: SHADES[type_].fill for type_ in ActionType
    }
    assert len({shade.fill for shade in SHADES.values()}) == len(ActionType)
    assert "dashed" in shown["log"]["style"]
    assert shown["relic"]["shape"] == "cylinder"


def test_labels_tell_type_target_mode_and_estimate() -> None:
    shown = nodes(to_dot(research_assistant()))
    for word in ("cache_results", "relic results", "fire_and_forget, 5 s"):
        assert word in shown["cache_results"]["label"]
    assert shown["fetch_news"]["tooltip"] == (
        "fetch_news: 0 s to 20 s, slack 40 s, estimate from timeout_seconds"
    )


def test_the_graph_can_be_named_and_sums_the_plan_up() -> None:
    graph = read(to_dot(research_assistant(), name="my plan"))
    assert graph["name"] == "my plan"
    assert "10 actions in 5 waves, 330 s of work in 240 s (1.4x)" in graph["label"]


def test_a_plan_without_actions_is_an_empty_graph() -> None:
    assert "objects" not in read(to_dot(plan(agent="goal")))


def assert_harmless(texts: list[str]) -> None:
    report = hostile_plan(texts)
    dot = to_dot(report)
    lines = len(to_dot(hostile_plan(["a"] * len(texts))).splitlines())
    assert len(dot.split("\n")) == lines + 1
    graph = read(dot)
    drawn = [node for node in graph["objects"] if "nodes" not in node]
    assert len(drawn) == len(texts)
    assert len(graph.get("edges", [])) == len(texts) - 1
    for node in drawn:
        assert set(node) <= ALLOWED
        assert "URL" not in node


ALLOWED = {
    *("_gvid", "name", "color", "fillcolor", "fontcolor", "fontname", "fontsize", "height"),
    *("label", "margin", "penwidth", "pos", "shape", "style", "tooltip", "width"),
    *("_draw_", "_ldraw_"),
}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_cannot_break_out(text: str) -> None:
    assert_harmless([text, text])


def test_all_hostile_texts_together_keep_the_shape_of_the_graph() -> None:
    assert_harmless(HOSTILE)


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the naughty strings are not here")
def test_naughty_strings_keep_the_shape_of_the_graph() -> None:
    assert_harmless(json.loads(NAUGHTY.read_text(encoding="utf-8")))


@given(st.lists(st.text(max_size=12), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_no_text_whatsoever_breaks_out(texts: list[str]) -> None:
    assert_harmless(texts)


@given(st.text(), st.text())
@settings(deadline=None)
def test_different_texts_are_quoted_differently(one: str, other: str) -> None:
    assert (quoted(one) == quoted(other)) == (one == other)


def test_a_long_id_is_cut_in_the_label_but_not_in_the_name() -> None:
    dot = to_dot(plan(Step(id="x" * 1_000)))
    (name, node) = next(iter(nodes(dot).items()))
    assert name == "x" * 1_000
    assert node["label"].count("x") < 100
