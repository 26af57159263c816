"""The real local model plans through a whole run, where it is there (`cortex models pull`)."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.events import Event
from cortex_cli.session.session import Request, Session
from tests.llm.test_remote import pytestmark as quiet

pytest.importorskip("xllamacpp", reason="needs the extra 'local'")
pytestmark = [
    quiet,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
]

SAY = """\
kind: Tool
name: say
summary: Says a word about something
parameters: [{name: about, type: string, required: true, validation: {max_length: 200}}]
implementation: {type: command, command: [echo, "${inputs.about} is nice"]}
effect: none
"""
AGENT = """\
kind: Agent
name: speaker
goal: Say something about the sea and about the sky.
import: {tools: [say.yaml]}
cognitive_engine: {parameters: {temperature: 0}}
protocol: {max_iterations: 2}
"""


def opened(folder: Path, weights: Path) -> Session:
    (folder / "say.yaml").write_text(SAY)
    (folder / "agent.yaml").write_text(AGENT)
    state = folder / "state"
    (state / "models").mkdir(parents=True, mode=0o700)
    state.chmod(0o700)
    os.link(weights, state / "models" / weights.name)
    environ = {**os.environ, "CORTEX_HOME": str(state), "CORTEX_MODEL": "local:smollm2"}
    return Session.open(Request(source=folder / "agent.yaml", cwd=folder, environ=environ))


def children() -> set[str]:
    """The processes that this one has started and that are still there."""
    found: set[str] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        # A thread may end meanwhile.
        with suppress(OSError):
            found.update(task.read_text().split())
    return found


async def test_it_plans_what_runs_streams_it_and_answers(weights: Path, tmp_path: Path) -> None:
    session, before = opened(tmp_path, weights), children()
    await session.preflight()
    try:
        async with session.run({}) as stream:
            events: list[Event] = [event async for event in stream]
    finally:
        await session.aclose()
    assert children() <= before
    # How long so small a model goes on is its own affair.
    warnings = [data.message for data in of(events, "warning")]
    assert [message for message in warnings if "was cut short" not in message] == []
    started = of(events, "action_started")
    assert 1 <= len(started) <= 4
    assert {data.target for data in started} <= {"say", "default"}
    tokens = [place for place, event in enumerate(events) if event.event_type == "llm_token"]
    first = next(p for p, event in enumerate(events) if event.event_type == "action_started")
    assert tokens[0] < first
    usage: Any = of(events, "agent_completed")[0].usage
    assert usage.output_tokens >= len(tokens) / 2
    assert (usage.input_tokens > 100, usage.cost_usd) == (True, 0.0)


def of(events: list[Event], kind: str) -> list[Any]:
    return [event.data for event in events if event.event_type == kind]
