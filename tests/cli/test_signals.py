"""Ctrl-C, TERM, HUP and closed pipes: what is left, what is said, and the exit code."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cortex_cli.events import decode
from tests.cli.conftest import environment

AGENT = """\
kind: Agent
name: stubborn
import: {tools: [./quick.yaml, ./sleeper.yaml]}
actions:
  - {id: done, type: tool, target: quick}
  - {id: runs, type: tool, target: sleeper, depends_on: [done], env: {CORTEX_TEST: MARK}}
  - {id: waits, type: internal, depends_on: [runs]}
"""


@pytest.fixture
def agent(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A run that has started a grandchild which sleeps; with TERM ignored where asked for."""
    ignores_term, *options = getattr(request, "param", (False,))
    trap = "trap '' TERM; " if ignores_term else ""
    tool = "kind: Tool\nname: {}\nimplementation: {{type: command, shell: true, command: {!r}}}\n"
    (tmp_path / "quick.yaml").write_text(tool.format("quick", "echo kept"))
    line = f"{trap}sh -c '{trap}sleep 1000; sleep 1000' & echo asleep >&2; wait; sleep 1000"
    (tmp_path / "sleeper.yaml").write_text(tool.format("sleeper", line))
    (tmp_path / "agent.yaml").write_text(AGENT.replace("MARK", tmp_path.name))
    process = subprocess.Popen(
        [sys.executable, "-m", "cortex_cli", "run", "agent.yaml", *options],
        cwd=tmp_path,
        env=environment(tmp_path / "state"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stream = process.stdout if "--json" in options else process.stderr
    assert stream is not None
    assert any("asleep" in line for line in stream)
    yield process
    process.kill()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    process.wait()
    for left in survivors(tmp_path):
        os.kill(left, signal.SIGKILL)


def survivors(folder: Path) -> list[int]:
    """Processes that carry the mark of the test's run."""
    mark = f"CORTEX_TEST={folder.name}".encode()
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_everything_and_prints_a_summary(
    agent: "subprocess.Popen[str]", tmp_path: Path, number: signal.Signals, code: int
) -> None:
    assert survivors(tmp_path)
    agent.send_signal(number)
    out, err = agent.communicate(timeout=15)
    assert agent.returncode == code
    assert survivors(tmp_path) == []
    assert "stubborn cancelled" in err
    assert "1 completed, 1 cancelled, 1 skipped" in err
    assert "kept" in out
    assert "Traceback" not in err


@pytest.mark.parametrize("agent", [(True,)], indirect=True)
def test_a_second_ctrl_c_kills_what_ignores_the_first(
    agent: subprocess.Popen[str], tmp_path: Path
) -> None:
    agent.send_signal(signal.SIGINT)
    began = time.monotonic()
    while "cancel" not in (line := agent.stderr.readline() if agent.stderr else "cancel"):
        if time.monotonic() - began > 1 or not line:
            break
    agent.send_signal(signal.SIGINT)
    agent.communicate(timeout=15)
    assert time.monotonic() - began < 4, "the grace of 5 s was waited for"
    assert agent.returncode == 130
    assert survivors(tmp_path) == []


@pytest.mark.parametrize("agent", [(False, "--json")], indirect=True)
def test_a_reader_that_leaves_the_run_s_ndjson_cancels_the_run(
    agent: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert agent.stdout is not None
    agent.stdout.close()
    assert agent.stderr is not None
    err = agent.stderr.read()
    agent.wait(timeout=15)
    assert err == ""
    assert survivors(tmp_path) == []


def test_a_closed_pipe_ends_output_quietly_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "kind: Agent\nname: a\nactions: [{id: i, type: internal, parameters: {x: 1}}]\n"
    )
    for command in ("run a.yaml 2>&1 >/dev/null | head -n 1", "plan a.yaml | true"):
        ended = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {sys.executable} -m cortex_cli {command}"],
            cwd=tmp_path,
            env=environment(tmp_path / "state"),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert "Traceback" not in ended.stdout + ended.stderr
        assert "BrokenPipe" not in ended.stdout + ended.stderr
        assert ended.returncode == 0


def test_events_of_a_cancelled_run_end_with_agent_cancelled(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "kind: Tool\nname: t\nimplementation: {type: command, command: [sleep, '1000']}\n"
    )
    (tmp_path / "a.yaml").write_text(
        "kind: Agent\nname: a\nimport: {tools: [./t.yaml]}\n"
        "actions: [{id: s, type: tool, target: t}]\n"
    )
    lines: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-m", "cortex_cli", "run", "a.yaml", "--json"],
        cwd=tmp_path,
        env=environment(tmp_path / "state"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if "action_started" in line:
                process.send_signal(signal.SIGTERM)
    assert process.returncode == 143
    events = [decode(line) for line in lines]
    assert events[-1].event_type == "agent_cancelled"
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))


def test_a_run_under_nohup_goes_on_when_it_is_hung_up(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "kind: Tool\nname: t\n"
        "implementation: {type: command, shell: true, command: 'kill -HUP $PPID; echo on'}\n"
    )
    (tmp_path / "a.yaml").write_text(
        "kind: Agent\nname: a\nimport: {tools: [./t.yaml]}\n"
        "actions: [{id: s, type: tool, target: t}]\n"
    )
    ended = subprocess.run(
        ["nohup", sys.executable, "-m", "cortex_cli", "run", "a.yaml"],
        cwd=tmp_path,
        env=environment(tmp_path / "state"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 0
    assert "on" in ended.stdout


def test_ctrl_c_while_the_command_starts_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    ended = subprocess.run(
        [sys.executable, "-m", "cortex_cli", "--version"],
        env={**environment(tmp_path / "state"), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")
