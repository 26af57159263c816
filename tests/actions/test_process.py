"""A child process is run to its end, whatever it does, and nothing of it stays."""

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from cortex_cli.actions.process import ProcessLimits, ProcessResult, run_process
from cortex_cli.actions.process_start import Launch, child_environment
from cortex_cli.errors import ActionError

QUICK = ProcessLimits(grace_seconds=0.2, drain_seconds=0.2)
PROMPT_SECONDS = 5
Run = Callable[..., Any]


@pytest.fixture
def launch(tmp_path: Path, survivors: Any) -> Callable[..., Launch]:
    """Make a launch of Python code."""

    def make(code: str, *argv: str, stdin: bytes = b"", **env: str) -> Launch:
        program = tmp_path / "program.py"
        program.write_text(code)
        return Launch(
            argv=[sys.executable, "-S", str(program), *argv],
            env=child_environment({**survivors.env, **env}),
            cwd=str(tmp_path),
            stdin=stdin,
        )

    return make


async def finish(launch: Launch, limits: ProcessLimits = QUICK) -> ProcessResult:
    return await run_process(launch, on_line=lambda _: None, limits=limits)


async def cancel_at_first_line(launch: Launch, limits: ProcessLimits = QUICK) -> float:
    """Cancel the child once it has said that it runs; the seconds that this took."""
    cancelled_at = 0.0
    with anyio.CancelScope() as scope:

        def on_line(_: str) -> None:
            nonlocal cancelled_at
            cancelled_at = anyio.current_time()
            scope.cancel()

        await run_process(launch, on_line=on_line, limits=limits)
    assert scope.cancelled_caught
    return anyio.current_time() - cancelled_at


async def refusal(launch: Launch) -> ActionError:
    with pytest.raises(ActionError) as caught:
        await finish(launch)
    return caught.value


READY = "import sys; print('ready', file=sys.stderr, flush=True)\n"
HANG = READY + "import time\nwhile True: time.sleep(9)\n"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


async def test_output_exit_code_and_last_line_are_handed_back(launch: Run):
    code = "import sys; print('out'); print('one\\ntwo', file=sys.stderr); sys.exit(3)"
    result = await finish(launch(code))
    assert (result.exit_code, result.text, result.last_line) == (3, "out\n", "two")
    assert result.stderr_tail == "one\ntwo\n"
    assert not result.left_behind
    assert not result.stdout_is_cut


async def test_lines_on_standard_error_come_as_they_are_written(launch: Run):
    heard: list[str] = []
    code = "import sys; sys.stderr.write('one\\ntwo\\nhalf')"
    await run_process(launch(code), on_line=heard.append)
    assert heard == ["one", "two", "half"]


async def test_standard_input_is_given_and_then_ends(launch: Run):
    text = b"x" * 300_000
    result = await finish(launch("import sys; print(len(sys.stdin.read()))", stdin=text))
    assert result.text == "300000\n"


async def test_standard_input_can_be_opened_by_name(launch: Run):
    result = await finish(launch("print(open('/dev/stdin').read())", stdin=b"hello"))
    assert result.text == "hello\n"


async def test_child_that_reads_no_input_does_no_harm(launch: Run):
    result = await finish(launch("print('done')", stdin=b"x" * 1_000_000))
    assert result.text == "done\n"


async def test_environment_is_clean(launch: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PASSWORD", "hunter2")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    code = "import os; print(*sorted(os.environ))"
    names = (await finish(launch(code, EXTRA="1"))).text.split()
    assert "PASSWORD" not in names
    assert {"PATH", "LC_ALL", "EXTRA"} <= set(names)


async def test_child_leads_a_session_of_its_own(launch: Run):
    result = await finish(launch("import os; print(os.getsid(0) == os.getpid())"))
    assert result.text == "True\n"


# Programs that can't be started


async def test_missing_program_is_named(tmp_path: Path):
    error = await refusal(Launch(argv=["no-such-program"], env={}, cwd=str(tmp_path)))
    assert str(error) == "program 'no-such-program' was not found; install it, or put it on PATH"
    assert (error.error_type, error.retryable) == ("not_found", False)


async def test_missing_interpreter_of_a_script_is_told_from_a_missing_script(tmp_path: Path):
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o700)
    error = await refusal(Launch(argv=[str(script)], env={}, cwd=str(tmp_path)))
    assert str(error) == f"the program that runs '{script}' was not found; see its first line"


