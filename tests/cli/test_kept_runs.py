"""Runs that are kept: found again, looked back at, stopped, deleted, learned from."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import Cortex, environment

STEADY = """
kind: Workflow
name: steady
import: {tools: [pause.yaml]}
protocol: {max_parallel_actions: 2}
actions:
  - {id: a, type: tool, target: pause, parameters: {seconds: 0.6}}
  - {id: b, type: tool, target: pause, parameters: {seconds: 0.6}}
  - {id: c, type: tool, target: pause, parameters: {seconds: 0.6}, depends_on: [a, b]}
  - {id: i, type: internal, parameters: {v: 1}}
"""
PAUSE = """
kind: Tool
name: pause
parameters: [{name: seconds, type: number, required: true}]
implementation: {type: command, command: [sleep, $seconds]}
"""


pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def here(tmp_path: Path, cortex: Cortex) -> Path:
    folder = tmp_path / "here"
    assert cortex is not None
    (folder / "m.yaml").write_text(STEADY)
    (folder / "pause.yaml").write_text(PAUSE)
    return folder


@pytest.mark.no_cover
def test_after_some_runs_a_plan_knows_how_long_it_takes(cortex: Cortex, here: Path) -> None:
    before = cortex("plan", "m.yaml", "--json").json
    assert {action["estimate_source"] for action in before["actions"]} == {"default", "instant"}
    assert "p90_seconds" not in before["estimate"]
    measured: list[float] = []
    for _ in range(5):
        last = cortex("run", "m.yaml", "--json").events[-1]
        measured.append(last.data["duration"])
    plan = cortex("plan", "m.yaml", "--json").json
    assert [action["estimate_source"] for action in plan["actions"]] == [
        "history (15)", "history (15)", "history (15)", "instant"
    ]  # fmt: skip
    scheduled = plan["estimate"]["scheduled_seconds"]
    assert scheduled == pytest.approx(sorted(measured)[2], rel=0.15)
    assert plan["estimate"]["p90_seconds"] >= scheduled
    assert "at p90" in cortex("plan", "m.yaml").out
    assert here.exists()


LISTS = """
kind: Workflow
name: lists
import: {tools: [pause.yaml]}
protocol: {max_parallel_actions: 1}
actions:
  - {id: each, type: tool, target: pause, for_each: [0.1, 0.1, 0.1], parameters: {seconds: $item}}
  - {id: none, type: tool, target: pause, for_each: [], parameters: {seconds: $item}}
