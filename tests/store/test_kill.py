"""Whatever kills the process, what was said to be durable is there, whole and without a gap."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from cortex_cli.store.failures import Point
from cortex_cli.store.records import RunState
from cortex_cli.testing.events import warning
from tests.store.builders import make_end, make_record, make_store, read

pytestmark = pytest.mark.no_cover

WRITER = Path(__file__).with_name("run_writer.py")
ROOT = WRITER.parents[2]
POINTS: tuple[Point, ...] = get_args(Point)


def writer(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", str(WRITER), str(home), *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def killed_after(home: Path, reports: int, durability: str = "process") -> int:
    """Kill a writer after so many reports; the last event that it said was durable."""
    with writer(home, durability) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(reports)]
        process.send_signal(signal.SIGKILL)
        lines = b"".join(seen) + process.stdout.read()
    whole = lines[: lines.rfind(b"\n") + 1].split()
    return int(whole[-1]) if whole else 0


def check(home: Path, least: int) -> int:
    """What a killed run must still be; how many events it has."""
    store = make_store(home)
    events = list(store.events("run1"))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert len(events) >= least
    assert store.state("run1").state in {RunState.INTERRUPTED, RunState.ENDED}
    with store.reopen("run1") as run:
        assert run.journal.last_sequence == len(events)
    with closing(sqlite3.connect(home / "runs" / "run1" / "journal.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return len(events)


def kill_at_random(home: Path, times: int) -> None:
    rng = random.Random(4)
    for number in range(times):
        folder = home / str(number)
        least = killed_after(folder, rng.randint(1, 40))
        check(folder, least)


@pytest.mark.timeout(120)
def test_killed_at_random_instants_a_run_keeps_what_was_durable(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 20)


@pytest.mark.slow
@pytest.mark.timeout(3_000)
def test_killed_five_hundred_times_a_run_keeps_what_was_durable(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 500)


@pytest.mark.timeout(120)
def test_killed_again_and_again_a_run_gets_to_its_end(tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = 0
    for _ in range(4):
        before = check(home, max(before, killed_after(home, 10)))
    with writer(home, "process") as process:
        process.communicate()
    assert process.returncode == 0
    assert make_store(home).state("run1").state is RunState.ENDED
    assert len(read(home / "runs" / "run1")) == 200


@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_between_two_writes_a_run_is_whole_or_was_never_begun(
    tmp_path: Path, point: Point, durability: str
) -> None:
    home = tmp_path / "home"
    times = "1" if point.startswith("run.") else "2"
    with writer(home, durability, point, times) as process:
        told = process.communicate()[0].split()
    assert process.returncode == -signal.SIGKILL
    store = make_store(home)
    if point in {"run.made", "run.recorded"}:
        assert store.all() == []
        store.prune()
        assert list((home / "runs").iterdir()) == []
    else:
        check(home, int(told[-1]) if told else 0)
        expected = RunState.ENDED if point == "run.ended" else RunState.INTERRUPTED
        assert store.state("run1").state is expected
    with store.reopen("run1") if store.all() else store.create(make_record()) as run:
        run.journal.append(warning(run.journal.last_sequence + 1))
        run.finish(make_end())
    assert store.state("run1").state is RunState.ENDED