async def test_file_that_is_not_executable_is_refused(tmp_path: Path):
    (tmp_path / "notes").write_text("hello")
    error = await refusal(Launch(argv=["./notes"], env={}, cwd=str(tmp_path)))
    assert str(error) == "'./notes' could not be started: Permission denied"
    assert error.error_type == "not_executable"


async def test_missing_working_folder_is_named(tmp_path: Path):
    error = await refusal(Launch(argv=["true"], env={}, cwd=str(tmp_path / "gone")))
    assert str(error) == f"the working folder '{tmp_path}/gone' does not exist"
    assert error.error_type == "not_found"


@pytest.mark.parametrize("argv", [[], [""]])
async def test_empty_command_is_refused(argv: list[str], tmp_path: Path):
    error = await refusal(Launch(argv=argv, env={}, cwd=str(tmp_path)))
    assert str(error) == "there is no program to run"


@pytest.mark.parametrize(
    ("argv", "env", "message"),
    [
        (["echo", "a\0b"], {}, "argument 1 of 'echo' holds a NUL character"),
        (["echo"], {"A": "a\0b"}, "variable 'A' holds a NUL character"),
        (["echo", "\ud800"], {}, "argument 1 of 'echo' holds half a character"),
        (["echo"], {"A=B": "c"}, "no variable can be called 'A=B'"),
    ],
)
async def test_text_that_no_process_can_be_given_is_refused(
    argv: list[str], env: dict[str, str], message: str, tmp_path: Path
):
    error = await refusal(Launch(argv=argv, env=env, cwd=str(tmp_path)))
    assert str(error).startswith(message)
    assert (error.error_type, error.retryable) == ("arguments", False)


async def test_argument_that_is_too_long_is_refused(tmp_path: Path):
    error = await refusal(Launch(argv=["echo", "x" * 3_000_000], env={}, cwd=str(tmp_path)))
    assert str(error) == "the arguments of 'echo' are too long for a process"


