"""Readers that stop reading: what the run does meanwhile, and how it can still be ended."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cortex_cli.events import decode
from tests.cli.conftest import environment

pytestmark = pytest.mark.no_cover

AGENT = """\
kind: Agent
name: a
import: {tools: [./talks.yaml, ./sleeps.yaml]}
actions:
  - {id: talk, type: tool, target: talks}
  - {id: sleep, type: tool, target: sleeps, depends_on: [talk]}
"""
TALKS = "for i in $(seq 2000); do echo line $i of many more than a pipe can hold >&2; done"
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a run whose streams are small pipes that nobody reads yet."""
    tool = "kind: Tool\nname: {}\nimplementation: {{type: command, shell: true, command: {!r}}}\n"
    (tmp_path / "talks.yaml").write_text(tool.format("talks", TALKS))
    started: list[subprocess.Popen[bytes]] = []

    def run(
        *options: str, more: str = "", on_term: str = f"touch {tmp_path}/ended; exit"
    ) -> subprocess.Popen[bytes]:
        (tmp_path / "a.yaml").write_text(AGENT + more)
        # A shell may lose a signal that comes as it forks, so whatever sleeps says itself that it does.
        sleeper = f"sh -c 'touch {tmp_path}/asleep; exec sleep 1000'"
        line = f"trap '{on_term}' TERM; {sleeper} & wait; sleep 1000"
        (tmp_path / "sleeps.yaml").write_text(tool.format("sleeps", line))
        process = subprocess.Popen(
            [sys.executable, "-m", "cortex_cli", "run", "a.yaml", *options],
            cwd=tmp_path,
            env=environment(tmp_path / "state"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def until(path: Path) -> None:
    """Wait for what a tool does, whatever the run would say of it."""
    deadline = time.monotonic() + 15
    while not path.exists():
        assert time.monotonic() < deadline, "the run waits for its reader"
        time.sleep(0.02)


@pytest.mark.parametrize("options", [("--json",), ("--progress", "plain")])
def test_a_reader_that_stalls_neither_holds_up_the_run_nor_its_end(
    start: Start, tmp_path: Path, options: tuple[str, ...]
) -> None:
    process = start(*options)
    until(tmp_path / "asleep")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=6) == 143


def test_a_second_signal_ends_a_run_with_a_stalled_reader_at_once(
    start: Start, tmp_path: Path
) -> None:
    process = start("--json", on_term="")
    until(tmp_path / "asleep")
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)  # Of two signals at the same moment, the system delivers one.
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=3) == 130


def test_time_runs_out_while_the_reader_stalls_and_no_event_is_lost(
    start: Start, tmp_path: Path
) -> None:
    process = start("--json", more="protocol: {max_execution_time_seconds: 4}\n")
    until(tmp_path / "ended")
    out, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (5, b"")
    events = [decode(line) for line in out.splitlines()]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert events[-1].event_type == "agent_failed"
    assert len(out) > 2 * 4096


def test_a_run_that_has_ended_waits_for_its_reader_until_a_signal(
    start: Start, tmp_path: Path
) -> None:
    process = start("--json", more="protocol: {max_execution_time_seconds: 4}\n")
    until(tmp_path / "ended")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=4)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=3) == 143


def test_a_second_signal_ends_a_process_whose_event_loop_is_stuck() -> None:
    code = (
        "import anyio, time\n"
        "from cortex_cli.cli.interruption import Interruption\n"
        "async def main():\n"
        "    async with anyio.create_task_group() as tasks:\n"
        "        tasks.start_soon(Interruption().obey, lambda: None)\n"
        "        await anyio.sleep(0.1)\n"
        "        print('stuck', flush=True)\n"
        "        time.sleep(1000)\n"
        "anyio.run(main)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"stuck\n"
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=5) in {128 + signal.SIGHUP, 128 + signal.SIGTERM}
