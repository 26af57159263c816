"""What a tool is told by from another version of itself, when its outputs are cached."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cortex_cli.actions import fingerprint
from cortex_cli.actions.built_tool import BuiltTool
from cortex_cli.actions.command import CommandTool
from cortex_cli.actions.fingerprint import folder_digest
from cortex_cli.actions.http_tool import HttpTool
from cortex_cli.actions.llm import LlmAction
from cortex_cli.actions.python_tool import PythonTool
from cortex_cli.actions.relic_kv import EmbeddedRelic
from cortex_cli.actions.relic_rest import RestRelic
from cortex_cli.actions.script import ScriptTool
from cortex_cli.actions.virtual_environment import Requirements, VirtualEnvironment
from cortex_cli.engine.cache import NotCacheableError
from cortex_cli.engine.masking import Masker
from cortex_cli.manifest.models import ModelParameters
from cortex_cli.manifest.relic_models import RelicManifest
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.protocol.sealed import Sealed
from cortex_cli.testing import FakeClock, ScriptedLLM, make_call

KEY = "sk-Ab12_Cd34"
ENDPOINT = {"name": "get", "method": "GET", "path": "/get"}
SEALED = Sealed("***", KEY)
SECRET = replace(make_call(), masker=Masker([KEY]))


def manifest(**implementation: Any) -> ToolManifest:
    return ToolManifest.model_validate(
        {"kind": "Tool", "name": "tool", "implementation": implementation}
    )


def local(folder: Path, kind: str = "script", **environment: str) -> Any:
    made: dict[str, tuple[Any, dict[str, Any]]] = {
        "script": (ScriptTool, {"entrypoint": "main.py"}),
        "python": (PythonTool, {"entrypoint": "main:run"}),
        "command": (CommandTool, {"command": ["true"]}),
    }
    tool, fields = made[kind]
    return tool(manifest(type=kind, **fields), folder, environment=environment, base=folder.parent)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "tool"
    (place / "deep").mkdir(parents=True)
    (place / "main.py").write_text("print(1)")
    (place / "deep" / "words.txt").write_text("a")
    return place


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file": lambda folder: (folder / "main.py").write_text("print(2)"),
    "a deep file": lambda folder: (folder / "deep" / "words.txt").write_text("b"),
    "a name": lambda folder: (folder / "main.py").rename(folder / "other.py"),
    "one more": lambda folder: (folder / "more").touch(),
    "a linked file": lambda folder: (folder / "link").symlink_to(folder / "main.py"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_folder_is_told_by_all_files_in_it(folder: Path, change: str) -> None:
    before = folder_digest(folder)
    assert folder_digest(folder) == before
    CHANGES[change](folder)
    assert folder_digest(folder) != before


def test_what_is_no_part_of_a_tool_does_not_count(folder: Path) -> None:
    before = folder_digest(folder)
    for name in ("__pycache__", ".git", "deep/__pycache__"):
        (folder / name).mkdir()
        (folder / name / "file").write_text("x")
    (folder / "nowhere").symlink_to(folder / "missing")
    os.mkfifo(folder / "pipe")
    os.utime(folder / "main.py", (1, 1))
    assert folder_digest(folder) == before


def test_too_much_is_not_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "MOST_FILES", 1)
    with pytest.raises(NotCacheableError, match="its folder holds over 1 files"):
        folder_digest(folder)
    monkeypatch.setattr(fingerprint, "MOST_BYTES", 2)
    with pytest.raises(NotCacheableError, match="or 2 bytes"):
        folder_digest(folder)


def test_files_that_cannot_be_read_are_a_reason(tmp_path: Path) -> None:
    with pytest.raises(NotCacheableError, match=r"its files can't be read: .*No such file"):
        folder_digest(tmp_path / "missing")


@pytest.mark.parametrize("kind", ["script", "python", "command"])
async def test_a_tool_is_told_by_its_files_manifest_and_variables(folder: Path, kind: str) -> None:
    call = make_call()
    before = await local(folder, kind).fingerprint(call)
    assert await local(folder, kind).fingerprint(call) == before
    assert (await local(folder, kind, LANG="C").fingerprint(call))["tool"] == before["tool"]
    assert await local(folder, kind, LANG="C").fingerprint(call) != before
    assert await local(folder, kind).fingerprint(replace(call, cwd=".")) != before
    (folder / "main.py").write_text("print(2)")
    assert (await local(folder, kind).fingerprint(call))["tool"] != before["tool"]
    with pytest.raises(NotCacheableError, match="it is given a secret"):
        await local(folder, kind, TOKEN=SEALED).fingerprint(SECRET)


async def test_packages_are_part_of_a_tool(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    needed = Requirements(name="tool", file=file, folder=folder)
    found: list[str] = []
    for text in ("a==1", "a==2"):
        file.write_text(text)
        environment = VirtualEnvironment(needed, state=lambda: tmp_path, ambient={})
        tool = BuiltTool(local(folder), environment)
        found.append((await tool.fingerprint(make_call()))["tool"])
    assert found[0] != found[1]


async def test_an_http_tool_is_told_by_its_manifest_and_variables() -> None:
    def tool(url: str, **fields: Any) -> HttpTool:
        return HttpTool(manifest(type="http", url=url), **{"environment": {}, **fields})

    before = await tool("https://a.example").fingerprint(make_call())
    assert await tool("https://a.example").fingerprint(make_call()) == before
    assert await tool("https://a.example/b").fingerprint(make_call()) != before
    other = tool("https://a.example", environment={"LANG": "C"})
    assert await other.fingerprint(make_call()) != before
    for fields in ({"secrets": {"KEY": SEALED}}, {"environment": {"KEY": SEALED}}):
        with pytest.raises(NotCacheableError, match="it is given a secret"):
            await tool("https://a.example", **fields).fingerprint(SECRET)


async def test_a_model_is_told_by_its_name_and_settings() -> None:
    one = ScriptedLLM([], name="one")
    other = ScriptedLLM([], name="other")
    found = [
        (await handler.fingerprint(make_call()))["tool"]
        for handler in (
            LlmAction(one),
            LlmAction(other),
            LlmAction(one, fallback=other),
            LlmAction(one, defaults=ModelParameters(temperature=0.5)),
        )
    ]
    assert len(set(found)) == 4


async def test_a_relic_is_told_by_what_it_is_and_where(tmp_path: Path) -> None:
    def embedded(identity: str) -> EmbeddedRelic:
        return EmbeddedRelic("kv", state_folder=tmp_path, identity=identity, clock=FakeClock())

    first = await embedded("a").fingerprint(make_call())
    assert await embedded("b").fingerprint(make_call()) != first
    interface = {"type": "rest_api", "base_url": "http://x", "endpoints": [ENDPOINT]}
    declared = RelicManifest.model_validate({"kind": "Relic", "name": "r", "interface": interface})
    urls = ("http://127.0.0.1:1", "http://127.0.0.1:2")
    found = [await RestRelic(declared, base_url=url).fingerprint(make_call()) for url in urls]
    assert found[0]["tool"] == found[1]["tool"]
    assert found[0] != found[1]
    with pytest.raises(NotCacheableError, match="it is given a secret"):
        await RestRelic(declared, base_url=Sealed("http://***", f"http://{KEY}")).fingerprint(
            SECRET
        )
