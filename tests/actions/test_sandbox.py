"""`sandbox: bwrap`: a tool reads, and changes only what it is given."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cortex_cli.actions import sandbox
from cortex_cli.actions.python_tool import PythonTool
from cortex_cli.actions.sandbox import find_sandbox
from cortex_cli.actions.script import ScriptTool
from cortex_cli.errors import ActionError, SetupError
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.testing import make_call
from cortex_cli.testing.handler_contract import check_cancellation_is_prompt


def why_not() -> str:
    try:
        find_sandbox()
    except SetupError as error:
        return str(error)
    return ""


needs_bwrap = pytest.mark.skipif(bool(why_not()), reason=why_not() or "bwrap is here")

PRIVATE = Path("/tmp/cortex-private")
LOOK = """
import json, os, pathlib, socket
def can(do):
    try:
        do()
    except OSError as error:
        return error.strerror
    return True
here = pathlib.Path(__file__).parent
print(json.dumps({
    "reads": can(lambda: (here / "main.py").read_text()),
    "writes": can(lambda: (here / "new").write_text("x")),
    "works": can(lambda: pathlib.Path("new").write_text("x")),
    "tmp": can(lambda: pathlib.Path("/tmp/cortex-private").write_text("x")),
    "etc": can(lambda: pathlib.Path("/etc/new").write_text("x")),
    "networks": [name for _, name in socket.if_nameindex()],
    "processes": sum(name.isdigit() for name in os.listdir("/proc")) < 5,
}))
"""


def manifest(**implementation: Any) -> ToolManifest:
    return ToolManifest.model_validate(
        {"kind": "Tool", "name": "t", "sandbox": "bwrap", "implementation": implementation}
    )


def check_private() -> None:
    assert not PRIVATE.exists()


@needs_bwrap
async def test_a_tool_in_it_changes_only_its_working_folder(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(check_private)
    folder, work = tmp_path / "töol", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    (folder / "main.py").write_text(LOOK)
    script = manifest(type="script", runtime=sys.executable, entrypoint="main.py")
    tool = ScriptTool(script, folder, environment={}, base=tmp_path)
    call = make_call(run_dir=work)
    found = await tool.run(call)
    assert found["reads"] is True
    assert found["tmp"] is True
    assert found["processes"] is True
    assert found["writes"] == found["works"] == found["etc"] == "Read-only file system"
    assert found["networks"] == ["lo"]


@needs_bwrap
async def test_a_cwd_and_a_python_tool(tmp_path: Path) -> None:
    (tmp_path / "mod.py").write_text("def run(): return open('new', 'w').write('abc')\n")
    (tmp_path / "work").mkdir()
    python = manifest(type="python", entrypoint="mod:run")
    tool = PythonTool(python, tmp_path, environment={}, base=tmp_path)
    call = replace(make_call(), cwd="work")
    assert await tool.run(call) == 3
    assert (tmp_path / "work" / "new").read_text() == "abc"
    with pytest.raises(ActionError, match="Read-only file system"):
        await tool.run(make_call())


@needs_bwrap
async def test_what_hangs_in_it_is_ended(tmp_path: Path, survivors: Any) -> None:
    (tmp_path / "main.sh").write_text('echo \'{"message": "up"}\' >&2\nsleep 99 & sleep 99\n')
    script = manifest(type="script", runtime="bash", entrypoint="main.sh")
    tool = ScriptTool(script, tmp_path, environment=survivors.env, base=tmp_path, grace_seconds=0.2)
    await check_cancellation_is_prompt(
        tool,
        make_call(),
        when_running=lambda: len(survivors()) > 2,
        leaves_nothing=lambda: survivors() == [],
    )


def test_without_bwrap_it_is_an_error_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SetupError, match="not on PATH; install bubblewrap") as caught:
        find_sandbox()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo one >&2; echo no namespaces >&2; exit 1", "no namespaces"),
        ("exit 3", "exit code 3"),
        ("sleep 9", "timed out"),
    ],
)
def test_a_bwrap_that_may_not_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bwrap").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(sandbox, "_PROBE_SECONDS", 0.5)
    assert shutil.which("bwrap") == str(tmp_path / "bwrap")
    with pytest.raises(SetupError, match=reason):
        find_sandbox()


def test_what_is_no_process_has_no_sandbox() -> None:
    with pytest.raises(ValueError, match="'sandbox' is for tools that run as processes"):
        manifest(type="http", url="http://a.example")
