"""Kernel locks: one writer a run, who is named, and who can't leave the lock behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cortex_cli.errors import SetupError
from cortex_cli.store import locks
from cortex_cli.store.locks import LockedError, LockOwner, RunLock, is_locked, lock_owner, turn

OWNER = LockOwner(pid=7, host="here", since=1_800_000_000.0, command="cortex run a.yaml")
HOLDER = """
import sys
from pathlib import Path
from cortex_cli.store.locks import LockOwner, RunLock
import os
owner = LockOwner(pid=os.getpid(), host="there", since=1.8e9, command="cortex resume x")
lock = RunLock.acquire(Path(sys.argv[1]), "run1", owner)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock at `path`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_one_is_refused_within_a_second_and_told_who_has_it(
    path: Path, holder: subprocess.Popen[bytes]
) -> None:
    began = time.monotonic()
    with pytest.raises(LockedError) as caught:
        RunLock.acquire(path, "run1", OWNER)
    assert time.monotonic() - began < 1
    assert str(caught.value) == (
        f"run run1 is being written by process {holder.pid} on there since 2027-01-15 08:00:00 UTC"
        " (cortex resume x); wait for its end, or end it with 'cortex stop run1'"
    )
    assert caught.value.exit_code == 3
    assert caught.value.owner == lock_owner(path)
    assert is_locked(path)


def test_the_lock_dies_with_its_owner(path: Path, holder: subprocess.Popen[bytes]) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert not is_locked(path)
    assert lock_owner(path) is None
    RunLock.acquire(path, "run1", OWNER).release()


def test_a_lock_is_free_again_after_its_release(path: Path) -> None:
    lock = RunLock.acquire(path, "run1", OWNER)
    assert lock_owner(path) == OWNER
    with pytest.raises(LockedError):
        RunLock.acquire(path, "run1", OWNER)
    lock.release()
    lock.release()
    assert not is_locked(path)
    assert path.read_bytes() == b""
    RunLock.acquire(path, "run1", OWNER).release()


def test_an_owner_that_can_not_be_read_is_another_process(path: Path) -> None:
    lock = RunLock.acquire(path, "run1", OWNER)
    path.write_text("garbage")
    assert is_locked(path)
    assert lock_owner(path) is None
    with pytest.raises(LockedError, match="is being written by another process"):
        RunLock.acquire(path, "run1", OWNER)
    lock.release()


def test_where_there_is_no_file_there_is_no_lock(path: Path) -> None:
    assert not is_locked(path)
    assert lock_owner(path) is None


def test_a_lock_of_a_folder_that_was_removed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"

    def remove_first(_descriptor: int, _run_id: str) -> None:
        path.unlink()
        path.touch(0o600)

    monkeypatch.setattr(locks, "_take", remove_first)
    with pytest.raises(SetupError, match="it was removed meanwhile"):
        RunLock.acquire(path, "run1", OWNER)


@pytest.mark.usefixtures("holder")
def test_turns_are_taken_one_after_the_other(
    path: Path, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_TURNS", 3)
    with pytest.raises(SetupError, match="held by another process for too long"), turn(path):
        raise AssertionError
    holder.kill()
    holder.wait()
    with turn(path):
        assert is_locked(path)
    assert not is_locked(path)
