"""What goes wrong with state on disk, in words for the user; and where tests may break it."""

import errno
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from cortex_cli.errors import SetupError

Point = Literal[
    "run.made",
    "run.recorded",
    "run.named",
    "blob.written",
    "blob.named",
    "journal.taken",
    "journal.inserted",
    "journal.committed",
    "run.ended",
]
"""The moments between two writes, in the order in which a run passes them."""

Fault = Callable[[Point], None]
"""Called at each of these moments; it does nothing, but for tests that end or fail there."""

_FULL = "free some space; what is written already is kept"
_ELSEWHERE = "set CORTEX_HOME to a folder that can be written to"
_DISK = "see that the disk is sound and has space left"
_BUSY = "try again once the other process has ended"

_SYSTEM_HINTS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EIO: _DISK,
    errno.EROFS: _ELSEWHERE,
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
}
_SQLITE_HINTS = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _ELSEWHERE,
    sqlite3.SQLITE_CANTOPEN: _ELSEWHERE,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
}
DAMAGED_JSON = (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError)
"""What msgspec raises for bytes that are not the JSON, or the values, that were written."""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY = 0xFF


class CheckpointError(SetupError):
    """A file of state is not what was written there; it is left as it is."""

    def __init__(self, path: Path, reason: str, *, hint: str | None = None) -> None:
        """`reason` says what is wrong with the file at `path`."""
        super().__init__(f"{path} can't be read, and is left as it is: {reason}", hint=hint)
        self.path = path


class NewerError(CheckpointError):
    """A file of state that a newer cortex wrote."""


def no_fault(_: Point) -> None:
    """Let the work go on."""


def storage_error(path: Path, error: OSError | sqlite3.Error) -> SetupError:
    """What an error of the system or of SQLite means for the file at `path`."""
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        hint = None if error.errno is None else _SYSTEM_HINTS.get(error.errno)
        return SetupError(f"{path} can't be used: {reason}", hint=hint)
    code = primary_code(error)
    if code in _DAMAGED:
        return CheckpointError(path, str(error))
    return SetupError(f"{path} can't be used: {error}", hint=_SQLITE_HINTS.get(code))


@contextmanager
def storing(path: Path) -> Generator[None]:
    """Raise what the system or SQLite raises within as the SetupError that it means."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise storage_error(path, error) from error


def primary_code(error: sqlite3.Error) -> int:
    """The kind of an error of SQLite, one of its primary result codes."""
    # Errors that Python's own module raises have no code.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return sqlite3.SQLITE_ERROR if code is None else code & _PRIMARY
