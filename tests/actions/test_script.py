"""A script gets its parameters as JSON, and what it prints is its output."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from cortex_cli.actions.script import LONGEST_ARGUMENT, ScriptTool
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.testing import RecordingReporter, ReportedProgress, make_call
from cortex_cli.testing.handler_contract import (
    check_attempts_do_not_mix,
    check_cancellation_is_prompt,
    check_failure_is_an_action_error,
    check_output_is_json,
)

Make = Callable[..., ScriptTool]


@pytest.fixture
def script(tmp_path: Path, survivors: Any) -> Make:
    """Make a tool of Python code; keywords go into its implementation."""

    def make(code: str, parameters: Any = None, **implementation: Any) -> ScriptTool:
        folder = tmp_path / "tool"
        folder.mkdir(exist_ok=True)
        (folder / "main.py").write_text(code)
        manifest = ToolManifest.model_validate(
            {
                "kind": "Tool",
                "name": "worker",
                "parameters": parameters,
                "implementation": {
                    "type": "script",
                    "runtime": sys.executable,
                    "entrypoint": "main.py",
                    **implementation,
                },
            }
        )
        environment = {**survivors.env, "DECLARED": "by the tool"}
        return ScriptTool(
            manifest, folder, environment=environment, base=tmp_path, grace_seconds=0.2
        )

    return make


async def failure(tool: ScriptTool, call: ActionCall | None = None) -> ActionError:
    return await check_failure_is_an_action_error(tool, call or make_call())


ECHO = "import json, sys; print(json.dumps({'given': json.loads(sys.argv[1])}))"
STDIN = "import json, sys; print(json.dumps([len(sys.argv), json.load(sys.stdin)]))"


async def test_parameters_are_the_first_argument(script: Make):
    given = {"text": 'é "quoted" $HOME; $(id)', "list": [1, None, True]}
    assert await script(ECHO).run(make_call(given)) == {"given": given}


async def test_operation_is_a_parameter(script: Make):
    assert await script(ECHO).run(make_call({"a": 1}, operation="add")) == {
        "given": {"operation": "add", "a": 1}
    }


async def test_parameters_come_on_standard_input_if_the_tool_says_so(script: Make):
    assert await script(STDIN, input="stdin").run(make_call({"a": 1})) == [1, {"a": 1}]


async def test_parameters_over_100_kb_come_on_standard_input(script: Make):
    given = {"text": "x" * 100_000}
    assert await script(STDIN).run(make_call(given)) == [1, given]


async def test_declared_parameters_are_checked_and_defaults_filled_in(script: Make):
    declared = [{"name": "count", "type": "integer", "default": 3}]
    tool = script(ECHO, declared)
    assert await tool.run(make_call()) == {"given": {"count": 3}}
    assert (await failure(tool, make_call({"count": "many"}))).error_type == "parameters"


async def test_parameters_that_are_not_json_are_refused(script: Make):
    error = await failure(script(ECHO), make_call({"what": object()}))
    assert (error.error_type, error.retryable) == ("parameters", False)


async def test_text_is_the_output_where_there_is_no_json(script: Make):
    assert await script("print('hello'); print('world')").run(make_call()) == "hello\nworld"


async def test_output_keeps_the_handler_contract(script: Make):
    tool = script(ECHO)
    await check_output_is_json(tool, make_call({"a": [1, "é"]}))
    await check_attempts_do_not_mix(tool, [make_call({"n": n}) for n in range(3)])


async def test_variables_reach_the_script(script: Make):
    code = "import os, json; print(json.dumps(dict(os.environ)))"
    variables = await script(code).run(make_call(env={"GIVEN": "by the action"}))
    assert variables["DECLARED"] == "by the tool"
    assert variables["GIVEN"] == "by the action"
    assert variables["CORTEX_RUN_ID"] == "run-1"
    assert variables["CORTEX_ACTION_ID"] == "act"
    assert variables["CORTEX_ATTEMPT"] == "1"
    assert variables["CORTEX_IDEMPOTENCY_KEY"].endswith(":1")


async def test_script_runs_in_its_own_folder(script: Make, tmp_path: Path):
    tool = script("import os; print(os.getcwd())")
    assert await tool.run(make_call()) == str(tmp_path / "tool")


@pytest.mark.parametrize("cwd", ["work", "/"])
async def test_working_folder_of_an_action_starts_at_its_manifest(
    cwd: str, script: Make, tmp_path: Path
):
    (tmp_path / "work").mkdir()
    call = make_call()
    elsewhere = ActionCall(action=call.action, parameters={}, cwd=cwd, report=RecordingReporter())
    tool = script("import os; print(os.getcwd())")
    assert await tool.run(elsewhere) == str(tmp_path / cwd)


# Failures


async def test_exit_code_is_a_failure_with_the_last_line_on_standard_error(script: Make):
    error = await failure(script("import sys; sys.exit('first\\nthe reason')"))
    assert str(error) == "exit code 1: the reason"
    assert (error.error_type, error.retryable) == ("exit_status", True)


async def test_exit_code_without_a_word_is_a_failure(script: Make):
    assert str(await failure(script("raise SystemExit(4)"))) == "exit code 4"


async def test_error_of_an_object_is_the_reason_for_an_exit_code(script: Make):
    error = await failure(script("""print('{"error": "no such page"}'); raise SystemExit(2)"""))
    assert str(error) == "no such page"
    assert error.error_type == "exit_status"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ('{"success": false, "error": "no such page"}', "no such page"),
        ('{"success": false, "error": {"code": 7}}', '{"code":7}'),
        ('{"success": false}', "last words"),
    ],
)
async def test_success_false_is_a_failure(answer: str, message: str, script: Make):
    code = f"import sys; print('''{answer}'''); print('last words', file=sys.stderr)"
    error = await failure(script(code))
    assert str(error) == message
    assert error.error_type == "tool_error"


async def test_failure_without_a_reason_says_so(script: Make):
    error = await failure(script("""print('{"success": false}')"""))
    assert str(error) == "the tool reports a failure and no reason"


async def test_success_true_is_an_output_like_any_other(script: Make):
    output = {"success": True, "error": None}
    assert await script(f"import json; print(json.dumps({output}))").run(make_call()) == output


async def test_missing_entrypoint_is_named(script: Make, tmp_path: Path):
    error = await failure(script("", entrypoint="gone.py"))
    assert str(error) == f"entrypoint 'gone.py' is not in {tmp_path / 'tool'}"
    assert (error.error_type, error.retryable) == ("not_found", False)


async def test_missing_runtime_is_named(script: Make):
    error = await failure(script("", runtime="no-such-runtime"))
    assert str(error) == "runtime 'no-such-runtime' was not found; install it, or put it on PATH"


async def test_runtime_is_looked_for_on_the_path(script: Make):
    assert await script("echo hello", runtime="sh").run(make_call()) == "hello"


async def test_runtime_may_lie_in_the_folder_of_the_tool(script: Make, tmp_path: Path):
    tool = script("hello", runtime="./show")
    (tmp_path / "tool" / "show").symlink_to("/bin/cat")
    assert "No such file" in str(await failure(tool))


async def test_python_is_found_without_a_path(script: Make):
    tool = script("import sys; print(sys.executable)", runtime="python3")
    assert await tool.run(make_call(env={"PATH": "/nowhere"})) == sys.executable


def test_manifest_of_another_type_is_a_mistake_of_the_caller(tmp_path: Path):
    manifest = ToolManifest.model_validate(
        {
            "kind": "Tool",
            "name": "worker",
            "implementation": {"type": "command", "command": ["true"]},
        }
    )
    with pytest.raises(TypeError, match="tool 'worker' is of type 'command'"):
        ScriptTool(manifest, tmp_path, environment={}, base=tmp_path)


# Progress


async def test_lines_on_standard_error_are_progress(script: Make):
    report = RecordingReporter()
    code = """
