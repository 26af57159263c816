"""What came of a child is found and ended, also where there is no /proc to look into."""

import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from cortex_cli.actions.process_census import Census
from cortex_cli.actions.process_child import STARTS, Child, start_child
from cortex_cli.actions.process_family import ProcessFamily, kill_marked
from cortex_cli.actions.process_start import Launch, child_environment
from cortex_cli.errors import ActionError

GROUP = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
print("ready", flush=True)
time.sleep(99)
"""
Start = Callable[[str], Child]


@pytest.fixture
def open_files() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(open_files: ExitStack, survivors: Any) -> Start:
    """Start Python code, marked, with "one.two" for its standard input."""

    def begin(code: str, env: dict[str, str] = survivors.env) -> Child:
        argv = [sys.executable, "-S", "-c", code]
        launch = Launch(argv=argv, env=child_environment(env), cwd="/", stdin=b"one.two")
        return start_child(launch, open_files)

    return begin


@contextmanager
def family_of(child: Child, proc: Path) -> Generator[ProcessFamily]:
    census = Census(proc)
    kin = census.expect("no mark")
    census.started(kin, child.pid)
    yield ProcessFamily(child, census, kin)
    census.forget(kin)


async def read_line(child: Child) -> None:
    await anyio.wait_readable(child.stdout)
    assert child.stdout.read(6) == b"ready\n"


async def test_group_is_ended_without_a_proc_folder(
    tmp_path: Path, start: Start, survivors: Any
) -> None:
    child = start(GROUP)
    with family_of(child, tmp_path / "none") as family:
        await read_line(child)
        await family.end(0.1)
    assert child.reap() == -9
    assert survivors() == []


@pytest.mark.parametrize("proc", ["/none", "/proc"])
async def test_end_of_what_has_ended_is_nothing(proc: str, start: Start) -> None:
    child = start("pass")
    await anyio.wait_readable(child.exit)
    with family_of(child, Path(proc)) as family, anyio.fail_after(2):
        await family.gone()
        await family.end(5)
    assert child.reap() == 0


async def test_marked_processes_are_killed_and_nobody_else(start: Any, survivors: Any) -> None:
    marked, other = start(GROUP), start("input()", {})
    await read_line(marked)
    kill_marked(survivors.env["CORTEX_TEST_MARK"])
    await anyio.wait_readable(marked.exit)
    assert marked.reap() == -9
    assert not other.has_exited
    other.stdin.write(b"\n")
    await anyio.wait_readable(other.exit)
    assert other.reap() == 0


def test_nothing_is_killed_without_a_proc_folder_or_a_mark(tmp_path: Path) -> None:
    kill_marked("any", proc=tmp_path / "none")
    with pytest.raises(ValueError, match="an empty mark marks nothing"):
        kill_marked("")


def test_no_child_is_started_any_more_when_this_process_is_about_to_exit(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(STARTS, "are_over", True)
    with pytest.raises(ActionError, match="was not started: cortex is being ended"):
        start("pass")


async def test_exit_is_heard_of_where_processes_have_no_descriptor(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    child = start("input()")
    assert not child.has_exited
    assert child.stdin is not None
    child.stdin.write(b"\n")
    await anyio.wait_readable(child.exit)
    assert child.has_exited
    assert child.reap() == 0


def test_child_whose_exit_cannot_be_heard_of_is_ended(
    start: Start, survivors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(ActionError, match="Too many open files"):
        start("input()")
    assert survivors() == []
