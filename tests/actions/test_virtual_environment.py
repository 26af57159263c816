"""A tool's environment is made once, by one, and kept by its content."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from cortex_cli.actions.built_tool import BuiltTool
from cortex_cli.actions.command import CommandTool
from cortex_cli.actions.python_tool import PythonTool
from cortex_cli.actions.script import ScriptTool
from cortex_cli.actions.virtual_environment import Requirements, VirtualEnvironment
from cortex_cli.engine.ports import Handler
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.testing import RecordingReporter, make_call
from tests.actions.wheels import make_wheel

pytestmark = pytest.mark.timeout(60)

Make = Callable[..., VirtualEnvironment]


@pytest.fixture
def environment(tmp_path: Path) -> Make:
    """An environment with the module `demo`; `text` is its requirements file."""
    folder = tmp_path / "the töol"

    def make(text: str = "# ours\n./wheels/demo-1.0-py3-none-any.whl\n") -> VirtualEnvironment:
        make_wheel(folder / "wheels", "demo", "ANSWER = 42\n")
        (folder / "requirements.txt").write_text(text)
        requirements = Requirements(name="tool", file=folder / "requirements.txt", folder=folder)
        state = tmp_path / "state"
        state.mkdir(exist_ok=True)
        return VirtualEnvironment(requirements, state=lambda: state, ambient={"PIP_NO_INDEX": "1"})

    return make


def tool(kind: type[Any], folder: Path, **implementation: Any) -> Handler:
    manifest = ToolManifest.model_validate(
        {"kind": "Tool", "name": "t", "implementation": implementation}
    )
    return kind(manifest, folder, environment={}, base=folder)


async def test_it_is_made_once_for_all_that_need_it(environment: Make, tmp_path: Path) -> None:
    first, second = environment(), environment()
    assert not first.is_made()
    reports = [RecordingReporter(), RecordingReporter(), RecordingReporter()]
    async with anyio.create_task_group() as tasks:
        for one, report in zip([first, second, first], reports, strict=True):
            tasks.start_soon(one.get, report)
    said = [[step.message for step in report.steps] for report in reports]
    makers = [lines for lines in said if "making an environment for requirements.txt" in lines]
    assert len(makers) == 1
    assert any("Installing collected packages: demo" in line for line in makers[0])
    assert any("waiting for the environment, which is being made" in lines for lines in said)
    assert first.is_made()
    assert await first.get(reports[0]) == second.folder

    folder = tmp_path / "the töol"
    (folder / "main.py").write_text("import demo, json; print(json.dumps(demo.ANSWER))")
    (folder / "mod.py").write_text("import demo\ndef run(): return demo.ANSWER\n")
    code = "import demo; print(demo.ANSWER + 1)"
    tools = [
        tool(ScriptTool, folder, type="script", entrypoint="main.py"),
        tool(PythonTool, folder, type="python", entrypoint="mod:run"),
        tool(CommandTool, folder, type="command", command=["python", "-c", code]),
    ]
    outputs: list[Any] = []
    for one in tools:
        built = BuiltTool(one, second)
        await built.prepare(make_call())
        outputs.append(await built.run(make_call()))
    assert outputs == [42, 42, 43]
    assert not (folder / "__pycache__").exists()


async def test_one_that_can_not_be_made_leaves_nothing(environment: Make) -> None:
    made = environment("./wheels/missing-1.0-py3-none-any.whl\n")
    with pytest.raises(ActionError, match=r"of tool 'tool' could not be made: .*missing") as caught:
        await made.get(RecordingReporter())
    assert caught.value.error_type == "build"
    assert not made.folder.exists()
    assert not made.is_made()


async def test_one_that_is_cut_short_is_made_anew(environment: Make) -> None:
    made = environment()
    with anyio.CancelScope() as scope:

        class Impatient(RecordingReporter):
            def progress(self, *_: Any, **__: Any) -> None:
                scope.cancel()

        await made.get(Impatient())
    assert scope.cancelled_caught
    assert not made.folder.exists()
    (made.folder / "bin").mkdir(parents=True)
    (made.folder / "bin" / "python").write_text("half made by one that was killed")
    await made.get(RecordingReporter())
    assert made.is_made()


def test_what_it_is_made_of_tells_it_from_others(environment: Make, tmp_path: Path) -> None:
    names = {environment().folder.name}
    assert environment().folder.name in names
    names.add(environment("./wheels/demo-1.0-py3-none-any.whl").folder.name)
    made = environment()
    make_wheel(tmp_path / "the töol" / "wheels", "demo", "ANSWER = 43\n")
    names.add(made.folder.name)
    assert len(names) == 3


async def test_a_silent_failure_tells_its_exit_code(
    environment: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexit 9\n")
    silent.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(silent))
    with pytest.raises(ActionError, match="could not be made: exit code 9"):
        await environment().get(RecordingReporter())
