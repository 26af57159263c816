"""`cortex plan` and `cortex graph`: CLI.md to the letter."""

import json
from pathlib import Path

import networkx
import pytest

from tests.cli.conftest import MANIFESTS, Cortex

RESEARCH = MANIFESTS / "research_assistant.yaml"


def test_plan_json_has_the_form_of_the_reference(cortex: Cortex) -> None:
    ended = cortex("plan", RESEARCH, "--json")
    assert (ended.code, ended.err) == (0, "")
    report = ended.json
    assert list(report) == [
        "agent", "actions", "edges", "waves", "counts", "estimate", "critical_path", "problems"
    ]  # fmt: skip
    assert list(report["actions"][0]) == [
        "id", "name", "type", "mode", "target", "wave", "estimate_seconds", "estimate_source",
        "start_seconds", "end_seconds", "slack_seconds", "on_critical_path",
    ]  # fmt: skip
    assert set(report["edges"][0]) == {"from", "to", "kind"}
    assert report["estimate"] == {
        "sequential_seconds": 330, "wave_seconds": 240, "scheduled_seconds": 240,
        "lower_bound_seconds": 240, "speedup": 1.375, "max_parallel": 4,
    }  # fmt: skip
    assert report["counts"] == {
        "by_type": {"tool": 7, "agent": 1, "llm": 1, "relic": 1},
        "by_mode": {"async": 7, "sync": 2, "fire_and_forget": 1},
    }
    assert [set(wave) for wave in report["waves"]] == [
        {"fetch_wikipedia", "fetch_arxiv", "fetch_news"},
        {"extract_wiki_facts", "summarize_papers"},
        {"synthesize_report"},
        {"cache_report", "quality_check", "generate_citations"},
        {"finalize_report"},
    ]


def test_plan_in_words_says_what_counts(cortex: Cortex) -> None:
    ended = cortex("plan", RESEARCH)
    assert ended.code == 0
    for words in ("330 s", "240 s", "1.4x", "5 waves", "tool 7", "fire_and_forget 1"):
        assert words in ended.out
    assert "\x1b" not in ended.out


def test_max_parallel_and_dry_run_change_the_plan_and_run_nothing(cortex: Cortex) -> None:
    one = cortex("plan", RESEARCH, "--max-parallel", "1", "--json")
    assert one.json["estimate"]["max_parallel"] == 1
    assert one.json["estimate"]["scheduled_seconds"] > 240
    dry = cortex("run", RESEARCH, "--dry-run", "--max-parallel", "1", "--json")
    assert dry.json == one.json


def test_what_if_adds_other_slots_and_other_actions(cortex: Cortex) -> None:
    plain = cortex("plan", RESEARCH, "--json")
    ended = cortex("plan", RESEARCH, "--what-if", "--json", "--max-parallel", "4")
    what_if = ended.json.pop("what_if")
    assert (ended.code, list(ended.json)) == (0, [*plain.json, "what_if"])
    assert [point["slots"] for point in what_if["curve"]] == [1, 2, 4]
    assert what_if["scheduled_seconds"] == plain.json["estimate"]["scheduled_seconds"]
    assert what_if["shortenings"][0]["id"] == "synthesize_report"
    shown = cortex("plan", RESEARCH, "--what-if").out
    assert "What if: slots" in shown
    assert "synthesize_report          -60 s         -120 s" in shown


def test_optimize_says_how_many_orders_are_tried(cortex: Cortex, here: Path) -> None:
    (here / "five.yaml").write_text(
        "kind: Workflow\nname: five\nactions:\n"
        + "".join(
            f"  - {{id: a{n}, type: llm, parameters: {{prompt: x}}, estimate_seconds: {s}}}\n"
            for n, s in enumerate((3, 3, 2, 2, 2))
        )
    )
    plain = cortex("plan", "five.yaml", "--max-parallel", "2", "--optimize", "0")
    assert "order        within 17 % of the optimum" in plain.out
    searched = cortex("plan", "five.yaml", "--max-parallel", "2", "--optimize", "100")
    assert "order        proved optimal" in searched.out
    assert cortex("plan", "five.yaml", "--optimize", "-1").code == 2


