"""`cortex replay` of runs whose plans a model wrote: with no model, and no tools."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.testing import Answer, ScriptedServer
from tests.cli.conftest import environment
from tests.cli.test_goals import Ended, Place, action
from tests.llm.test_remote import pytestmark as quiet

pytest.importorskip("pydantic_ai", reason="needs the extra 'llm'")
pytestmark = [
    quiet,
    pytest.mark.no_cover,
    pytest.mark.timeout(90),
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
]

FILES = {
    "agent.yaml": """\
kind: Agent
name: asker
goal: Find out.
import: {tools: [./say.yaml, ./broken.yaml], agents: [./helper.yaml]}
""",
    "helper.yaml": """\
kind: Agent
name: helper
goal: Help.
import: {tools: [./say.yaml]}
""",
    "say.yaml": """\
kind: Tool
name: say
parameters: [{name: text, type: string, required: true}]
implementation: {type: command, command: [echo, "${text}"]}
""",
    "broken.yaml": """\
kind: Tool
name: broken
implementation: {type: command, command: ["false"]}
""",
}
A = action("a", "say", parameters={"text": "one"})
B = action("b", "say", parameters={"text": "$(steps.a) and two"})
DONE = '{"final_answer": "It is two."}'
TURNS: dict[str, list[Any]] = {
    "streamed": [Answer(text=f"{B}\n{A}", thought="Both."), DONE],
    "repaired": [f"{A}\nHello.\n{action('evil', 'delete_all')}\n{action('c', 'say')}", B, DONE],
    "iterated": [A, B, action("c", "say", parameters={"text": "$(steps.b)"}), DONE],
    "answered at once": [DONE],
    "waited for": [action("b", "say", depends_on=["a"], parameters={"text": "x"}), A, DONE],
    "mended": [f"{A}\n{action('f', 'broken')}", action("g", "say", parameters={"text": "g"}), DONE],
    "in vain": ["", ""],
    "nested": [
        '{"id": "h", "type": "agent", "target": "helper", "parameters": {"goal": "Say it."}}',
        A, DONE, DONE,
    ],
}  # fmt: skip


async def recorded(turns: list[Any], folder: Path, *options: str) -> Ended:
    """A run with a record; its manifests and its state are gone."""
    here = folder / "here"
    here.mkdir()
    for name, text in FILES.items():
        (here / name).write_text(text)
    async with ScriptedServer(turns) as server:
        place = Place(here, folder / "state", server)
        ended = await place.cortex(
            "run", "agent.yaml", "--json", "--record", "../run.record", *options
        )
    shutil.rmtree(folder / "state")
    shutil.rmtree(here)
    here.mkdir()
    return ended


async def replayed(folder: Path, server: ScriptedServer) -> Ended:
    """The replay in an empty folder, without a model."""
    place = Place(folder / "here", folder / "state", server)
    place.env = environment(folder / "state", {"PATH": "/nowhere"})
    return await place.cortex("replay", "../run.record", "--json")


@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
async def test_a_plan_is_replayed_with_no_model(turns: list[Any], tmp_path: Path) -> None:
    first = await recorded(turns, tmp_path)
    again = await replayed(tmp_path, ScriptedServer([]))
    assert (again.code, again.out) == (first.code, first.out), again.err


async def test_the_goal_of_the_command_line_is_replayed(tmp_path: Path) -> None:
    first = await recorded([A, DONE], tmp_path, "--goal", "Something else.")
    again = await replayed(tmp_path, ScriptedServer([]))
    assert first.code == 0
    assert (again.code, again.out) == (first.code, first.out), again.err


async def test_a_part_that_is_refused_is_recorded_in_full(tmp_path: Path) -> None:
    long = "x" * 1000
    ended = await recorded([action("evil", "delete_all", condition=long), DONE, DONE], tmp_path)
    warnings = [one["data"] for one in ended.of("warning") if "refused" in one["data"]]
    assert json.loads(warnings[0]["refused"]["text"])["condition"] == long
    assert warnings[0]["refused"]["part"] == [1, 1]