"""


def test_of_a_list_it_is_the_items_that_tell_how_long_its_target_takes(
    cortex: Cortex, here: Path
) -> None:
    (here / "m.yaml").write_text(LISTS)
    assert cortex("run", "m.yaml").code == 0
    each, none = cortex("plan", "m.yaml", "--json").json["actions"]
    assert each["estimate_source"] == none["estimate_source"] == "history (3)"


def test_a_history_that_can_not_be_read_is_planned_without(cortex: Cortex, here: Path) -> None:
    state = here.parent / "state"
    state.mkdir(mode=0o700)
    (state / "history.db").mkdir()
    plan = cortex("plan", "m.yaml", "--json").json
    assert plan["actions"][0]["estimate_source"] == "default"


def test_runs_are_listed_shown_and_deleted(cortex: Cortex, here: Path) -> None:
    assert cortex("runs").code == 0
    (here / "w.yaml").write_text("kind: Workflow\nname: w\nactions: [{id: a, type: internal}]\n")
    for _ in range(3):
        assert cortex("run", "w.yaml").code == 0
    listed = cortex("runs", "--json").json["runs"]
    assert [run["state"] for run in listed] == ["completed"] * 3
    assert listed[0]["manifest"] == str(here / "w.yaml")
    latest = listed[0]["execution_id"]
    assert latest in cortex("show", "last").out
    assert "completed" in cortex("why", latest[:6], "a").out
    assert cortex("logs", "last").code == 0
    assert cortex("runs", "diff", listed[1]["execution_id"], "last").code == 0
    assert cortex("runs", "rm", latest).out == f"deleted {latest}\n"
    gone = cortex("show", latest)
    assert (gone.code, gone.out) == (2, "")
    assert f"there is no run '{latest}'" in gone.err
    assert cortex("runs", "prune").code == 2
    assert cortex("runs", "prune", "--keep", "1").out == "deleted 1 run\n"
    assert cortex("runs", "prune", "--older-than", "0s").out == "deleted 1 run\n"
    assert cortex("runs", "--json").json == {"runs": []}


def test_a_run_is_stopped_from_another_terminal_and_goes_on_later(
    cortex: Cortex, here: Path
) -> None:
    (here / "long.yaml").write_text(STEADY.replace("seconds: 0.6}, d", "seconds: 60}, d"))
    started = subprocess.Popen(
        [sys.executable, "-m", "cortex_cli", "run", "long.yaml", "--progress", "none"],
        cwd=here,
        env=environment(here.parent / "state"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    began = time.monotonic()
    while "running" not in cortex("runs").out:
        assert time.monotonic() - began < 15
    stopped = cortex("stop", "last")
    assert stopped.out.startswith("stopped ")
    assert started.wait(10) == 143
    assert cortex("runs", "--json").json["runs"][0]["state"] == "cancelled"
    again = cortex("stop", "last")
    assert (again.code, "is not running" in again.err) == (2, True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_a_killed_run_has_left_running_is_ended_when_it_goes_on(
    cortex: Cortex, here: Path
) -> None:
    quick = STEADY.replace("seconds: 0.6}, d", "seconds: 0.1}, d")
    (here / "long.yaml").write_text(quick.replace("seconds: 0.6", "seconds: 61.5"))
    started = subprocess.Popen(
        [sys.executable, "-m", "cortex_cli", "run", "long.yaml", "--progress", "none"],
        cwd=here,
        env=environment(here.parent / "state"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    began = time.monotonic()
    while not sleepers():
        assert time.monotonic() - began < 15
    started.kill()
    started.wait(10)
    left = sleepers()
    assert left
    (here / "long.yaml").write_text(quick.replace("seconds: 0.6", "seconds: 0.1"))
    resumed = cortex("resume", "last", "--no-input")
    assert resumed.code == 0
    assert "ended what an earlier process of the run had left running" in resumed.err
    assert not sleepers()


def sleepers() -> list[int]:
    """The processes that sleep for so long."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and command_of(entry).startswith(b"sleep\x0061.5")
    ]


def command_of(process: Path) -> bytes:
    with suppress(OSError):
        return (process / "cmdline").read_bytes()
    return b""


def spoil_it(journal: Path) -> None:
    journal.write_bytes(b"garbage")


def lose_its_events(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("DELETE FROM events")


@pytest.mark.parametrize("spoil", [spoil_it, lose_its_events])
def test_a_run_that_can_not_be_read_is_refused_by_all(
    cortex: Cortex, here: Path, spoil: Callable[[Path], None]
) -> None:
    (here / "w.yaml").write_text("kind: Workflow\nname: w\nactions: [{id: a, type: internal}]\n")
    cortex("run", "w.yaml")
    [journal] = (here.parent / "state" / "runs").glob("*/journal.db")
    spoil(journal)
    before = journal.read_bytes()
    for command in (["show"], ["logs"], ["why", "a"], ["resume"], ["replay"]):
        first, *rest = command
        refused = cortex(first, "last", *rest)
        assert refused.code == 3
        assert str(journal) in refused.err.replace("\n", " ")
        assert "Traceback" not in refused.err
        assert journal.read_bytes() == before


def test_a_run_that_can_not_be_read_is_listed_and_refused(cortex: Cortex, here: Path) -> None:
    (here / "w.yaml").write_text("kind: Workflow\nname: w\nactions: [{id: a, type: internal}]\n")
    cortex("run", "w.yaml")
    [journal] = (here.parent / "state" / "runs").glob("*/journal.db")
    spoil_it(journal)
    assert cortex("runs", "--json").json["runs"][0]["state"] == "unreadable"
    listed = cortex("runs")
    assert listed.code == 0
    assert f"unreadable {journal}"[:60] in listed.out
    refused = cortex("resume", "last")
    assert refused.code == 3
    assert str(journal) in refused.err
    assert journal.read_bytes() == b"garbage"
