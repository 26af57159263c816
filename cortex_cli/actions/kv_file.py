"""A key-value store in one SQLite file, which several processes may use at once.

Whoever reads, writes, opens or closes the file holds `exclusive()` meanwhile, a kernel lock on
`FILE.lock` that dies with its process: SQLite before 3.51.3 can damage a file in WAL mode when
two processes write to it at once.
"""

import fcntl
import os
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from cortex_cli.errors import ActionError

VERSION = 1

_POLL_SECONDS = 0.005
_POLLS = 2_000
_SQLITE_BUSY_SECONDS = 5.0
_APPLICATION_ID = 0x63747876
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE entries (
  key BLOB PRIMARY KEY, value TEXT NOT NULL, expires_at REAL
) WITHOUT ROWID;
CREATE INDEX expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {VERSION};
COMMIT;
"""
_LIVE = "(expires_at IS NULL OR expires_at > ?)"

T = TypeVar("T")


class KvFile:
    """Keys are bytes, values are texts, moments are seconds since 1970.

    The methods work at once, in the calling thread. They raise ActionError (`store`) where the
    file can't be used; one that can't be read is left as it is.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is opened before the first use; the folder and the file are made then."""
        self._path = path
        self._connection: sqlite3.Connection | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is anything to close."""
        return self._connection is not None

    def set(self, key: bytes, value: str, *, expires_at: float | None, now: float) -> None:
        """Store the value, and drop what has expired."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM entries WHERE expires_at <= ?", (now,))
            connection.execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (key, value, expires_at)
            )

    def get(self, key: bytes, *, now: float) -> str | None:
        """The value, or None if there is none that is still live."""
        query = f"SELECT value FROM entries WHERE key = ? AND {_LIVE}"
        with self._transaction() as connection:
            row = connection.execute(query, (key, now)).fetchone()
        return None if row is None else row[0]

    def delete(self, key: bytes, *, now: float) -> bool:
        """Drop the value; whether there was one that was still live."""
        statement = f"DELETE FROM entries WHERE key = ? AND {_LIVE}"
        with self._transaction() as connection:
            return connection.execute(statement, (key, now)).rowcount > 0

    def keys(self, prefix: bytes, *, limit: int, now: float) -> list[bytes]:
        """At most `limit` live keys that begin so, in the order of their bytes."""
        # No byte of UTF-8 is 255, so the prefix with its last byte raised ends the range.
        end = prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else b"\xff"
        query = (
            f"SELECT key FROM entries WHERE key >= ? AND key < ? AND {_LIVE} ORDER BY key LIMIT ?"
        )
        with self._transaction() as connection:
            rows = connection.execute(query, (prefix, end, now, limit)).fetchall()
        return [row[0] for row in rows]

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @asynccontextmanager
    async def exclusive(self) -> AsyncGenerator[None]:
        """Be the only one, of all processes, who works with the file; waits at most 10 s."""
        import anyio

        with self._mapped():
            self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
            descriptor = _open_private(self._path.with_name(f"{self._path.name}.lock"))
        try:
            for _ in range(_POLLS):
                if _lock_nowait(descriptor):
                    break
                await anyio.sleep(_POLL_SECONDS)
            else:
                message = f"the store {self._path} has been in use by another process for too long"
                raise ActionError(message, error_type="store")
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._mapped():
            if self._connection is None:
                self._connection = self._open()
            try:
                with self._connection:
                    yield self._connection
            except sqlite3.Error:
                self.close()
                raise

    def _open(self) -> sqlite3.Connection:
        os.close(_open_private(self._path))
        connection = sqlite3.connect(
            self._path, timeout=_SQLITE_BUSY_SECONDS, check_same_thread=False
        )
        try:
            self._check_version(connection)
            connection.execute("PRAGMA journal_mode = WAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_version(self, connection: sqlite3.Connection) -> None:
        def first(statement: str) -> int:
            return connection.execute(statement).fetchone()[0]

        if first("SELECT count(*) FROM sqlite_schema") == 0:
            connection.executescript(_SCHEMA)
            return
        if first("PRAGMA application_id") != _APPLICATION_ID:
            reason = "it is not a store of cortex"
        elif first("PRAGMA user_version") > VERSION:
            reason = "it was written by a newer cortex"
        else:
            return
        raise self._error(reason)

    @contextmanager
    def _mapped(self) -> Generator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self._error(str(error), retryable=True) from error
        except sqlite3.Error as error:
            raise self._error(str(error)) from error
        except OSError as error:
            raise self._error(error.strerror or str(error), retryable=True) from error

    def _error(self, reason: str, *, retryable: bool = False) -> ActionError:
        message = f"the store {self._path} can't be used, and is left as it is: {reason}"
        return ActionError(message, error_type="store", retryable=retryable)


def _open_private(path: Path) -> int:
    """A descriptor of the file, made with mode 0600 if it is missing; follows no symlink."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def _lock_nowait(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
