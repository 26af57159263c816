"""The file that the events of a run are in, and the large outputs beside it.

`events` has one row an event: its sequence and its JSON, as `events.encode` writes it. An output
of more than 64 KiB is null there; it is a file in `blobs`, and `outputs` has its digest. `meta`
has texts about the run as a whole.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from cortex_cli.events import ActionCompleted, Event, decode, encode
from cortex_cli.store.blobs import LARGE, Blobs
from cortex_cli.store.database import (
    Schema,
    create_database,
    open_database,
    read_database,
    require_sound,
)
from cortex_cli.store.failures import CheckpointError, Fault, no_fault, storage_error, storing

Durability = Literal["process", "power"]
"""What a durable event survives: the end of the process, or that of the power supply too."""

Row = tuple[int, bytes, bytes | None]
"""The sequence of an event, its JSON, and the JSON of its output where that is large."""

JOURNAL = Schema(
    what="journal",
    application_id=0x63747872,
    version=1,
    tables="""
        CREATE TABLE events (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE outputs (sequence INTEGER PRIMARY KEY, sha256 TEXT NOT NULL);
        CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID
    """,
)
FILE_NAME = "journal.db"

_BLOBS = "blobs"
_SYNCHRONOUS = {"process": "NORMAL", "power": "FULL"}
_AT_ONCE = 64
# One statement for each number of rows: a short batch is one step of SQLite, a transaction of its
# own, and lets go of the interpreter once.
_INSERT = [f"INSERT INTO events VALUES {','.join(['(?,?)'] * n)}" for n in range(_AT_ONCE + 1)]
_READ = """
    SELECT sequence, body, sha256 FROM events LEFT JOIN outputs USING (sequence)
    WHERE sequence > ? ORDER BY sequence LIMIT 256
"""
_NOTE = "INSERT OR REPLACE INTO meta VALUES (?, ?)"


def row_of(event: Event) -> Row:
    """What is kept of an event; ValueError if it holds anything but JSON data."""
    try:
        body = encode(event)
        if len(body) > LARGE and isinstance(event, ActionCompleted):
            return _split(event, body)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"event {event.sequence} can't be written down: {error}"
        raise ValueError(message) from error
    return event.sequence, body, None


def create_journal_file(folder: Path, meta: Mapping[str, bytes]) -> None:
    """Make the journal of a new run in `folder`, with texts about the run, and close it."""
    path = folder / FILE_NAME
    connection = create_database(path, JOURNAL)
    try:
        with storing(path):
            _note(connection, meta)
    finally:
        connection.close()


class JournalFile:
    """The one writing connection of a journal; whoever makes it holds the lock of the run."""

    def __init__(
        self, folder: Path, durability: Durability = "process", fault: Fault = no_fault
    ) -> None:
        """Raise CheckpointError if the journal is missing, damaged, newer, or has a gap."""
        self.path = folder / FILE_NAME
        self._fault = fault
        self._blobs = Blobs(folder / _BLOBS, sync=durability == "power", fault=fault)
        self._connection = open_database(self.path, JOURNAL)
        try:
            require_sound(self._connection, self.path)
            self.last_sequence = _checked_last(self._connection, self.path)
            with storing(self.path):
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        except BaseException:
            self._connection.close()
            raise

    def insert(self, rows: Sequence[Row]) -> None:
        """Keep the events, all or none; durable once this returns.

        SetupError if they can't be written: then the file takes no more.
        """
        try:
            self._insert(rows)
        except (OSError, sqlite3.Error) as error:
            raise storage_error(self.path, error) from error

    def note(self, meta: Mapping[str, bytes]) -> None:
        """Keep texts about the run, in place of those with the same keys; SetupError as above."""
        with storing(self.path):
            _note(self._connection, meta)

    def close(self) -> None:
        """Put all that was written into the one file, as far as no reader is in the way."""
        with suppress(sqlite3.Error):
            # What is in the write-ahead log is durable there, too.
            self._connection.execute("PRAGMA busy_timeout = 0")
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()

    def _insert(self, rows: Sequence[Row]) -> None:
        outputs = [(row[0], self._blobs.put(row[2])) for row in rows if row[2] is not None]
        execute = self._connection.execute
        self._fault("journal.taken")
        if len(rows) <= _AT_ONCE and not outputs:
            execute(_INSERT[len(rows)], [value for row in rows for value in row[:2]])
        else:
            execute("BEGIN IMMEDIATE")
            for start in range(0, len(rows), _AT_ONCE):
                part = rows[start : start + _AT_ONCE]
                execute(_INSERT[len(part)], [value for row in part for value in row[:2]])
            self._connection.executemany("INSERT INTO outputs VALUES (?, ?)", outputs)
            self._fault("journal.inserted")
            execute("COMMIT")
        self._fault("journal.committed")


class JournalReader:
    """A journal to read only, also while another process writes it."""

    def __init__(self, folder: Path) -> None:
        """Raise CheckpointError if the journal is missing, damaged, or of another version."""
        self._path = folder / FILE_NAME
        self._blobs = Blobs(folder / _BLOBS)
        self._connection = read_database(self._path, JOURNAL)

    def meta(self) -> dict[str, bytes]:
        """The texts about the run."""
        with storing(self._path):
            return dict(self._connection.execute("SELECT key, value FROM meta"))

    def last_sequence(self) -> int:
        """The number of the last event, 0 if there is none."""
        with storing(self._path):
            return self._connection.execute(
                "SELECT ifnull(max(sequence), 0) FROM events"
            ).fetchone()[0]

    def events(self, after: int = 0) -> Iterator[Event]:
        """The events after the one numbered `after`, as far as they are durable.

        Raises CheckpointError, which names the file, where one is missing or is none.
        """
        while rows := self._rows(after):
            for sequence, body, digest in rows:
                if sequence != after + 1:
                    raise CheckpointError(self._path, f"event {after + 1} is missing")
                yield self._event(sequence, body, digest)
                after = sequence

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _rows(self, after: int) -> list[tuple[int, bytes, str | None]]:
        with storing(self._path):
            return self._connection.execute(_READ, (after,)).fetchall()

    def _event(self, sequence: int, body: bytes, digest: str | None) -> Event:
        output = None if digest is None else self._blobs.get(digest)
        try:
            event = decode(body)
            return event if output is None else _joined(event, msgspec.json.decode(output))
        except (msgspec.DecodeError, TypeError, RecursionError) as error:
            raise CheckpointError(self._path, f"event {sequence} is damaged: {error}") from error


def _split(event: ActionCompleted, body: bytes) -> Row:
    output = msgspec.json.encode(event.data.output)
    if len(output) <= LARGE:
        return event.sequence, body, None
    return event.sequence, encode(_joined(event, None)), output


def _joined(event: Event, output: Any) -> Event:
    if not isinstance(event, ActionCompleted):
        message = "it has no output"
        raise TypeError(message)
    data = msgspec.structs.replace(event.data, output=output)
    return msgspec.structs.replace(event, data=data)


def _checked_last(connection: sqlite3.Connection, path: Path) -> int:
    with storing(path):
        query = "SELECT count(*), ifnull(min(sequence), 1), ifnull(max(sequence), 0) FROM events"
        count, first, last = connection.execute(query).fetchone()
    if first != 1 or last != count:
        raise CheckpointError(path, f"it has {count} events, and the last is number {last}")
    return last


def _note(connection: sqlite3.Connection, meta: Mapping[str, bytes]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_NOTE, meta.items())
    connection.execute("COMMIT")