import sys
for line in ('plain', '{"progress": 0.5}', '{"progress": 1, "message": "done"}',
             '{"message": "on"}', '{"progress": 7}', '{"progress": true, "message": 3}', '{"x'):
    print(line, file=sys.stderr)
"""
    await script(code).run(make_call(report=report))
    assert report.steps == [
        ReportedProgress(message="plain"),
        ReportedProgress(fraction=0.5),
        ReportedProgress(message="done", fraction=1),
        ReportedProgress(message="on"),
        ReportedProgress(message='{"progress": 7}'),
        ReportedProgress(message='{"progress": true, "message": 3}'),
        ReportedProgress(message='{"x'),
    ]


async def test_output_that_was_cut_is_warned_of(script: Make):
    report = RecordingReporter()
    output = await script("print('x' * 17_000_000)").run(make_call(report=report))
    assert " bytes cut] …" in output
    assert report.warnings == ["its output of 17,000,001 bytes was cut"]


async def test_processes_that_a_script_leaves_are_ended_and_warned_of(script: Make, survivors: Any):
    report = RecordingReporter()
    code = "import subprocess; subprocess.Popen(['sleep', '99'])"
    assert await script(code).run(make_call(report=report)) == ""
    assert report.warnings == ["it left processes running, which were ended"]
    assert survivors() == []


async def test_script_that_hangs_ends_with_its_action(script: Make, survivors: Any):
    report = RecordingReporter()
    code = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready', file=sys.stderr, flush=True)
time.sleep(99)
"""
    await check_cancellation_is_prompt(
        script(code),
        make_call(report=report),
        when_running=lambda: bool(report.steps),
        leaves_nothing=lambda: survivors() == [],
    )


async def test_script_is_ended_at_a_deadline(script: Make, survivors: Any):
    with anyio.move_on_after(0.3) as scope:
        await script("import time; time.sleep(99)").run(make_call())
    assert scope.cancelled_caught
    assert survivors() == []


async def test_line_ends_of_windows_are_none_of_a_shell_s_business(
    script: Make, tmp_path: Path
) -> None:
    tool = script("", runtime="sh")
    entrypoint = tmp_path / "tool" / "main.py"
    entrypoint.write_bytes(b'if true; then\r\n  echo "$1" "$(basename "$0")"\r\nfi\r\n')
    assert await tool.run(make_call({"a": 1})) == '{"a":1} main.py'
    entrypoint.write_bytes(b"# " + b"x" * LONGEST_ARGUMENT + b"\necho 1 # long\r\n")
    assert await tool.run(make_call()) == 1
