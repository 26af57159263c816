"""Journals that can't be read are refused, and left as they are."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cortex_cli.errors import SetupError
from cortex_cli.events import Event, encode
from cortex_cli.store.database import Schema, open_database, read_database
from cortex_cli.store.failures import CheckpointError, NewerError, storage_error
from cortex_cli.store.journal_file import JOURNAL, JournalFile, row_of
from cortex_cli.store.journal_reader import JournalReader
from cortex_cli.testing.events import completed, warning
from tests.store.builders import database, make_folder, open_journal, read, write

VERSION_0 = replace(
    JOURNAL,
    version=0,
    tables="""
        CREATE TABLE events (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID
    """,
)
FROM_0 = "CREATE TABLE outputs (sequence INTEGER PRIMARY KEY, sha256 TEXT NOT NULL)"
MIGRATING = replace(JOURNAL, migrations={**JOURNAL.migrations, 0: FROM_0})


def as_blob(event: Event) -> str:
    return f"x'{encode(event).hex()}'"


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to look like one" * 100)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def newer(path: Path) -> None:
    change(path, "PRAGMA user_version = 3")


def older(path: Path) -> None:
    change(path, "PRAGMA user_version = 0")


def foreign(path: Path) -> None:
    change(path, "PRAGMA application_id = 7")


def missing(path: Path) -> None:
    path.rename(path.with_name("moved"))


def open_to_others(path: Path) -> None:
    path.chmod(0o644)


def linked(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


def holed(path: Path) -> None:
    change(path, "DELETE FROM events WHERE sequence = 2")


def scribbled(path: Path) -> None:
    change(path, "UPDATE events SET body = x'7b7d' WHERE sequence = 2")


def overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 + 100 : 2 * 4096] = bytes(3996)
    path.write_bytes(content)


WRONG: list[tuple[Callable[[Path], None], str]] = [
    (garbage, "file is not a database"),
    (empty, "it is empty"),
    (truncated, "malformed"),
    (cut_short, "it is not a journal"),
    (newer, "a newer cortex wrote it .version 3, known is 2.; use the version of cortex"),
    (older, "it has version 0, which is too old"),
    (foreign, "it is not a journal of cortex"),
    (missing, "there is no journal"),
    (open_to_others, "others may read or change it"),
    (linked, "it is not a file"),
    (overwritten, "malformed|damaged|invalid|Tree"),
]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(("spoil", "reason"), WRONG, ids=[spoil.__name__ for spoil, _ in WRONG])
def test_what_can_not_be_read_is_refused_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    folder = make_folder(tmp_path / "run")
    write(folder, [warning(number) for number in range(1, 200)])
    spoil(database(folder))
    before = contents(folder)
    for attempt in (read, open_journal):
        with pytest.raises(SetupError, match=reason) as caught:
            attempt(folder)
        assert str(database(folder)) in str(caught.value)
        assert caught.value.exit_code == 3
        assert contents(folder) == before


def test_what_a_newer_cortex_wrote_has_an_error_of_its_own(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    newer(database(folder))
    with pytest.raises(NewerError):
        read(folder)


def as_version_1(folder: Path) -> None:
    """Make a journal with one event a row what the version before would have written."""
    change(database(folder), "PRAGMA user_version = 1")


def rows(folder: Path) -> list[tuple[int, int]]:
    """Of each row of the events, its number and how many lines it has."""
    with closing(sqlite3.connect(database(folder))) as connection:
        found = connection.execute("SELECT sequence, body FROM events ORDER BY sequence")
        return [(sequence, len(body.splitlines())) for sequence, body in found]


def insert(folder: Path, *events: Event) -> None:
    """Write the events as one group."""
    file = JournalFile(folder)
    file.insert([row_of(event) for event in events])
    file.close()


def test_a_gap_is_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    for number in (1, 2, 3):
        insert(folder, warning(number))
    holed(database(folder))
    as_version_1(folder)
    before = database(folder).read_bytes()
    for attempt in (read, open_journal):
        with pytest.raises(CheckpointError, match="event 2 is missing, number 3 is there"):
            attempt(folder)
    assert database(folder).read_bytes() == before


def test_events_that_are_written_at_once_share_a_row(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    events = [warning(number) for number in range(1, 8)]
    insert(folder, *events[:5])
    insert(folder, *events[5:])
    assert rows(folder) == [(5, 5), (7, 2)]
    assert read(folder) == events


def test_a_large_group_has_rows_of_64_kib_at_most(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    sizes = [30_000, 30_000, 30_000, 65_000, 10, 10, 50_000]
    events = [completed(number, "x" * size) for number, size in enumerate(sizes, start=1)]
    insert(folder, *events)
    assert rows(folder) == [(2, 2), (3, 1), (4, 1), (7, 3)]
    assert read(folder) == events
    insert(folder, warning(8))


@pytest.mark.parametrize("after", range(7))
def test_reading_may_begin_within_a_group(tmp_path: Path, after: int) -> None:
    folder = make_folder(tmp_path / "run")
    events = [completed(1, "x" * 100_000), *map(warning, range(2, 5)), completed(5, "y" * 100_000)]
    insert(folder, *events)
    insert(folder, warning(6))
    with closing(JournalReader(folder)) as reader:
        assert list(reader.events(after)) == [*events, warning(6)][after:]


def test_a_group_that_has_lost_an_event_is_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    insert(folder, warning(1))
    insert(folder, warning(2), warning(3))
    change(database(folder), f"UPDATE events SET body = {as_blob(warning(3))} WHERE sequence = 3")
    for attempt in (read, open_journal):
        with pytest.raises(CheckpointError, match="event 2 is missing, number 3 is there"):
            attempt(folder)


def test_a_group_that_has_got_an_event_more_is_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    for number in range(1, 70):
        insert(folder, warning(number))
    change(
        database(folder),
        # The first that is read after a page of 64.
        "UPDATE events SET body = CAST(body || x'0a' || body AS BLOB) WHERE sequence = 65",
    )
    for attempt in (read, open_journal):
        with pytest.raises(CheckpointError, match="event 65 is missing, number 64 is there"):
            attempt(folder)


def test_an_event_in_the_place_of_another_is_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    insert(folder, warning(1), warning(2))
    body = f"CAST({as_blob(warning(1))} || x'0a' || {as_blob(warning(7))} AS BLOB)"
    change(database(folder), f"UPDATE events SET body = {body}")
    with pytest.raises(CheckpointError, match="event 2 is damaged: it says that it is number 7"):
        read(folder)


@pytest.mark.parametrize("body", ["'text'", "12", "1.5", "x'ff'", "x'22ff22'", "zeroblob(3)"])
def test_what_has_become_of_another_type_or_encoding_is_found(tmp_path: Path, body: str) -> None:
    folder = make_folder(tmp_path / "run")
    insert(folder, warning(1))
    change(database(folder), f"UPDATE events SET body = {body}")
    with pytest.raises(CheckpointError, match="event 1 is damaged"):
        read(folder)
    open_journal(folder).close()


def test_a_byte_of_a_text_that_has_changed_is_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    insert(folder, warning(1))
    body = encode(warning(1)).replace(b"run", b"r\xffn")
    change(database(folder), f"UPDATE events SET body = x'{body.hex()}'")
    with pytest.raises(CheckpointError, match=r"event 1 is damaged: .*utf-8"):
        read(folder)


def test_events_are_found_where_the_schema_no_longer_says_what_their_number_is(
    tmp_path: Path,
) -> None:
    folder = make_folder(tmp_path / "run")
    insert(folder, warning(1), warning(2))
    path = database(folder)
    content = path.read_bytes()
    assert b"INTEGER PRIMARY KEY, body" in content
    # To SQLite, this is a column of a type of that name.
    path.write_bytes(content.replace(b"PRIMARY KEY, body", b"PRIMASY KEY, body"))
    assert read(folder) == [warning(1), warning(2)]
    with closing(JournalFile(folder)) as file:
        assert file.last_sequence == 2


def test_a_digest_that_is_none_is_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    insert(folder, completed(1, "x" * 100_000))
    change(database(folder), "UPDATE outputs SET sha256 = x'313233'")
    with pytest.raises(CheckpointError, match="it is missing"):
        read(folder)


def test_version_1_is_read_as_it_is_and_written_on(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    path = database(folder)
    events = [warning(1), completed(2, "x" * 100_000), warning(3)]
    for event in events:
        insert(folder, event)
    as_version_1(folder)
    before = path.read_bytes()
    assert read(folder) == events
    assert path.read_bytes() == before
    insert(folder, warning(4), warning(5))
    assert rows(folder) == [(1, 1), (2, 1), (3, 1), (5, 2)]
    assert read(folder) == [*events, warning(4), warning(5)]


def test_an_event_that_is_none_is_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    insert(folder, warning(1))
    insert(folder, completed(2, 1))
    scribbled(database(folder))
    with pytest.raises(CheckpointError, match="event 2 is damaged"):
        read(folder)


def test_an_output_of_an_event_without_one_is_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    write(folder, [completed(1, "x" * 100_000), warning(2)])
    change(database(folder), "UPDATE outputs SET sequence = 2")
    with pytest.raises(CheckpointError, match="event 2 is damaged: it has no output"):
        read(folder)


def test_a_lower_version_is_brought_up_to_date_without_loss(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    write(folder, [warning(1)])
    path = database(folder)
    change(path, "DROP TABLE outputs", "PRAGMA user_version = 0")
    open_database(path, MIGRATING).close()
    assert read(folder) == [warning(1)]
    write(folder, [completed(2, "x" * 100_000)])
    assert len(read(folder)) == 2


def test_a_change_of_version_that_fails_changes_nothing(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    path = database(folder)
    change(path, "DROP TABLE outputs", "PRAGMA user_version = 0")
    before = path.read_bytes()
    broken = replace(JOURNAL, migrations={0: f"{FROM_0}; CREATE TABLE events (a)"})
    with pytest.raises(SetupError, match="already exists"):
        open_database(path, broken)
    assert path.read_bytes() == before


def test_a_reader_does_not_bring_up_to_date(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    older(database(folder))
    with pytest.raises(CheckpointError, match="version 0"):
        read_database(database(folder), MIGRATING)


def test_a_killed_writers_log_is_read_and_then_taken_over(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    file = JournalFile(folder)
    assert file.insert([(1, b"{}", None)]) == 2
    file._connection.execute("PRAGMA wal_autocheckpoint = 0")
    copy = tmp_path / "copy"
    copy.mkdir(0o700)
    for path in folder.iterdir():
        if not path.name.endswith("-shm"):
            (copy / path.name).write_bytes(path.read_bytes())
            (copy / path.name).chmod(0o600)
    file.close()
    with pytest.raises(CheckpointError, match="event 1 is damaged"):
        read(copy)
    assert (copy / "journal.db-wal").stat().st_size > 0
    again = JournalFile(copy)
    assert again.last_sequence == 1
    again.close()


def half_done(folder: Path, to: Path) -> Path:
    """A copy of a run's folder as a writer leaves it that is killed in the middle of a change."""
    to.mkdir(0o700)
    with closing(sqlite3.connect(database(folder), isolation_level=None)) as connection:
        # What does not fit into this cache is in the file before the change is through.
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        rows = [(number, bytes(4_000)) for number in range(2, 100)]
        connection.executemany("INSERT INTO events VALUES (?, ?)", rows)
        for path in folder.iterdir():
            (to / path.name).write_bytes(path.read_bytes())
            (to / path.name).chmod(0o600)
        connection.execute("ROLLBACK")
    assert (to / "journal.db-journal").stat().st_size > 0
    return to


def test_what_a_killed_writer_had_begun_is_taken_back_for_a_reader(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    write(folder, [warning(1)])
    copy = half_done(folder, tmp_path / "copy")
    assert read(copy) == [warning(1)]
    assert not (copy / "journal.db-journal").exists()


def test_a_reader_still_writes_nothing_once_that_is_taken_back(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    write(folder, [warning(1)])
    copy = half_done(folder, tmp_path / "copy")
    with (
        closing(read_database(database(copy), JOURNAL)) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM events")


def test_errors_without_a_code_are_worded_too(tmp_path: Path) -> None:
    error = storage_error(tmp_path, sqlite3.ProgrammingError("closed"))
    assert str(error) == f"{tmp_path} can't be used: closed"
    assert isinstance(VERSION_0, Schema)
