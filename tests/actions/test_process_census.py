"""Every process is looked at once, as long as it is certain which ones are new."""

import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from cortex_cli.actions.process_census import MARK_VARIABLE, Census, Kin, marks_in

SIZE = 4_194_304
CODE = """
import os, sys
child = os.fork() if 'fork' in os.environ else ''
if child != 0:
    print(child, flush=True)
sys.stdin.read()
"""
Start = Callable[..., int]


class Proc:
    """A /proc whose circle of pids is the test's own; it shows who is let in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0
        (folder / "sys" / "kernel").mkdir(parents=True)
        self.number("pid_max", SIZE)
        self.number("ns_last_pid", 0)

    def number(self, name: str, value: int) -> None:
        (self.folder / "sys" / "kernel" / name).write_text(f"{value}\n")

    def show(self, pid: int) -> None:
        """Have a real process be seen."""
        (self.folder / str(pid)).symlink_to(f"/proc/{pid}")

    def show_as(self, pid: int, *, environ: bytes, cmdline: bytes, state: str = "S") -> None:
        """Have a real process be seen with other contents."""
        folder = self.folder / str(pid)
        folder.mkdir(exist_ok=True)
        (folder / "environ").write_bytes(environ)
        (folder / "cmdline").write_bytes(cmdline)
        (folder / "stat").write_text(f"{pid} (any) name) {state} 1")

    def census(self, *, before: int | None = None) -> tuple[Census, Kin]:
        """A census that has looked once, and the child that it looks for.

        That was just before a process of this id was started, if one is given.
        """
        if before is not None:
            self.number("ns_last_pid", before - 1)
        census = Census(self.folder, clock=lambda: self.now)
        kin = census.expect("inner")
        census.started(kin, os.getpid())
        assert census.others(kin) == []
        return census, kin


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process that waits, by default with the mark and in a session of its own; its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(mark: str = ".outer.inner", *, in_session: bool = True, **env: str) -> int:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", CODE],
            env={MARK_VARIABLE: mark, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=in_session,
        )
        started.append(process)
        assert process.stdout is not None
        # With a child, its pid.
        return int(process.stdout.readline().strip() or process.pid)

    yield begin
    for process in started:
        process.communicate(b"\n")


def test_newcomer_is_found_by_its_mark(proc: Proc, start: Start) -> None:
    pid = start()
    census, kin = proc.census(before=pid)
    proc.show(pid)
    assert census.others(kin) == []
    proc.number("ns_last_pid", pid)
    assert census.others(kin) == [pid]
    assert census.others(kin) == [pid]


def test_many_newcomers_are_looked_for_in_the_list(proc: Proc, start: Start) -> None:
    pid, older = start(), start()
    proc.number("ns_last_pid", pid - 1_000)
    census, kin = proc.census()
    proc.show(pid)
    proc.number("ns_last_pid", pid)
    assert census.others(kin) == [pid]
    proc.show(older)
    assert census.others(kin) == [pid]


def test_newcomer_is_found_when_the_circle_has_come_round(proc: Proc, start: Start) -> None:
    pid = start()
    proc.number("ns_last_pid", SIZE - 2)
    census, kin = proc.census()
    proc.show(pid)
    proc.number("ns_last_pid", pid + 1)
    assert census.others(kin) == [pid]


def test_everybody_is_looked_at_when_the_circle_may_have_been_closed(
    proc: Proc, start: Start
) -> None:
    pid = start()
    proc.number("ns_last_pid", pid)
    census, kin = proc.census()
    proc.show(pid)
    assert census.others(kin) == []
    proc.now = 3_600.0
    assert census.others(kin) == [pid]


def test_everybody_is_looked_at_where_the_system_does_not_say_who_is_new(
    proc: Proc, start: Start
) -> None:
    pid = start()
    (proc.folder / "sys" / "kernel" / "ns_last_pid").unlink()
    census, kin = proc.census()
    proc.show(pid)
    assert census.others(kin) == [pid]
    census.forget(kin)


def test_others_are_left_alone(proc: Proc, start: Start) -> None:
    census, kin = proc.census()
    for pid in (start(".somebody.else"), start(in_session=False), os.getpid()):
        proc.show(pid)
    proc.now = 3_600.0
    assert census.others(kin) == []


def test_pid_that_was_given_to_somebody_else_is_nobody_of_ours(proc: Proc, start: Start) -> None:
    pid = start()
    census, kin = proc.census(before=pid)
    proc.show_as(pid, environ=f"{MARK_VARIABLE}=inner".encode(), cmdline=b"mine")
    proc.number("ns_last_pid", pid)
    assert census.others(kin) == [pid]
    proc.show_as(pid, environ=b"A=1", cmdline=b"theirs")
    proc.number("ns_last_pid", pid - 1)
    proc.now = 3_600.0
    assert census.others(kin) == []


def test_who_has_ended_is_not_alive(proc: Proc, start: Start) -> None:
    pid = start()
    census, kin = proc.census(before=pid)
    proc.show(pid)
    proc.number("ns_last_pid", pid)
    assert census.others(kin) == [pid]
    (proc.folder / str(pid)).unlink()
    assert census.others(kin) == []


def test_zombie_is_not_alive(proc: Proc, start: Start) -> None:
    pid = start()
    census, kin = proc.census(before=pid)
    environ = f"{MARK_VARIABLE}=inner".encode()
    proc.show_as(pid, environ=environ, cmdline=b"mine", state="Z")
    proc.number("ns_last_pid", pid)
    assert census.others(kin) == []


def test_process_that_is_becoming_another_program_is_looked_at_again(
    proc: Proc, start: Start
) -> None:
    pid = start()
    census, kin = proc.census(before=pid)
    proc.show_as(pid, environ=b"", cmdline=b"")
    proc.number("ns_last_pid", pid)
    assert census.others(kin) == []
    assert census.is_undecided
    proc.show_as(pid, environ=f"{MARK_VARIABLE}=inner".encode(), cmdline=b"mine")
    assert census.others(kin) == [pid]
    assert not census.is_undecided


@contextmanager
def when_read(path: Path, then: Callable[[], bytes]) -> Generator[None]:
    """A file that is made as it is read, once, after something else has been done."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)

    def give() -> None:
        with path.open("wb") as pipe:
            path.unlink()
            pipe.write(then())

    thread = Thread(target=give, daemon=True)
    thread.start()
    yield
    thread.join(5)
    assert not thread.is_alive()