async def test_running_out_of_open_files_is_an_error_that_may_pass(tmp_path: Path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.open("/dev/null", os.O_RDONLY)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
    try:
        error = await refusal(Launch(argv=["echo"], env={}, cwd=str(tmp_path)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "Too many open files" in str(error)
    assert (error.error_type, error.retryable) == ("resources", True)


# Programs that misbehave


async def test_death_by_signal_is_an_error(launch: Run, survivors: Any):
    error = await refusal(launch("import os; os.kill(os.getpid(), 9)"))
    assert str(error) == "ended by signal SIGKILL (9)"
    assert error.error_type == "signal"
    assert survivors() == []


async def test_signal_without_a_name_is_an_error(launch: Run):
    error = await refusal(launch("import os; os.kill(os.getpid(), 40)"))
    assert str(error) == "ended by signal unknown (40)"


async def test_child_that_hangs_is_ended_when_cancelled(launch: Run, survivors: Any):
    assert await cancel_at_first_line(launch(HANG)) < PROMPT_SECONDS
    assert survivors() == []


async def test_child_may_end_itself_within_the_grace(launch: Run, tmp_path: Path):
    code = """
import signal, sys, time
def end(*_):
    print('x' * 1_000_000, flush=True)
    open('ended', 'w').close()
    sys.exit()
signal.signal(signal.SIGTERM, end)
"""
    unhurried = ProcessLimits(grace_seconds=15)
    assert await cancel_at_first_line(launch(code + HANG), unhurried) < 15
    assert (tmp_path / "ended").exists()


async def test_call_that_is_cancelled_before_it_begins_leaves_nothing(launch: Run, survivors: Any):
    with anyio.CancelScope() as scope:
        scope.cancel()
        await finish(launch(HANG))
    assert scope.cancelled_caught
    assert survivors() == []


GRANDCHILD = """
import subprocess, sys
subprocess.Popen([sys.executable, '-S', '-c', sys.argv[1]], start_new_session=len(sys.argv) > 2)
"""


async def test_grandchild_that_holds_the_pipe_does_not_delay_the_result(
    launch: Run, survivors: Any
):
    with anyio.fail_after(5):
        result = await finish(launch(GRANDCHILD + "print('done')", STUBBORN + HANG))
    assert result.text == "done\n"
    assert result.left_behind
    assert survivors() == []


async def test_process_that_cannot_be_found_does_not_delay_the_result(launch: Run):
    code = """
import subprocess, sys
subprocess.Popen([sys.executable, '-S', '-c', sys.argv[1]], start_new_session=True, env={})
print('done')
"""
    with anyio.fail_after(5):
        result = await finish(launch(code, "import time; time.sleep(6)"))
    assert result.text == "done\n"
    assert not result.left_behind


async def test_grandchild_that_ends_soon_is_waited_for(launch: Run, tmp_path: Path):
    code = "import sys, time; time.sleep(0.05); open('ended', 'w').close(); print('last')"
    result = await finish(launch(GRANDCHILD, code), ProcessLimits(drain_seconds=5))
    assert result.text == "last\n"
    assert not result.left_behind
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize("own_session", [[], ["yes"]])
async def test_grandchildren_are_ended_with_the_child(
    own_session: list[str], launch: Run, survivors: Any
):
    code = GRANDCHILD + "import time; time.sleep(99)"
    await cancel_at_first_line(launch(code, STUBBORN + HANG, *own_session))
    assert survivors() == []


async def test_child_that_closes_its_output_is_waited_for(launch: Run):
    code = "import os, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(7)"
    assert (await finish(launch(code))).exit_code == 7


async def test_large_output_is_cut_with_a_mark(launch: Run):
    code = "import sys\nfor _ in range(10): sys.stdout.write('x' * 1_000_000)\nprint('the end')"
    result = await finish(launch(code))
    assert result.stdout_size == 10_000_008
    assert result.stdout_is_cut
    assert len(result.stdout) < 4 * 1024 * 1024 + 100
    assert " bytes cut] …" in result.text
    assert result.text.endswith("the end\n")


async def test_flood_on_standard_error_is_cut_with_a_mark(launch: Run):
    heard: list[str] = []
    code = "import sys\nfor _ in range(100): sys.stderr.write('y\\n' * 100_000)\nprint('done')"
    result = await run_process(launch(code), on_line=heard.append, limits=ProcessLimits(lines=50))
    assert heard == ["y"] * 50 + ["… [further lines on standard error are not shown]"]
    assert result.text == "done\n"


async def test_output_that_is_not_utf_8_is_kept_and_replaced_in_text(launch: Run):
    result = await finish(launch("import os; os.write(1, b'caf\\xe9')"))
    assert result.stdout == b"caf\xe9"
    assert result.text == "caf\N{REPLACEMENT CHARACTER}"


async def test_error_of_the_listener_ends_the_child_and_travels_on(launch: Run, survivors: Any):
    def on_line(line: str) -> None:
        raise ZeroDivisionError(line)

    with pytest.raises(ZeroDivisionError, match="ready"):
        await run_process(launch(HANG), on_line=on_line, limits=QUICK)
    assert survivors() == []


def open_files() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


async def test_no_file_stays_open(launch: Run):
    await finish(launch("pass", stdin=b"x" * 100_000))
    before = open_files()
    await finish(launch("pass", stdin=b"x" * 100_000))
    await cancel_at_first_line(launch(HANG))
    assert open_files() <= before


async def test_cortex_that_is_run_by_a_tool_passes_on_the_mark_of_the_outer_one(
    launch: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CORTEX_RUN_MARK", ".outer")
    result = await finish(launch("import os; print(os.environ['CORTEX_RUN_MARK'])"))
    outer, inner = result.text.strip().rsplit(".", 1)
    assert outer == ".outer"
    assert len(inner) == 32