def test_a_goal_has_nothing_to_ask_what_if_of(cortex: Cortex, here: Path) -> None:
    (here / "a.yaml").write_text("kind: Agent\nname: dreamer\ngoal: be good\n")
    assert cortex("plan", "a.yaml", "--what-if", "--json").json["what_if"] is None
    assert "What if" not in cortex("plan", "a.yaml", "--what-if").out


def test_a_goal_has_no_actions_yet_and_needs_a_model_to_run(cortex: Cortex, here: Path) -> None:
    manifest = here / "a.yaml"
    manifest.write_text("kind: Agent\nname: dreamer\ngoal: be good\n")
    report = cortex("plan", manifest, "--json").json
    assert report["actions"] == []
    assert [(p["severity"], p["code"]) for p in report["problems"]] == [("note", "no_plan")]
    ended = cortex("run", manifest)
    assert ended.code == 3
    assert "there are three ways to get a model" in ended.err
    assert len(ended.err.splitlines()) == 1
    ended = cortex("run", manifest, "--only", "a")
    assert (ended.code, "a model writes that of 'dreamer'" in ended.err) == (2, True)


def test_an_agent_with_neither_plan_nor_goal_says_so_and_cannot_run(
    cortex: Cortex, here: Path
) -> None:
    (here / "a.yaml").write_text("kind: Agent\nname: empty\n")
    [problem] = cortex("plan", "a.yaml", "--json").json["problems"]
    assert problem["message"] == "'empty' has neither a plan nor a goal"
    assert cortex("validate", "a.yaml").code == 0
    ended = cortex("run", "a.yaml")
    assert ended.code == 2
    assert ended.err == (
        "'empty' has neither a plan nor a goal; write its plan down under 'actions', or give it a"
        " goal: 'goal', or --goal TEXT\n"
    )


def test_a_goal_is_for_agents_without_a_plan(cortex: Cortex, here: Path) -> None:
    (here / "a.yaml").write_text("kind: Agent\nname: a\nactions: [{id: a, type: internal}]\n")
    (here / "w.yaml").write_text("kind: Workflow\nname: w\nactions: [{id: a, type: internal}]\n")
    ended = cortex("run", "a.yaml", "--goal", "x")
    assert (ended.code, "'a' has a plan of its own" in ended.err) == (2, True)
    ended = cortex("run", "w.yaml", "--goal", "x")
    assert (ended.code, "only an agent takes a goal" in ended.err) == (2, True)
    (here / "a.yaml").write_text("kind: Agent\nname: a\n")
    ended = cortex("run", "a.yaml", "--goal", " ")
    assert (ended.code, "the goal is empty" in ended.err) == (2, True)


def test_a_manifest_can_come_from_standard_input_or_be_the_one_in_a_folder(
    cortex: Cortex, here: Path
) -> None:
    text = "kind: Agent\nname: piped\nactions: [{id: a, type: internal}]\n"
    assert cortex("plan", "-", "--json", stdin=text).json["agent"] == "piped"
    (here / "only").mkdir()
    (here / "only" / "x.yaml").write_text(text)
    assert cortex("plan", "only", "--json").json["agent"] == "piped"


def test_a_manifest_that_does_not_load_is_problems_in_json_and_lines_in_text(
    cortex: Cortex, here: Path
) -> None:
    manifest = here / "bad.yaml"
    manifest.write_text(
        "kind: Agent\nname: bad\nactions:\n"
        "  - {id: a, type: internal, depends_on: [bb]}\n  - {id: b, type: internl}\n"
    )
    ended = cortex("plan", "bad.yaml", "--json")
    assert ended.code == 2
    problems = ended.json["problems"]
    assert {"severity", "code", "message", "hint", "file", "line", "column"} == set(problems[0])
    assert {problem["line"] for problem in problems} == {4, 5}
    text = cortex("plan", "bad.yaml")
    assert text.code == 2
    assert text.out == ""
    assert text.err.startswith("bad.yaml:4:")
    assert "did you mean 'internal'?" in text.err


@pytest.mark.parametrize("arguments", [[], ["--dot"]])
def test_graph_writes_dot_by_default(cortex: Cortex, arguments: list[str]) -> None:
    ended = cortex("graph", RESEARCH, *arguments)
    assert ended.code == 0
    assert ended.out.startswith("digraph")


