"""Kernel locks, which die with their process: on a run while it is written, on shared files."""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec

from cortex_cli.errors import SetupError
from cortex_cli.store.failures import DAMAGED_JSON, storing
from cortex_cli.store.state import private_opener

# Whoever asks for the owner of a lock holds it for a moment; an attempt must not end by that.
_TRIES = 10
_PAUSE_SECONDS = 0.02
_TURNS = 2_000
_TURN_SECONDS = 0.005
_MOST_BYTES = 64 * 1024


class LockOwner(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes a run: `since` is in seconds since 1970; `command` is what was typed, masked."""

    pid: int
    host: str
    since: float
    command: str

    def __str__(self) -> str:
        """For people: the process, and since when."""
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"process {self.pid} on {self.host} since {since} ({self.command})"


class LockedError(SetupError):
    """A run is being written by another process; `owner` is None where that can't be told."""

    def __init__(self, run_id: str, owner: LockOwner | None) -> None:
        """`run_id` is the run, `owner` what its lock says."""
        who = owner or "another process"
        hint = f"wait for its end, or end it with 'cortex stop {run_id}'"
        super().__init__(f"run {run_id} is being written by {who}", hint=hint)
        self.run_id = run_id
        self.owner = owner


class RunLock:
    """The right to write a run, held until `release` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor` is that of the locked file."""
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, path: Path, run_id: str, owner: LockOwner) -> Self:
        """Take the lock and write into it who has it; LockedError, within 0.2 s, if it is taken."""
        with storing(path):
            descriptor = private_opener(str(path), os.O_RDWR | os.O_CREAT)
            try:
                _take(descriptor, run_id)
                _require_same(descriptor, path)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, msgspec.json.encode(owner), 0)
            except BaseException:
                os.close(descriptor)
                raise
        return cls(descriptor)

    def release(self) -> None:
        """Let others have it; a second time does nothing."""
        if self._descriptor is not None:
            # The owner's name is for people only: where it stays, the lock is free nevertheless.
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock at `path`."""
    with storing(path):
        try:
            descriptor = private_opener(str(path), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def lock_owner(path: Path) -> LockOwner | None:
    """What the lock at `path` says of its owner; None if it is free or says nothing."""
    if not is_locked(path):
        return None
    with storing(path):
        descriptor = private_opener(str(path), os.O_RDONLY)
        try:
            return _owner_in(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def turn(path: Path) -> Generator[None]:
    """Be the only one, of all processes, within; SetupError if that takes more than 10 s."""
    with storing(path):
        descriptor = private_opener(str(path), os.O_RDWR | os.O_CREAT)
    try:
        _wait_for_turn(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, run_id: str) -> None:
    for _ in range(_TRIES):
        if _lock_nowait(descriptor):
            return
        time.sleep(_PAUSE_SECONDS)
    raise LockedError(run_id, _owner_in(descriptor))


def _wait_for_turn(descriptor: int, path: Path) -> None:
    for _ in range(_TURNS):
        if _lock_nowait(descriptor):
            return
        time.sleep(_TURN_SECONDS)
    message = f"{path} has been held by another process for too long"
    raise SetupError(message)


def _lock_nowait(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _require_same(descriptor: int, path: Path) -> None:
    """FileNotFoundError if the locked file is no longer the one at `path`: the run was removed."""
    if os.fstat(descriptor).st_ino != path.stat().st_ino:
        message = "it was removed meanwhile"
        raise FileNotFoundError(message)


def _owner_in(descriptor: int) -> LockOwner | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, _MOST_BYTES, 0), type=LockOwner)
    except DAMAGED_JSON:
        return None
