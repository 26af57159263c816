"""Imports that nothing calls: a note where the import stands, and never where something might."""

from pathlib import Path

import pytest

from tests.manifest.trees import TOOL, agent, all_told, write

FLOW = "kind: Workflow\nname: flow\nactions: [{id: x, type: tool, target: t}]\n"
HEAD = "import: {tools: [t, u]}"
FILES = {"tools/t/tool.yaml": TOOL, "tools/u/tool.yaml": TOOL}


def of(tmp_path: Path, *actions: str, head: str = HEAD, **files: str) -> list[str]:
    more = {name.replace("_", "."): text for name, text in files.items()}
    return all_told(tmp_path, {"m.yaml": agent(*actions, head=head), **FILES, **more})


def test_an_import_that_nothing_calls_is_told_at_its_place(tmp_path: Path) -> None:
    assert of(tmp_path, "{id: a, type: tool, target: t}") == [
        (
            "m.yaml:5:21: note: nothing calls the tool 'u', which is imported here;"
            " leave the import out"
        )
    ]


@pytest.mark.parametrize(
    ("action", "head"),
    [
        ("{id: a, type: tool, target: t, fallback: [u]}", HEAD),
        (
            "{id: a, type: tool, target: t, parameters: {v: $f}}",
            f"{HEAD}\ncontext_feeds: [{{id: f, source: {{type: tool, name: u}}}}]",
        ),
    ],
)
def test_fallbacks_and_feeds_call_too(tmp_path: Path, action: str, head: str) -> None:
    assert of(tmp_path, action, head=head) == []


def test_what_an_imported_plan_calls_is_used_by_who_imports_it_for_that(tmp_path: Path) -> None:
    head = "import: {tools: [t], workflows: [./flow.yaml]}"
    assert of(tmp_path, "{id: a, type: workflow, target: flow}", head=head, flow_yaml=FLOW) == []


def test_what_a_model_may_call_is_used(tmp_path: Path) -> None:
    planner = "kind: Agent\nname: flow\ngoal: whatever\n"
    head = "import: {tools: [t], agents: [./flow.yaml]}"
    told = of(tmp_path, "{id: a, type: agent, target: flow}", head=head, flow_yaml=planner)
    assert [line for line in told if "nothing calls" in line] == []


def test_imports_of_tools_and_of_plans_by_models_are_not_looked_at(tmp_path: Path) -> None:
    tool = (
        "kind: Tool\nname: m\nimport: {tools: [t]}\nimplementation: {type: script, entrypoint: m}\n"
    )
    assert all_told(tmp_path, {"m.yaml": tool, **FILES}) == []
    write(tmp_path, {"m.yaml": "kind: Agent\nname: m\ngoal: g\nimport: {tools: [t]}\n"})
    assert [line for line in all_told(tmp_path, {}) if "nothing calls" in line] == []


def test_a_file_that_cannot_be_read_calls_nothing(tmp_path: Path) -> None:
    head = "import: {tools: [t], workflows: [./flow.yaml]}"
    told = of(tmp_path, "{id: a, type: tool, target: t}", head=head, flow_yaml="kind: Workflow\n")
    assert [line for line in told if "nothing calls" in line] == []


def test_what_a_mistaken_target_means_is_not_called_unused(tmp_path: Path) -> None:
    told = of(tmp_path, "{id: a, type: tool, target: t}", "{id: b, type: tool, target: uu}")
    assert [line for line in told if "nothing calls" in line] == []
