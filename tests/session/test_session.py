"""Opening manifests that call each other, and what is said of the tools that they reach."""

from pathlib import Path

import pytest

from cortex_cli.errors import ManifestError
from cortex_cli.session.session import Request, Session


def _workflow(name: str, called: str, seconds: int = 1) -> str:
    return (
        f"kind: Workflow\nname: {name}\nimport: {{workflows: [{called}.yaml]}}\nactions:\n"
        f"  - {{id: own, type: internal, estimate_seconds: {seconds}}}\n"
        f"  - {{id: next, type: workflow, target: {called}, depends_on: [own]}}\n"
    )


def _opened(folder: Path, entry: str) -> Session:
    return Session.open(Request(source=Path(entry), cwd=folder, environ={}, passes=0))


def test_a_chain_of_400_workflows_can_be_planned(tmp_path: Path) -> None:
    for number in range(400):
        text = _workflow(f"w{number}", f"w{number + 1}")
        (tmp_path / f"w{number}.yaml").write_text(text)
    last = "kind: Workflow\nname: w400\nactions:\n  - {id: a, type: internal, estimate_seconds: 5}"
    (tmp_path / "w400.yaml").write_text(last)
    assert _opened(tmp_path, "w0.yaml").report.estimate.scheduled_seconds == 405


def test_workflows_that_call_each_other_can_be_planned(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(_workflow("a", "b"))
    (tmp_path / "b.yaml").write_text(_workflow("b", "a"))
    actions = _opened(tmp_path, "a.yaml").report.actions
    assert [action.id for action in actions] == ["own", "next"]


def test_a_fallback_is_checked_as_the_tool_itself_is(tmp_path: Path) -> None:
    tool = "kind: Tool\nname: {}\nimplementation: {{type: command, command: {}}}\n"
    (tmp_path / "good.yaml").write_text(tool.format("good", "[echo, hi]"))
    (tmp_path / "bad.yaml").write_text(tool.format("bad", "echo hi"))
    (tmp_path / "m.yaml").write_text(
        "kind: Agent\nname: m\nimport: {tools: [good.yaml, bad.yaml]}\n"
        "actions:\n  - {id: a, type: tool, target: good, fallback: [bad]}\n"
    )
    with pytest.raises(ManifestError) as raised:
        _opened(tmp_path, "m.yaml")
    assert "bad.yaml" in str(raised.value)
    assert "a command is a list of arguments" in str(raised.value)
