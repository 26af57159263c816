"""The file that the events of a run are in, and the large outputs beside it, as it is written.

`events` has one row a group of events that were written at once: the sequence of the last, and
the JSON of each on a line of its own, as `events.encode` writes it. An output of more than 64 KiB
is null there; it is a file in `blobs`, and `outputs` has its digest. `meta` has texts about the run
as a whole.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from cortex_cli.events import ActionCompleted, Event, encode
from cortex_cli.store.blobs import LARGE, Blobs
from cortex_cli.store.database import (
    Schema,
    create_database,
    open_database,
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
    version=2,
    # In version 1, each group has one event.
    migrations={1: ""},
    oldest=1,
    tables="""
        CREATE TABLE events (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE outputs (sequence INTEGER PRIMARY KEY, sha256 TEXT NOT NULL);
        CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID
    """,
)
FILE_NAME = "journal.db"
BLOBS_NAME = "blobs"

_SYNCHRONOUS = {"process": "NORMAL", "power": "FULL"}
_INSERT = "INSERT INTO events VALUES (?, ?)"
# Whatever is damaged comes as a number and bytes, which are no JSON then.
_ALL = "SELECT rowid, CAST(ifnull(body, '') AS BLOB) FROM events ORDER BY rowid"
_body = itemgetter(1)
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
        self._blobs = Blobs(folder / BLOBS_NAME, sync=durability == "power", fault=fault)
        self.last_sequence = 0
        self._connection = open_database(self.path, JOURNAL, self._check)
        try:
            with storing(self.path):
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        except BaseException:
            self._connection.close()
            raise

    def insert(self, rows: Sequence[Row]) -> int:
        """Keep the events, all or none; durable once this returns how many bytes of JSON they are.

        SetupError if they can't be written: then the file takes no more.
        """
        try:
            return self._insert(rows)
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

    def _check(self, connection: sqlite3.Connection) -> None:
        require_sound(connection, self.path)
        self.last_sequence = _checked_last(connection, self.path)

    def _insert(self, rows: Sequence[Row]) -> int:
        outputs = [(row[0], self._blobs.put(row[2])) for row in rows if row[2] is not None]
        execute = self._connection.execute
        self._fault("journal.taken")
        size = sum(map(len, map(_body, rows)))
        if size + len(rows) <= LARGE and not outputs:
            # One statement is a transaction of its own, and lets go of the interpreter once.
            execute(_INSERT, (rows[-1][0], b"\n".join(map(_body, rows))))
        else:
            execute("BEGIN IMMEDIATE")
            self._connection.executemany(_INSERT, _groups(rows))
            self._connection.executemany("INSERT INTO outputs VALUES (?, ?)", outputs)
            self._fault("journal.inserted")
            execute("COMMIT")
        self._fault("journal.committed")
        return size + sum(len(row[2]) for row in rows if row[2] is not None) if outputs else size


def _split(event: ActionCompleted, body: bytes) -> Row:
    output = msgspec.json.encode(event.data.output)
    if len(output) <= LARGE:
        return event.sequence, body, None
    without = replace(event, data=replace(event.data, output=None))
    return event.sequence, encode(without), output


def _groups(rows: Sequence[Row]) -> Iterator[tuple[int, bytes]]:
    """Events as rows of the table, each of no more bytes than are large, if it has several."""
    lines: list[bytes] = []
    last = size = 0
    for sequence, body, _ in rows:
        if lines and size + len(body) > LARGE:
            yield last, b"\n".join(lines)
            lines, size = [], 0
        lines.append(body)
        last, size = sequence, size + len(body) + 1
    yield last, b"\n".join(lines)


def _checked_last(connection: sqlite3.Connection, path: Path) -> int:
    last = 0
    with storing(path):
        for sequence, group in connection.execute(_ALL):
            first = sequence - group.count(b"\n")
            if first != last + 1:
                reason = f"event {last + 1} is missing, number {first} is there"
                raise CheckpointError(path, reason)
            last = sequence
    return last


def _note(connection: sqlite3.Connection, meta: Mapping[str, bytes]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_NOTE, meta.items())
    connection.execute("COMMIT")