def test_graph_has_other_forms(cortex: Cortex, here: Path) -> None:
    assert "flowchart" in cortex("graph", RESEARCH, "--mermaid").out
    assert "fetch_arxiv" in cortex("graph", RESEARCH, "--ascii").out
    data = json.loads(cortex("graph", RESEARCH, "--json").out)
    assert len(networkx.node_link_graph(data, edges="edges")) == 10
    ended = cortex("graph", RESEARCH, "-o", "g.svg")
    assert (ended.code, ended.out) == (0, "")
    assert b"<svg" in (here / "g.svg").read_bytes()
    cortex("graph", RESEARCH, "--mermaid", "-o", "g.mmd")
    assert "flowchart" in (here / "g.mmd").read_text()


def test_graph_refuses_what_contradicts_itself(cortex: Cortex) -> None:
    assert cortex("graph", RESEARCH, "--dot", "--json").code == 2
    assert cortex("graph", RESEARCH, "--mermaid", "-o", "x.svg").code == 2
    ended = cortex("graph", RESEARCH, "-o", "/nowhere/x.dot")
    assert ended.code == 3
    assert "cannot be written" in ended.err


def test_validate_is_silent_when_all_is_well(cortex: Cortex) -> None:
    ended = cortex("validate", *sorted(MANIFESTS.glob("*.yaml")))
    assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.no_cover
def test_notes_are_told_by_plan_and_where_they_are_asked_for(cortex: Cortex) -> None:
    manifest = MANIFESTS / "modes.yaml"
    note = "note: 'alone' is sync, and 2 actions could run beside it"
    assert note in cortex("validate", "-v", manifest).err
    [problem] = cortex("validate", "--json", manifest).json["problems"]
    assert (problem["code"], problem["line"], problem["column"]) == ("costly_sync", 14, 11)
    assert cortex("plan", "--json", manifest).json["problems"] == [problem]
    assert note in cortex("plan", manifest).out
    for quiet in (cortex("validate", "-qv", manifest), cortex("plan", "-q", manifest)):
        assert quiet.code == 0
        assert "note:" not in quiet.out + quiet.err


def test_a_folder_that_is_no_manifest_does_not_hide_the_other_files(
    cortex: Cortex, here: Path
) -> None:
    (here / "one.yaml").write_text("kind: Agent\n")
    (here / "empty").mkdir()
    (here / "two").mkdir()
    for name in ("a", "b"):
        (here / "two" / f"{name}.yaml").write_text(f"kind: Agent\nname: {name}\n")
    ended = cortex("validate", "one.yaml", "empty", "two", "--json")
    assert ended.code == 2
    assert ended.json["files"] == ["one.yaml", "empty", "two"]
    problems = ended.json["problems"]
    assert [problem["file"] for problem in problems] == ["one.yaml", "empty", "two"]
    assert problems[2]["hint"] == "name one of them: a.yaml, b.yaml"


def test_validate_reports_every_file_at_once(cortex: Cortex, here: Path) -> None:
    (here / "one.yaml").write_text("kind: Agent\nname: one\nactinos: []\n")
    (here / "two.yaml").write_text("kind: Agent\nname: two\nversion: 1.10\n")
    ended = cortex("validate", "one.yaml", "two.yaml", "missing.yaml", "--json")
    assert ended.code == 2
    assert ended.json["files"] == ["one.yaml", "two.yaml", "missing.yaml"]
    assert {problem["file"] for problem in ended.json["problems"]} == {
        "one.yaml", "two.yaml", "missing.yaml"
    }  # fmt: skip
    text = cortex("validate", "one.yaml", "two.yaml")
    assert "did you mean 'actions'?" in text.err
    assert "quote" in text.err


def test_a_manifest_over_the_size_is_refused_unless_allowed(cortex: Cortex, here: Path) -> None:
    text = "kind: Agent\nname: big\nactions: []\nsummary: " + "x" * 33 * 1024 * 1024
    (here / "big.yaml").write_text(text)
    ended = cortex("validate", "big.yaml")
    assert ended.code == 2
    assert "--max-size" in ended.err
    for command in ("validate", "plan", "graph", "run"):
        assert cortex(command, "big.yaml", "--max-size", "40").code == 0
