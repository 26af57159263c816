"""Outlets: order, losing nothing, errors, and how long they wait."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.cli.backlog import Backlog
from cortex_cli.cli.outlet import Outlet
from cortex_cli.cli.pipes import write_all
from tests.cli.conftest import environment


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read(descriptor: int, size: int) -> bytes:
    content = b""
    while len(content) < size:
        content += os.read(descriptor, size - len(content))
    return content


@given(st.lists(st.binary(max_size=40) | st.integers(min_value=1, max_value=30)))
def test_a_backlog_gives_back_what_it_was_given_in_memory_or_not(
    steps: "list[bytes | int]",
) -> None:
    backlog = Backlog(in_memory=50)
    expected = b""
    for step in steps:
        if isinstance(step, bytes):
            backlog.append(step)
            expected += step
        else:
            assert backlog.take(step) == expected[:step]
            expected = expected[step:]
        assert len(backlog) == len(expected)
    backlog.clear()
    assert backlog.take(1) == b""


def test_a_backlog_is_bounded() -> None:
    backlog = Backlog(most=3)
    backlog.append(b"abc")
    with pytest.raises(OSError, match="wait for the reader"):
        backlog.append(b"d")
    assert backlog.take(9) == b"abc"
    assert backlog.take(9) == b""


def test_what_is_put_while_nobody_reads_comes_in_order(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outlet = Outlet(writer)
    content = os.urandom(1_000_000)
    for at in range(0, len(content), 1000):
        outlet.put(content[at : at + 1000])
    outlet.flush()
    assert outlet.is_behind
    assert read(reader, len(content)) == content
    outlet.settle(None)
    outlet.flush()
    assert not outlet.is_behind
    outlet.close()


def test_a_settled_outlet_waits_as_long_as_its_reader_moves(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outlet = Outlet(writer)
    outlet.settle(5)
    outlet.put(b"x" * 300_000)
    found: list[bytes] = []
    thread = Thread(target=lambda: found.append(read(reader, 300_000)))
    thread.start()
    outlet.flush()
    thread.join()
    assert len(found[0]) == 300_000
    outlet.close()


def test_a_reader_that_takes_nothing_is_given_up(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outlet = Outlet(writer)
    outlet.settle(0.05)
    outlet.put(b"x" * 300_000)
    outlet.flush()
    assert not outlet.is_behind
    outlet.put(b"too late")
    outlet.flush()
    os.set_blocking(reader, False)
    outlet.close()
    assert b"too late" not in os.read(reader, 1_000_000)


def test_a_failure_to_write_is_raised_once_by_a_later_call() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(full)
    outlet.settle(None)
    outlet.put(b"x")
    with pytest.raises(OSError, match="No space left"):
        outlet.flush()
    outlet.flush()
    outlet.close()
    os.close(full)


def test_a_pipe_that_was_made_non_blocking_is_waited_for(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    thread = Thread(target=write_all, args=(writer, b"x" * 300_000))
    thread.start()
    assert len(read(reader, 300_000)) == 300_000
    thread.join()


# Python stops a daemon thread where it stands; this one then has the outlet's lock.
HOLDS_ITS_LOCK = """\
import sys, threading, time
from cortex_cli.cli.unblocked import unblocked_streams

def stand(frame, event, argument):
    if frame.f_code.co_name == "<lambda>" and is_over:
        print("it stands", flush=True)
        time.sleep(60)
    return stand

is_over = False
threading.settrace(stand)
with unblocked_streams():
    sys.kept = sys.stdout, sys.stderr
    time.sleep(0.2)
    is_over = True
time.sleep(0.5)
"""


@pytest.mark.no_cover
def test_a_thread_that_python_stops_anywhere_holds_up_no_end(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HOLDS_ITS_LOCK],
        env=environment(tmp_path),
        capture_output=True,
        timeout=10,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"it stands" in ended.stdout