def test_process_that_becomes_another_program_during_the_look_is_found(
    proc: Proc, start: Start
) -> None:
    pid = start()
    census, kin = proc.census(before=pid)
    proc.show_as(pid, environ=b"", cmdline=b"")
    proc.number("ns_last_pid", pid)

    def become() -> bytes:
        proc.show_as(pid, environ=f"{MARK_VARIABLE}=inner".encode(), cmdline=b"mine")
        return b"mine"

    with when_read(proc.folder / str(pid) / "cmdline", become):
        assert census.others(kin) == [pid]
    assert not census.is_undecided


def test_process_without_any_environment_is_nobody_of_ours(proc: Proc, start: Start) -> None:
    pid = start()
    census, kin = proc.census(before=pid)
    proc.show_as(pid, environ=b"", cmdline=b"theirs")
    proc.number("ns_last_pid", pid)
    assert census.others(kin) == []
    assert not census.is_undecided


def test_child_of_a_process_that_ends_during_the_look_is_found(proc: Proc, start: Start) -> None:
    parent, child = start(), start()
    census, kin = proc.census(before=parent)
    proc.show_as(parent, environ=f"{MARK_VARIABLE}=inner".encode(), cmdline=b"mine")
    proc.number("ns_last_pid", parent)

    def end() -> bytes:
        proc.show(child)
        proc.number("ns_last_pid", child)
        return b"1 (any) Z 1"

    with when_read(proc.folder / str(parent) / "stat", end):
        assert census.others(kin) == [child]


def test_child_of_a_process_that_cannot_be_looked_into_is_found(proc: Proc, start: Start) -> None:
    child = start(fork="yes")
    parent = os.getsid(child)
    census, kin = proc.census(before=parent)
    (proc.folder / str(parent) / "environ").mkdir(parents=True)
    proc.number("ns_last_pid", parent)
    assert census.others(kin) == []
    proc.show(child)
    proc.number("ns_last_pid", child)
    assert census.others(kin) == [child]


def test_process_without_an_environment_is_nobody_of_ours(proc: Proc, start: Start) -> None:
    pid = start()
    census, kin = proc.census(before=pid)
    proc.show_as(pid, environ=b"", cmdline=b"theirs")
    proc.number("ns_last_pid", pid)
    assert census.others(kin) == []
    assert not census.is_undecided


def test_marks_are_those_of_the_variable() -> None:
    environment = f"A=.x.y\0{MARK_VARIABLE}=.outer.inner\0B=.z".encode()
    assert marks_in(environment) == [b"outer", b"inner"]
    assert marks_in(b"A=1") == []
