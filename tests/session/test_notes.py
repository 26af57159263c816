"""Notes of a session: at their places, of all plans that are reached, from what past runs took."""

from pathlib import Path

from cortex_cli.kinds import ActionType
from cortex_cli.session.session import Request, Session
from cortex_cli.store.history import Duration, DurationKey, History

TOOL = "kind: Tool\nname: t\nimplementation: {type: command, command: ['true']}\n"
FLOW = """\
kind: Workflow
name: flow
steps:
  - {id: a, type: internal, estimate_seconds: 2, output_key: lost}
  - {id: b, type: internal, estimate_seconds: 2}
  - {id: c, type: internal, mode: sync, estimate_seconds: 2}
  - {id: d, type: internal, mode: async, estimate_seconds: 2, parameters: {v: "${inputs.n}"}}
inputs: {n: integer}
outputs: {o: {source: steps.b}}
"""
AGENT = """\
kind: Agent
name: m
import: {tools: [t.yaml], workflows: [flow.yaml]}
context_feeds:
  - {id: now, source: {type: internal, name: time}}
actions:
  - {id: a, type: workflow, target: flow, parameters: {n: 1}}
  - {id: b, type: tool, target: t, timeout_seconds: 2, parameters: {v: $now}}
"""


def opened(folder: Path) -> Session:
    files = {"m.yaml": AGENT, "t.yaml": TOOL, "flow.yaml": FLOW}
    for name, text in files.items():
        (folder / name).write_text(text)
    environ = {"CORTEX_HOME": str(folder / "state"), "PATH": "/usr/bin:/bin"}
    return Session.open(Request(source=Path("m.yaml"), cwd=folder, environ=environ))


def told(session: Session) -> dict[str, str]:
    return {note.place: note.code for note in session.notes}


def test_notes_are_those_of_every_plan_that_is_reached(tmp_path: Path) -> None:
    session = opened(tmp_path)
    assert session.problems == ()
    assert told(session) == {"flow.yaml:4:62": "unused_output", "flow.yaml:6:35": "costly_sync"}
    assert session.report.problems == session.notes


def test_what_past_runs_took_is_held_against_the_timeout(tmp_path: Path) -> None:
    home = tmp_path / "state"
    home.mkdir(mode=0o700)
    key = DurationKey(type=ActionType.TOOL, target="t", identity=str(tmp_path / "m.yaml"))
    took = [Duration(key=key, seconds=n, ended_at=n, execution_id="r") for n in (1.0, 3.0, 4.0)]
    History(home).note(took)
    notes = told(opened(tmp_path))
    assert notes["m.yaml:8:53"] == "short_timeout"


def test_an_agent_without_a_plan_has_none(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("kind: Agent\nname: m\ngoal: g\n")
    session = Session.open(Request(source=Path("m.yaml"), cwd=tmp_path, environ={}))
    assert session.notes == ()
    assert [note.code for note in session.report.problems] == ["no_plan"]


def test_a_tool_by_itself_has_none(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TOOL)
    session = Session.open(Request(source=Path("t.yaml"), cwd=tmp_path, environ={}))
    assert session.notes == ()
