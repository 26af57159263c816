"""What past runs have shown: an index of them, and how long their actions took.

The index can be made again from the folders of the runs; what actions took is lost with the file,
and learned anew.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from typing import TypeVar

import msgspec

from cortex_cli.kinds import ActionType
from cortex_cli.store.database import Schema
from cortex_cli.store.failures import DAMAGED_JSON, CheckpointError, NewerError
from cortex_cli.store.records import RunSummary
from cortex_cli.store.shared_database import SharedDatabase

T = TypeVar("T")

LATEST = 50
"""As many successes of a target count."""

HISTORY = Schema(
    what="history",
    application_id=0x63747868,
    version=1,
    tables="""
        CREATE TABLE runs (
          execution_id TEXT PRIMARY KEY, stamp TEXT NOT NULL, summary BLOB NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE durations (
          type TEXT NOT NULL, target TEXT NOT NULL, operation TEXT NOT NULL,
          identity TEXT NOT NULL, seconds REAL NOT NULL, ended_at REAL NOT NULL,
          execution_id TEXT NOT NULL, ok INTEGER NOT NULL
        );
        CREATE INDEX latest ON durations (type, target, operation, identity, ok, ended_at)
    """,
)
FILE_NAME = "history.db"

_RUNS = "SELECT execution_id, stamp, summary FROM runs"
_KEY = "type = ? AND target = ? AND operation = ? AND identity = ?"
_LATEST = f"SELECT seconds FROM durations WHERE {_KEY} AND ok ORDER BY ended_at DESC LIMIT {LATEST}"
_TRIM = f"""
    DELETE FROM durations WHERE rowid IN (
      SELECT rowid FROM durations WHERE {_KEY} AND ok = ?
      ORDER BY ended_at DESC LIMIT -1 OFFSET {LATEST}
    )
"""


class DurationKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected to take as long each time.

    `identity` tells targets of one name apart: the path of the manifest that declares it.
    """

    type: ActionType
    target: str | None = None
    operation: str | None = None
    identity: str = ""


class Duration(msgspec.Struct, frozen=True, kw_only=True):
    """How long one action took, in seconds, over all its attempts; `ended_at` since 1970."""

    key: DurationKey
    seconds: float
    ended_at: float
    execution_id: str
    ok: bool = True
    cached: bool = False


class Quantiles(msgspec.Struct, frozen=True, kw_only=True):
    """Half of `count` actions took no longer than `p50` seconds, nine of ten than `p90`."""

    count: int
    p50: float
    p90: float


class History:
    """The file `history.db` of a state folder; several processes may use it at once.

    The methods raise NewerError if a newer cortex wrote the file, SetupError where it can't be
    used. One that is damaged is set aside as `history.db.unreadable`, and begun anew.
    """

    def __init__(self, home: Path) -> None:
        """`home` is the state folder."""
        self._file = SharedDatabase(home / FILE_NAME, HISTORY)

    def note(self, durations: Iterable[Duration]) -> None:
        """Learn from what has ended; what came from the cache says nothing and is left out."""
        fresh = [one for one in durations if not one.cached]
        rows = [(*_columns(d.key), d.seconds, d.ended_at, d.execution_id, d.ok) for d in fresh]
        kinds = {(*_columns(one.key), one.ok) for one in fresh}

        def note(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT INTO durations VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.executemany(_TRIM, kinds)

        if fresh:
            self._perform(note)

    def quantiles(self, keys: Iterable[DurationKey]) -> dict[DurationKey, Quantiles]:
        """What the latest 50 successes of each key took; a key without any is left out."""
        wanted = set(keys)

        def read(connection: sqlite3.Connection) -> dict[DurationKey, list[float]]:
            return {
                key: [row[0] for row in connection.execute(_LATEST, _columns(key))]
                for key in wanted
            }

        found = self._perform(read) if self._file.exists() else {}
        return {key: _quantiles(seconds) for key, seconds in found.items() if seconds}

    def runs(self) -> dict[str, tuple[str, RunSummary]]:
        """What is indexed, by the id of the run: the stamp that `index` was given, the summary."""
        if not self._file.exists():
            return {}
        rows = self._perform(lambda connection: connection.execute(_RUNS).fetchall())
        found: dict[str, tuple[str, RunSummary]] = {}
        for run_id, stamp, body in rows:
            # One that is damaged is read again from its folder.
            with suppress(*DAMAGED_JSON):
                found[run_id] = (stamp, msgspec.json.decode(body, type=RunSummary))
        return found

    def index(
        self, summaries: Mapping[str, tuple[str, RunSummary]], *, gone: Iterable[str] = ()
    ) -> None:
        """Keep stamps and summaries by the id of the run, and forget those that are gone."""
        rows = [(run, stamp, msgspec.json.encode(s)) for run, (stamp, s) in summaries.items()]
        forgotten = [(run_id,) for run_id in gone]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", rows)
            connection.executemany("DELETE FROM runs WHERE execution_id = ?", forgotten)

        self._perform(write)

    def _perform(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work in one transaction; a second time, on a new file, if this one is damaged."""
        try:
            return self._perform_once(work)
        except NewerError:
            raise
        except CheckpointError:
            self._file.replace(keep=True)
        return self._perform_once(work)

    def _perform_once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        # Used a few times a run: it is not worth being kept open.
        try:
            with self._file.transaction() as connection:
                return work(connection)
        finally:
            self._file.close()


def _columns(key: DurationKey) -> tuple[str, str, str, str]:
    return key.type.value, key.target or "", key.operation or "", key.identity


def _quantiles(seconds: list[float]) -> Quantiles:
    if len(seconds) == 1:
        return Quantiles(count=1, p50=seconds[0], p90=seconds[0])
    cuts = quantiles(seconds, n=10, method="inclusive")
    return Quantiles(count=len(seconds), p50=cuts[4], p90=cuts[8])
