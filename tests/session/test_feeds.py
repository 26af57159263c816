"""Feeds from everything that a feed may come from, fetched by the real handlers."""

from pathlib import Path
from typing import Any

import pytest

from cortex_cli.errors import ManifestError, SetupError
from cortex_cli.events import ActionCompleted, Event, WarningRaised
from cortex_cli.session.session import Request, Session

TOOL = """
kind: Tool
name: echo
parameters: [{name: text, type: string, required: true}]
implementation: {type: script, runtime: sh, entrypoint: echo.sh}
"""
SCRIPT = "cat"
RELIC = "kind: Relic\nname: kv\ninterface: {type: embedded, engine: sqlite_kv}\n"
FLOW = """
kind: Workflow
name: flow
inputs: {n: integer}
actions: [{id: x, type: internal, parameters: {n: "${inputs.n}"}}]
outputs: {n: {source: steps.x.n}}
"""
HEAD = """
kind: Agent
name: a
secrets: {KEY: {env: KEY}}
import: {tools: [echo.yaml], relics: [kv.yaml], workflows: [flow.yaml]}
"""
FEEDS = (
    HEAD
    + """
context_feeds:
  - {id: told, source: {type: tool, name: echo, params: {text: "it is ${secrets.KEY}"}}}
  - {id: kept, source: {type: relic, name: kv, action: get_value, params: {key: k, default: 3}}}
  - {id: flown, source: {type: workflow, name: flow, params: {n: 4}}}
  - {id: said, source: {type: llm, params: {prompt: "What is it?", text: A tree is tall. }}}
  - {id: machine, source: {type: internal, name: system}}
  - {id: now, source: {type: internal, name: time}}
  - {id: none, source: {type: external, name: stocks}}
actions:
  - id: all
    type: internal
    parameters: {told: $told, kept: $kept, flown: $flown, said: $said, none: $none,
                 cpus: "${machine.cpus}", day: "${now.weekday}"}
"""
)
KEY = "sesame-sesame"


def opened(folder: Path, text: str, **environ: str) -> Session:
    files = {
        "m.yaml": text,
        "echo.yaml": TOOL,
        "kv.yaml": RELIC,
        "flow.yaml": FLOW,
        "echo.sh": SCRIPT,
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    environ = {"CORTEX_HOME": str(folder / "state"), "PATH": "/usr/bin:/bin", **environ}
    return Session.open(Request(source=Path("m.yaml"), cwd=folder, environ=environ))


async def events_of(session: Session) -> list[Event]:
    await session.preflight()
    stream = session.run({})
    try:
        return [event async for event in stream]
    finally:
        await session.aclose()


def outputs(events: list[Event]) -> dict[str, Any]:
    return {
        event.action_id: event.data.output
        for event in events
        if isinstance(event, ActionCompleted) and not event.path
    }


@pytest.mark.anyio
async def test_a_feed_comes_from_whatever_its_source_is(tmp_path: Path) -> None:
    events = await events_of(opened(tmp_path, FEEDS, KEY=KEY))
    got = outputs(events)["all"]
    assert got.pop("cpus") >= 1
    assert got.pop("day").endswith("day")
    assert got == {
        "told": {"text": "it is ***"},
        "kept": {"success": False, "key": "k", "value": 3},
        "flown": {"n": 4},
        "said": "A tree is tall.",
        "none": None,
    }
    warnings = [event.data.message for event in events if isinstance(event, WarningRaised)]
    assert warnings == ["the feed 'none' is null: cortex has no source 'stocks'"]


def test_the_plan_shows_what_is_fetched(tmp_path: Path) -> None:
    report = opened(tmp_path, FEEDS, KEY=KEY).report
    assert [(one.id, one.type.value, one.target) for one in report.actions[:3]] == [
        ("told", "tool", "echo"),
        ("kept", "relic", "kv"),
        ("flown", "workflow", "flow"),
    ]
    assert report.waves[1] == ("all",)


@pytest.mark.anyio
async def test_a_secret_of_a_feed_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="KEY"):
        await opened(tmp_path, FEEDS).preflight()


def test_the_feeds_of_an_agent_with_a_goal_are_checked_too(tmp_path: Path) -> None:
    source = "{type: tool, name: echo, params: {text: '$nothing'}}"
    text = f"{HEAD}goal: g\ncontext_feeds:\n  - {{id: f, source: {source}}}\n"
    with pytest.raises(ManifestError, match=r"m\.yaml:8:\d+: nothing provides 'nothing'"):
        opened(tmp_path, text)
    session = opened(tmp_path, text.replace("$nothing", "${secrets.KEY}"))
    assert [feed.feed for feed in session.program.feeds] == ["f"]
