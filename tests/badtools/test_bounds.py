"""What tools may take of this process stays within bounds: its memory and its open files."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from cortex_cli.events import ActionCompleted, AgentCompleted, Event, Progress, decode
from tests.badtools.bench import MEGABYTE, Bench, Memory, play
from tests.cli.conftest import environment

AT_ONCE = 1_000
FEW_OPEN_FILES = 256
_HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
can_open_many = pytest.mark.skipif(
    0 <= _HARD < 6 * AT_ONCE, reason="the hard limit of open files is too low"
)


async def check_memory_is_flat(bench: Bench, size: int) -> None:
    printer = bench.shell("printer", f"head -c {size} /dev/zero; head -c {size // 8} /dev/zero >&2")
    await play(bench.session({"idle": "target: printer"}, [printer]))
    memory = Memory()
    session = bench.session({f"p{n}": "target: printer" for n in range(4)}, [printer])
    events = await play(session)
    assert memory.growth() < 64 * MEGABYTE
    outputs = [event.data.output for event in events if isinstance(event, ActionCompleted)]
    assert len(outputs) == 4
    assert all("cut] …" in output for output in outputs)


async def test_memory_is_flat_while_four_tools_print_64_megabytes_each(bench: Bench) -> None:
    await check_memory_is_flat(bench, 64 * MEGABYTE)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_memory_is_flat_while_four_tools_print_a_gigabyte_each(bench: Bench) -> None:
    await check_memory_is_flat(bench, 1024 * MEGABYTE)


@pytest.mark.no_cover
@can_open_many
@pytest.mark.timeout(120)
def test_a_thousand_processes_run_at_once_where_few_files_may_be_open(bench: Bench) -> None:
    os.mkfifo(bench.folder / "gate")
    waiter = bench.shell("waiter", "echo up $(ulimit -Sn) >&2; read line < gate")
    bench.write({f"a{number}": "target: waiter" for number in range(AT_ONCE)}, [waiter])
    with run_with(bench.folder, f"ulimit -Sn {FEW_OPEN_FILES}", "--json") as process:
        assert process.stdout is not None
        events = until_up(process.stdout, AT_ONCE)
        assert len(bench.survivors()) >= AT_ONCE
        gate = os.open(bench.folder / "gate", os.O_WRONLY)
        os.write(gate, b"\n" * AT_ONCE)
        events += [decode(line) for line in process.stdout]
    os.close(gate)
    assert process.returncode == 0
    ups = {event.data.message for event in events if isinstance(event, Progress)}
    assert ups == {f"up {FEW_OPEN_FILES}"}, "children are started with the limit of old"
    assert isinstance(events[-1], AgentCompleted)
    assert bench.survivors() == []


@pytest.mark.timeout(120)
def test_want_of_open_files_is_told_before_anything_runs(bench: Bench) -> None:
    tool = bench.shell("tool", "echo ran >> log")
    bench.write({f"a{number}": "target: tool" for number in range(99)}, [tool])
    with run_with(bench.folder, f"ulimit -n {FEW_OPEN_FILES}") as process:
        _, errors = process.communicate()
    assert process.returncode == 3
    told = re.fullmatch(
        r"99 processes at once need \d{3} open files, and the limit is 256 \(ulimit -Hn\); "
        r"use (--max-parallel \d\d), or raise the limit\n",
        errors,
    )
    assert told
    assert not (bench.folder / "log").exists()
    with run_with(bench.folder, f"ulimit -n {FEW_OPEN_FILES}", told[1]) as process:
        process.communicate()
    assert process.returncode == 0
    assert (bench.folder / "log").read_text() == "ran\n" * 99


def run_with(folder: Path, limit: str, options: str = "") -> "subprocess.Popen[str]":
    """Begin a run in a shell that first sets a limit."""
    command = f"{limit}; exec {sys.executable} -m cortex_cli run agent.yaml {options}"
    return subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env=environment(folder / "state"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_up(lines: IO[str], count: int) -> list[Event]:
    """The events up to that of the last process that says it is up."""
    events: list[Event] = []
    while count:
        event = decode(next(lines))
        events.append(event)
        count -= isinstance(event, Progress)
    return events
