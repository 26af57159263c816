"""`cortex replay` of runs whose models called tools: no model, no tool and no server is needed."""

import json
import shutil
from pathlib import Path

import pytest

from cortex_cli.testing import Answer, Call, ScriptedServer
from tests.cli.conftest import environment
from tests.cli.test_goals import Ended, Place, write
from tests.cli.test_replay_of_plans import FILES
from tests.llm.test_remote import pytestmark as quiet
from tests.session.test_servers import TOML

pytest.importorskip("pydantic_ai", reason="needs the extra 'llm'")
pytestmark = [
    quiet,
    pytest.mark.no_cover,
    pytest.mark.timeout(90),
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
]

ASKER = """\
kind: Agent
name: asker
import: {tools: [./say.yaml, ./broken.yaml]}
actions:
  - {id: a, type: llm, parameters: {prompt: "Say it.", tools: [say, broken]}}
  - {id: b, type: llm, for_each: [x, y], parameters: {prompt: "Of $item", tools: [say]}}
"""
SERVED = """\
kind: Agent
name: served
import: {mcp: [odd]}
actions:
  - {id: ask, type: llm, parameters: {prompt: go, tools: [odd.t]}}
"""
SECRET = "s3cr3t-key"


async def replayed(folder: Path, name: str) -> Ended:
    """The replay of a record in an empty folder, without a model."""
    (folder / "empty").mkdir(exist_ok=True)
    place = Place(folder / "empty", folder / "none", ScriptedServer([]))
    place.env = environment(folder / "none", {"PATH": "/nowhere"})
    return await place.cortex("replay", f"../{name}", "--json")


async def test_conversations_are_replayed_with_no_model(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    write(here, {**FILES, "agent.yaml": ASKER})
    mixed = Answer(
        calls=[Call("say", {"text": "hi"}), Call("broken"), Call("say", {"no": 1}), Call("evil")]
    )
    async with ScriptedServer([mixed, "one", "two", "three", "four", "five"]) as server:
        place = Place(here, tmp_path / "state", server)
        place.env["CORTEX_MAX_PARALLEL"] = "1"
        first = await place.cortex("run", "agent.yaml", "--json", "--record", "../run.record")
        again = await place.cortex("replay", "last", "--json")
    assert first.code == 0, first.out
    assert (again.code, again.out) == (0, first.out), again.err
    shutil.rmtree(here)
    shutil.rmtree(tmp_path / "state")
    again = await replayed(tmp_path, "run.record")
    assert (again.code, again.out) == (0, first.out), again.err


async def test_tools_of_servers_are_replayed_as_they_were_pinned(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    write(here, {"cortex.toml": TOML, "agent.yaml": SERVED})
    turns = [Answer(calls=[Call("odd_t"), Call("odd_t", {"x": [1]})]), "done"]
    names = ("one.record", "two.record")
    async with ScriptedServer([*turns, *turns]) as server:
        place = Place(here, tmp_path / "state", server)
        place.env["ODD_KEY"] = SECRET
        words = ("run", "agent.yaml", "--json", "--record")
        ran = [await place.cortex(*words, f"../{name}") for name in names]
    shutil.rmtree(here)
    shutil.rmtree(tmp_path / "state")
    for name, first in zip(names, ran, strict=True):
        assert first.code == 0, first.err
        again = await replayed(tmp_path, name)
        assert (again.code, again.out) == (0, first.out), again.err
        text = (tmp_path / name).read_text()
        assert SECRET not in text
        files = json.loads(text.splitlines()[0])["sources"]["files"]
        assert files["cortex.toml"] == '[mcp.servers.odd]\ncommand = "odd"\n'
        # What was pinned when the run began, which was nothing at first.
        assert ("cortex.lock" in files) is (name == "two.record")
