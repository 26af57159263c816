"""Plans that are written down, mended by a model where that is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import RunRequest
from cortex_cli.events import Event
from cortex_cli.session.resumption import Fate, Resumption
from cortex_cli.session.session import Request, Session
from cortex_cli.testing import ScriptedServer
from tests.llm.test_remote import pytestmark as quiet

pytest.importorskip("pydantic_ai", reason="needs the extra 'llm'")
pytestmark = quiet

TOOLS = {
    "fetch.yaml": "kind: Tool\nname: fetch\nparameters: [{name: url, type: string}]\n"
    "implementation: {type: command, command: [python3, -c, 'import sys; sys.exit(3)']}\n",
    "mirror.yaml": "kind: Tool\nname: mirror\ndescription: Gets it from elsewhere\n"
    "parameters: [{name: url, type: string}]\n"
    'implementation: {type: command, command: [echo, "got ${url}"]}\n',
}
ACTIONS = """\
actions:
  - {id: get, type: tool, target: fetch, parameters: {url: u}, output_key: page}
  - {id: other, type: tool, target: mirror, parameters: {url: v}}
  - {id: use, type: tool, target: mirror, parameters: {url: $page}}
"""
PATCH = """\
{"id": "get", "type": "tool", "target": "mirror", "parameters": {"url": "u"}, "output_key": "page"}
{"id": "use", "type": "tool", "target": "mirror", "parameters": {"url": "$page"}}
"""


@dataclass(frozen=True)
class Before:
    """What is kept of the earlier part beside its events."""

    digests: Mapping[str, str]
    forgotten: Mapping[str, int]


def opened(folder: Path, kind: str, environ: Mapping[str, str]) -> Session:
    for name, text in TOOLS.items():
        (folder / name).write_text(text)
    head = f"kind: {kind}\nname: getter\nimport: {{tools: [fetch.yaml, mirror.yaml]}}\n"
    text = f"{head}protocol: {{self_healing: true}}\n{ACTIONS}"
    environ = {"CORTEX_HOME": str(folder / "state"), "HOME": str(folder), **environ}
    return Session.open(Request(source=text.encode(), cwd=folder, environ=environ))


def at(server: ScriptedServer) -> dict[str, str]:
    return {"CORTEX_MODEL": "acme:m", "CORTEX_BASE_URL": server.base_url}


async def run(session: Session, past: Past | None = None) -> list[Event]:
    await session.preflight()
    try:
        async with session.start(RunRequest(past=past)) as events:
            return [event async for event in events]
    finally:
        await session.aclose()


def ends(events: list[Event]) -> dict[str, str]:
    kinds = {"action_completed", "action_failed", "action_skipped"}
    return {e.action_id or "": e.event_type[7:] for e in events if e.event_type in kinds}


@pytest.mark.parametrize("kind", ["Agent", "Workflow"])
async def test_a_model_mends_what_has_failed_of_a_written_plan(tmp_path: Path, kind: str) -> None:
    async with ScriptedServer([PATCH]) as server:
        events = await run(opened(tmp_path, kind, at(server)))
    assert ends(events) == {
        "get": "failed",
        "other": "completed",
        "use": "skipped",
        "get-2": "completed",
        "use-2": "completed",
    }
    assert events[-1].event_type == "agent_completed"
    asked = str(server.requests[0].body)
    assert "Gets it from elsewhere" in asked
    assert "exit code 3" in asked


async def test_without_a_model_the_failure_stands(tmp_path: Path) -> None:
    events = await run(opened(tmp_path, "Agent", {}))
    assert ends(events) == {"get": "failed", "other": "completed", "use": "skipped"}
    assert events[-1].event_type == "agent_failed"


async def test_a_patch_stands_when_the_run_goes_on(tmp_path: Path) -> None:
    async with ScriptedServer([PATCH]) as server:
        session = opened(tmp_path, "Agent", at(server))
        events = await run(session)
        broken_off = next(n for n, e in enumerate(events) if e.action_id == "use-2")
        before, earlier = events[:broken_off], Before(digests=session.digests(), forgotten={})
        resumption = Resumption(before, session, earlier, retry_failed=True)
        fates = {verdict.id: verdict.fate for verdict in resumption.verdicts}
        assert fates == dict.fromkeys(["get", "get-2", "other"], Fate.KEPT)
        rest = await run(opened(tmp_path, "Agent", at(server)), resumption.past)
    # What was skipped is decided anew, as ever.
    assert ends(rest) == {"use": "skipped", "use-2": "completed"}
    assert rest[-1].event_type == "agent_completed"
