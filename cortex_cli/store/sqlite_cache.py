"""The cache of a state folder: `cache/cache.db`, and large outputs in `cache/blobs`."""

import sqlite3
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cortex_cli.engine.cache import CacheHit, CacheOrigin, CacheSubject
from cortex_cli.errors import SetupError
from cortex_cli.store.blobs import LARGE, Blobs
from cortex_cli.store.cache_rows import (
    CACHE,
    COLUMNS,
    BadRowError,
    CacheItem,
    CacheRow,
    item_of,
    output_in,
    row_of,
)
from cortex_cli.store.failures import CheckpointError
from cortex_cli.store.shared_database import SharedDatabase

FOLDER = "cache"
FILE_NAME = "cache.db"

_HINT = "'cortex cache clear' makes a new one"
# Expired entries are kept for a while, to say of a miss what it was that has expired.
_KEPT_SECONDS = 7 * 24 * 3600.0
_GET = f"SELECT {COLUMNS} FROM entries WHERE key = ?"
_PUT = f"INSERT OR REPLACE INTO entries ({COLUMNS}) VALUES ({','.join('?' * 13)})"
_OLD = "DELETE FROM entries WHERE ttl_seconds IS NOT NULL AND made_at + ttl_seconds < ?"
_NEAREST = f"""
    SELECT {COLUMNS} FROM entries
    WHERE action_id = ? AND type = ? AND target IS ? AND operation IS ?
    ORDER BY made_at DESC LIMIT 1
"""


class CacheSize(NamedTuple):
    """How many entries there are, and how many bytes of JSON their outputs are."""

    entries: int
    bytes: int


class SqliteCache:
    """Outputs for all runs of a state folder; any thread, several processes at once.

    `get` and `put` never raise for what is wrong with the files: that is a miss, or is not kept,
    and a warning says so once. The other methods raise CheckpointError for a cache that can't be
    read, SetupError for one that can't be used.
    """

    def __init__(self, home: Path) -> None:
        """`home` is the state folder; nothing is made before the first `put`."""
        folder = home / FOLDER
        self._file = SharedDatabase(folder / FILE_NAME, CACHE)
        self._blobs = Blobs(folder / "blobs")
        self._warn: Callable[[str], None] = _ignore
        self._warned: set[str] = set()

    def watch(self, warn: Callable[[str], None]) -> None:
        """Say from now on what is wrong; `warn` is called in the thread of the caller."""
        self._warn = warn

    def get(self, key: str, now: float) -> CacheHit | None:
        """The entry for the key, if it is whole and has not expired; a broken one is dropped."""
        with self._harmless():
            if self._file.exists():
                return self._get(key, now)
        return None

    def put(self, key: str, output: Any, origin: CacheOrigin) -> None:
        """Keep an output, in place of an earlier one; TypeError or ValueError if it is no JSON."""
        content = msgspec.json.encode(output)
        with self._harmless(), self._file.transaction() as connection:
            digest = self._blobs.put(content) if len(content) > LARGE else None
            connection.execute(_PUT, row_of(key, content, origin, digest=digest))
            connection.execute(_OLD, (origin.made_at - _KEPT_SECONDS,))

    def nearest(self, subject: CacheSubject) -> CacheItem | None:
        """The latest entry of a subject, expired or not, to explain a miss by."""
        columns = (subject.action_id, subject.type.value, subject.target, subject.operation)
        return next(iter(self._items(_NEAREST, columns)), None)

    def entries(self) -> list[CacheItem]:
        """All entries, the newest first; broken ones are left out."""
        return self._items(f"SELECT {COLUMNS} FROM entries ORDER BY made_at DESC, key")

    def size(self) -> CacheSize:
        """How much there is."""
        if not self._file.exists():
            return CacheSize(0, 0)
        with self._file.transaction() as connection:
            query = "SELECT count(*), ifnull(sum(size), 0) FROM entries"
            return CacheSize(*connection.execute(query).fetchone())

    def remove(self, keys: Iterable[str]) -> int:
        """Drop the entries with these keys, and files that no other entry has; how many."""
        if not self._file.exists():
            return 0
        with self._file.transaction() as connection:
            statement = "DELETE FROM entries WHERE key = ?"
            dropped = sum(connection.execute(statement, (key,)).rowcount for key in keys)
            self._remove_unnamed(connection)
        return dropped

    def clear(self) -> int:
        """Drop all entries; how many, or 0 where the file could not be read and was replaced."""
        if not self._file.exists():
            return 0
        try:
            with self._file.transaction() as connection:
                dropped = connection.execute("DELETE FROM entries").rowcount
                self._remove_unnamed(connection)
        except CheckpointError:
            self._file.replace(keep=False)
            self._blobs.remove(self._blobs.digests())
            return 0
        return dropped

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        self._file.close()

    def _get(self, key: str, now: float) -> CacheHit | None:
        with self._file.transaction() as connection:
            found = connection.execute(_GET, (key,)).fetchone()
            if found is None:
                return None
            try:
                return self._hit(CacheRow(*found), now)
            except (BadRowError, CheckpointError) as error:
                connection.execute("DELETE FROM entries WHERE key = ?", (key,))
                self._warn_once(f"a cached output was not used, and is dropped: {error}")
                return None

    def _hit(self, row: CacheRow, now: float) -> CacheHit | None:
        origin = item_of(row).origin
        if origin.is_expired(now):
            return None
        content = self._blobs.get(row.sha256) if row.output is None else row.output
        return CacheHit(output=output_in(row, content), origin=origin)

    def _items(self, query: str, columns: tuple[str | None, ...] = ()) -> list[CacheItem]:
        if not self._file.exists():
            return []
        with self._file.transaction() as connection:
            rows = connection.execute(query, columns).fetchall()
        items: list[CacheItem] = []
        for row in rows:
            try:
                items.append(item_of(CacheRow(*row)))
            except BadRowError:
                continue  # `get` drops it, and says so
        return items

    def _remove_unnamed(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT sha256 FROM entries WHERE output IS NULL")
        self._blobs.remove(set(self._blobs.digests()).difference(row[0] for row in rows))

    @contextmanager
    def _harmless(self) -> Generator[None]:
        try:
            yield
        except CheckpointError as error:
            self._warn_once(f"the cache is not used: {error}; {_HINT}")
        except SetupError as error:
            self._warn_once(f"the cache is not used: {error}")

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self._warn(message)


def _ignore(_: str) -> None:
    """What nobody watches."""
