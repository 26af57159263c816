"""A SQLite file that several processes use at once, for what can be made again if it is lost.

Whoever uses the file holds a kernel lock on `FILE.lock` meanwhile. Nothing waits for the disk: a
power failure may damage the file, which is then refused.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from cortex_cli.store.database import Schema, create_database, open_database
from cortex_cli.store.failures import storing
from cortex_cli.store.locks import turn
from cortex_cli.store.state import open_state_folder

_COMPANIONS = ("", "-journal", "-wal", "-shm")


class SharedDatabase:
    """The file at `path`, made with its folder when it is first used; for any thread."""

    def __init__(self, path: Path, schema: Schema) -> None:
        """Nothing is opened before the first transaction."""
        self.path = path
        self._schema = schema
        self._guard = RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def exists(self) -> bool:
        """Whether there is a file to open; False means: nothing was ever written."""
        return self.path.exists() or self.path.is_symlink()

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Read and write, alone of all threads and processes; committed at the end.

        Raises CheckpointError for a file that can't be read, SetupError where it can't be used.
        """
        with self._alone(), storing(self.path):
            connection = self._current()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # What was begun is undone.
                self.close()
                raise

    def replace(self, *, keep: bool) -> None:
        """Take the file away, so that the next use makes a new one.

        With `keep` it stays beside it as `FILE.unreadable`, in place of an earlier one.
        """
        with self._alone(), storing(self.path):
            self.close()
            for companion in _COMPANIONS:
                path = self.path.with_name(f"{self.path.name}{companion}")
                if keep and not companion and path.exists():
                    path.replace(path.with_name(f"{path.name}.unreadable"))
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; the next transaction opens it again."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _alone(self) -> Generator[None]:
        with self._guard:
            open_state_folder(self.path.parent)
            with turn(self.path.with_name(f"{self.path.name}.lock")):
                yield

    def _current(self) -> sqlite3.Connection:
        """The connection; a new one where another process has replaced the file."""
        if self._connection is not None and self._inode != _inode(self.path):
            self.close()
        if self._connection is None:
            self._connection = self._opened()
            self._inode = _inode(self.path)
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        opened = open_database if self.exists() else create_database
        connection = opened(self.path, self._schema)
        connection.execute("PRAGMA synchronous = OFF")
        return connection


def _inode(path: Path) -> int:
    return path.stat().st_ino if path.exists() else 0
