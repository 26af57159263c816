"""The events of a run as they are read from its file, also while that is written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from cortex_cli.events import ActionCompleted, Event, decode
from cortex_cli.store.blobs import Blobs
from cortex_cli.store.database import read_database
from cortex_cli.store.failures import DAMAGED_JSON, CheckpointError, storing
from cortex_cli.store.journal_file import BLOBS_NAME, FILE_NAME, JOURNAL

# Whatever is damaged comes as a number and bytes, or a text, which are no JSON and no digest then.
_GROUPS = """
    SELECT rowid, CAST(ifnull(body, '') AS BLOB) FROM events
    WHERE rowid > ? ORDER BY rowid LIMIT 64
"""
_OUTPUTS = """
    SELECT rowid, CAST(ifnull(sha256, '') AS TEXT) FROM outputs WHERE rowid > ? AND rowid <= ?
"""

_Line = tuple[int, bytes, str | None]
"""The sequence of an event, its JSON, and the digest of its output where that is elsewhere."""


class JournalReader:
    """A journal to read only, also while another process writes it."""

    def __init__(self, folder: Path) -> None:
        """Raise CheckpointError if the journal is missing, damaged, or of another version."""
        self._path = folder / FILE_NAME
        self._blobs = Blobs(folder / BLOBS_NAME)
        self._connection = read_database(self._path, JOURNAL)

    def meta(self) -> dict[str, bytes]:
        """The texts about the run."""
        with storing(self._path):
            return dict(self._connection.execute("SELECT key, value FROM meta"))

    def last_sequence(self) -> int:
        """The number of the last event, 0 if there is none."""
        return self._number("SELECT ifnull(max(rowid), 0) FROM events")

    def events(self, after: int = 0) -> Iterator[Event]:
        """The events after the one numbered `after`, as far as they are durable.

        Raises CheckpointError, which names the file, where one is missing or is none.
        """
        self._require_numbers()
        last = after
        while page := self._page(last):
            # The first group may begin with events that are not asked for.
            for sequence, line, digest in (entry for entry in page if entry[0] > after):
                last += 1
                if sequence != last:
                    reason = f"event {last} is missing, number {sequence} is there"
                    raise CheckpointError(self._path, reason)
                yield self._event(sequence, line, digest)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _require_numbers(self) -> None:
        # Where the file is damaged, numbers may be what a query for later ones does not find.
        first = self._number("SELECT ifnull(min(rowid), 1) FROM events")
        if first < 1:
            raise CheckpointError(self._path, f"it is damaged: there is no event number {first}")

    def _number(self, query: str) -> int:
        with storing(self._path):
            [number] = self._connection.execute(query).fetchone()
            return number

    def _page(self, after: int) -> list[_Line]:
        """The next groups that hold events after the one numbered `after`; none if none do."""
        with storing(self._path):
            groups = self._connection.execute(_GROUPS, (after,)).fetchall()
            last = groups[-1][0] if groups else after
            digests = dict(self._connection.execute(_OUTPUTS, (after, last)))
        return [
            (sequence, line, digests.get(sequence))
            for group in groups
            for sequence, line in _lines(*group)
        ]

    def _event(self, sequence: int, line: bytes, digest: str | None) -> Event:
        output = None if digest is None else self._blobs.get(digest)
        try:
            event = decode(line)
            if event.sequence != sequence:
                message = f"it says that it is number {event.sequence}"
                raise TypeError(message)
            return event if output is None else _with_output(event, msgspec.json.decode(output))
        except DAMAGED_JSON as error:
            raise CheckpointError(self._path, f"event {sequence} is damaged: {error}") from error


def _lines(last: int, group: bytes) -> Iterator[tuple[int, bytes]]:
    lines = group.split(b"\n")
    return enumerate(lines, last - len(lines) + 1)


def _with_output(event: Event, output: Any) -> Event:
    if not isinstance(event, ActionCompleted):
        message = "it has no output"
        raise TypeError(message)
    return replace(event, data=replace(event.data, output=output))
