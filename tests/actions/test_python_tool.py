"""A Python function is called in a process of its own."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from cortex_cli.actions.python_tool import PythonTool
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.testing import RecordingReporter, make_call
from cortex_cli.testing.handler_contract import (
    check_attempts_do_not_mix,
    check_cancellation_is_prompt,
    check_failure_is_an_action_error,
    check_output_is_json,
)

Make = Callable[..., PythonTool]


@pytest.fixture
def python(tmp_path: Path, survivors: Any) -> Make:
    """Make a tool of the function `run` in this code."""

    def make(code: str, entrypoint: str = "job:run", parameters: Any = None) -> PythonTool:
        folder = tmp_path / "tool"
        folder.mkdir(exist_ok=True)
        (folder / "job.py").write_text(code)
        manifest = ToolManifest.model_validate(
            {
                "kind": "Tool",
                "name": "worker",
                "parameters": parameters,
                "implementation": {"type": "python", "entrypoint": entrypoint},
            }
        )
        return PythonTool(
            manifest, folder, environment=survivors.env, base=tmp_path, grace_seconds=0.2
        )

    return make


async def failure(tool: PythonTool, call: ActionCall | None = None) -> ActionError:
    return await check_failure_is_an_action_error(tool, call or make_call())


ADD = "def run(a: int, b: int = 2) -> dict:\n    return {'sum': a + b}"


async def test_function_is_called_with_the_parameters_by_name(python: Make):
    tool = python(ADD)
    assert await tool.run(make_call({"a": 1})) == {"sum": 3}
    await check_output_is_json(tool, make_call({"a": 1, "b": 4}))
    await check_attempts_do_not_mix(tool, [make_call({"a": n}) for n in range(3)])


async def test_async_function_is_awaited(python: Make):
    code = """
import asyncio
async def run(text):
    await asyncio.sleep(0)
    return text
"""
    assert await python(code).run(make_call({"text": "é\ud7ff\0"})) == "é\ud7ff\0"


async def test_worker_starts_without_cortex_and_in_the_same_interpreter(python: Make):
    code = """
import sys
def run():
    return sys.executable, sorted(name for name in sys.modules if 'cortex' in name)
"""
    assert await python(code).run(make_call()) == [sys.executable, []]


async def test_modules_beside_the_tool_are_its_own(python: Make, tmp_path: Path):
    tool = python("from script import name\ndef run():\n    return name")
    (tmp_path / "tool" / "script.py").write_text("name = 'mine'")
    assert await tool.run(make_call()) == "mine"


async def test_installed_modules_can_be_called(python: Make):
    assert await python("", "textwrap:shorten").run(
        make_call({"text": "a long text", "width": 9})
    ) == ("a [...]")


async def test_what_is_printed_is_progress_and_no_output(python: Make):
    report = RecordingReporter()
    code = """
import os, subprocess, sys
print('loading')
def run():
    print('half')
    os.write(1, b'raw\\n')
    subprocess.run(['echo', 'child'])
    print('{"progress": 0.5}', file=sys.stderr)
    return 'done'
"""
    assert await python(code).run(make_call(report=report)) == "done"
    assert [step.message for step in report.steps] == ["loading", "half", "raw", "child", ""]
    assert report.steps[-1].fraction == 0.5


async def test_declared_parameters_are_checked_first(python: Make):
    error = await failure(
        python(ADD, parameters=[{"name": "a", "type": "integer"}]), make_call({"a": "x"})
    )
    assert str(error) == "tool 'worker': parameter 'a' must be an integer, not a string"


async def test_type_hints_check_the_parameters(python: Make):
    error = await failure(python(ADD), make_call({"a": "x", "c": 1}))
    assert str(error) == "there is no parameter 'c', parameter 'a' must be int, not str"
    assert (error.error_type, error.retryable) == ("parameters", False)


async def test_exception_is_a_failure_with_its_type(python: Make):
    report = RecordingReporter()
    code = "def run():\n    raise ValueError('too\\nlong')"
    error = await failure(python(code), make_call(report=report))
    assert str(error) == "ValueError: too long"
    assert (error.error_type, error.retryable) == ("ValueError", True)
    said = [step.message for step in report.steps]
    assert said[0] == "Traceback (most recent call last):"
    assert "job.py" in said[1]


async def test_result_that_is_not_json_is_a_failure(python: Make):
    error = await failure(python("def run():\n    return {1, 2}"))
    assert str(error) == "what it returned is not JSON: Object of type set is not JSON serializable"
    assert (error.error_type, error.retryable) == ("output", False)


async def test_result_that_is_too_large_is_a_failure(python: Make):
    error = await failure(python("def run():\n    return 'x' * 17_000_000"))
    assert str(error) == (
        "what job:run returned (17,000,014 bytes of JSON) is too large;"
        " have it write a file, and return its path"
    )


async def test_function_that_ends_its_process_has_not_returned(python: Make):
    code = "import sys\ndef run():\n    sys.exit('enough')"
    error = await failure(python(code))
    assert str(error) == "job:run ended its process before it returned: exit code 1: enough"
    assert error.error_type == "exit_status"


async def test_missing_function_is_named(python: Make):
    error = await failure(python("def runs(): ..."))
    assert str(error) == "module 'job' has no function 'run'; did you mean 'runs'?"
    assert (error.error_type, error.retryable) == ("entrypoint", False)


async def test_function_that_hangs_ends_with_its_action(python: Make, survivors: Any):
    report = RecordingReporter()
    code = """
import signal, time
def run():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print('ready')
    while True: time.sleep(9)
"""
    await check_cancellation_is_prompt(
        python(code),
        make_call(report=report),
        when_running=lambda: bool(report.steps),
        leaves_nothing=lambda: survivors() == [],
    )


async def test_function_that_computes_for_ever_is_ended_at_a_deadline(python: Make, survivors: Any):
    with anyio.move_on_after(0.3) as scope:
        await python("def run():\n    while True: pass").run(make_call())
    assert scope.cancelled_caught
    assert survivors() == []
