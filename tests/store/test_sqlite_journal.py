"""The journal on disk: groups, large outputs, bounds, faults."""

import errno
import os
import signal
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Thread
from typing import Any

import anyio
import pytest
from hypothesis import given, settings

from cortex_cli.errors import SetupError
from cortex_cli.events import Event
from cortex_cli.store.blobs import LARGE
from cortex_cli.store.failures import CheckpointError, Point
from cortex_cli.store.journal_reader import JournalReader
from cortex_cli.testing.events import completed, one_of_each, warning
from cortex_cli.testing.faults import FailAt
from cortex_cli.testing.journal_contract import Watcher
from tests.store.builders import make_folder, open_journal, read, write
from tests.store.event_strategies import events_in_order


class Gate:
    """Holds the writer at a point until it is opened; notes how often it was passed."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.reached, self.opened = Flag(), Flag()
        self.passed = 0

    def __call__(self, point: Point) -> None:
        if point == self.point:
            self.reached.set()
            assert self.opened.wait(10)
            self.passed += 1


def ignore(_: object) -> None:
    """Watch nothing."""


@given(events=events_in_order())
@settings(max_examples=30)
def test_events_of_every_kind_come_back_as_they_were(events: list[Event]) -> None:
    with TemporaryDirectory() as home:
        folder = make_folder(Path(home) / "run")
        write(folder, events)
        assert read(folder) == events


def test_what_is_appended_after_opening_again_follows(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    events = one_of_each()
    write(folder, events[:10])
    journal = open_journal(folder)
    assert (journal.durable, journal.last_sequence) == (10, 10)
    with pytest.raises(ValueError, match="event 1 was written where 11 was due"):
        journal.append(events[0])
    journal.close()
    write(folder, events[10:])
    assert read(folder) == events


def test_what_waits_is_written_in_one_group(tmp_path: Path) -> None:
    gate = Gate("journal.committed")
    folder = make_folder(tmp_path / "run")
    journal = open_journal(folder, fault=gate)
    journal.append(warning(1))
    assert gate.reached.wait(10)
    for sequence in range(2, 1_001):
        assert journal.append(warning(sequence)) is False
    assert journal.durable == 0
    gate.opened.set()
    journal.close()
    assert gate.passed == 2
    assert journal.durable == 1_000
    assert len(read(folder)) == 1_000


def test_a_value_that_is_changed_afterwards_was_taken_down_before(tmp_path: Path) -> None:
    gate = Gate("journal.taken")
    folder = make_folder(tmp_path / "run")
    journal = open_journal(folder, fault=gate)
    output = ["before"]
    journal.append(completed(1, output))
    output.append("after")
    gate.opened.set()
    journal.close()
    assert read(folder) == [completed(1, ["before"])]


@pytest.mark.parametrize("output", [{1, 2}, "\ud800", object()], ids=["set", "text", "object"])
def test_what_is_no_json_is_refused_and_leaves_no_gap(tmp_path: Path, output: Any) -> None:
    folder = make_folder(tmp_path / "run")
    journal = open_journal(folder)
    with suppress(ValueError):  # a set becomes a list
        journal.append(completed(1, output))
    last = journal.last_sequence
    journal.append(warning(last + 1))
    journal.close()
    assert [event.sequence for event in read(folder)] == list(range(1, last + 2))


def test_a_large_output_is_a_private_file_and_equal_ones_are_one(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    events = [
        completed(1, "x" * LARGE),
        completed(2, "y" * (LARGE - 2)),
        completed(3, "x" * LARGE),
        completed(4, None),
    ]
    write(folder, events)
    [blob] = (folder / "blobs").iterdir()
    assert stat.S_IMODE(blob.stat().st_mode) == 0o600
    assert stat.S_IMODE(blob.parent.stat().st_mode) == 0o700
    assert blob.read_text() == f'"{"x" * LARGE}"'
    assert read(folder) == events


def test_a_large_output_that_is_missing_or_changed_is_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    write(folder, [completed(1, "x" * LARGE)])
    [blob] = (folder / "blobs").iterdir()
    blob.write_bytes(b'"x"')
    with pytest.raises(CheckpointError, match=f"{blob.name}.*not what its name says"):
        read(folder)
    blob.chmod(0o644)
    with pytest.raises(SetupError, match=f"{blob.name}.*others may read"):
        read(folder)
    blob.unlink()
    with pytest.raises(CheckpointError, match=f"{blob.name}.*missing") as caught:
        read(folder)
    assert (caught.value.path, caught.value.exit_code) == (blob, 3)


def test_a_large_event_of_another_kind_stays_in_its_line(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    start = one_of_each()[0]
    write(folder, [start, completed(2, "ü" * (LARGE // 2 - 1))])
    assert not (folder / "blobs").exists()


def test_memory_is_bounded_where_the_writer_is_slow(tmp_path: Path) -> None:
    gate = Gate("journal.taken")
    folder = make_folder(tmp_path / "run")
    journal = open_journal(folder, fault=gate, most_waiting=3_000)
    done = Flag()
    appended = 0

    def append() -> None:
        nonlocal appended
        for sequence in range(1, 101):
            journal.append(warning(sequence))
            appended = sequence
        journal.append(completed(101, "x" * 5_000))
        journal.append(completed(102, "x" * 5_000))
        done.set()

    producer = Thread(target=append)
    producer.start()
    assert gate.reached.wait(10)
    assert not done.wait(0.05)
    assert appended < 30
    gate.opened.set()
    assert done.wait(10)
    producer.join()
    journal.close()
    assert len(read(folder)) == 102


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, "No space left on device; free some space"),
        (errno.EROFS, "Read-only file system; set CORTEX_HOME"),
        (errno.EIO, "Input/output error; see that the disk is sound"),
        (errno.ENODEV, "can't be used: No such device$"),
    ],
)
async def test_what_the_system_refuses_is_told_and_ends_the_writing(
    tmp_path: Path, code: int, hint: str
) -> None:
    folder = make_folder(tmp_path / "run")
    journal = open_journal(folder, fault=FailAt("journal.taken", code, times=2))
    watcher = Watcher(journal)
    watcher.append(warning(1))
    await watcher.until(1)
    watcher.append(warning(2))
    error = await watcher.until_failed()
    assert error.exit_code == 3
    assert journal.error is error
    assert journal.append(warning(3)) is False
    with pytest.raises(SetupError, match=hint):
        journal.close()
    journal.close()
    assert read(folder) == [warning(1)]
    write(folder, [warning(2)])
    assert read(folder) == [warning(1), warning(2)]


def test_whoever_waits_for_room_is_let_go_when_writing_fails(tmp_path: Path) -> None:
    gate = Gate("journal.taken")
    folder = make_folder(tmp_path / "run")

    def fault(point: Point) -> None:
        gate(point)
        FailAt("journal.taken", errno.ENOSPC)(point)

    journal = open_journal(folder, fault=fault, most_waiting=100)
    journal.append(warning(1))
    opener = Thread(target=lambda: gate.reached.wait(10) and gate.opened.set())
    opener.start()
    journal.append(warning(2))
    opener.join()
    with pytest.raises(SetupError, match="No space left"):
        journal.close()


def test_an_event_is_kept_though_the_wait_for_room_is_broken_off(tmp_path: Path) -> None:
    gate = Gate("journal.taken")
    folder = make_folder(tmp_path / "run")
    journal = open_journal(folder, fault=gate, most_waiting=100)
    journal.append(warning(1))
    assert gate.reached.wait(10)

    def interrupt() -> None:
        while journal._queue.empty():
            pass  # until the second event is there, whose room is waited for
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    try:
        Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            journal.append(warning(2))
    finally:
        signal.signal(signal.SIGUSR1, before)
    gate.opened.set()
    journal.append(warning(3))
    journal.close()
    assert read(folder) == [warning(1), warning(2), warning(3)]


@pytest.mark.parametrize("size", [1, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("point", ["blob.written", "blob.named", "journal.inserted"])
def test_a_group_that_fails_leaves_nothing_behind_in_the_file(
    tmp_path: Path, point: Point, size: int
) -> None:
    folder = make_folder(tmp_path / "run")
    journal = open_journal(folder, fault=FailAt(point, errno.ENOSPC))
    journal.append(completed(1, "x" * size))
    with suppress(SetupError):
        journal.close()
    expected = [completed(1, "x")] if size == 1 else []
    assert read(folder) == expected


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_bug_in_the_writer_is_told_too(tmp_path: Path) -> None:
    def broken(_: Point) -> None:
        message = "a bug"
        raise ZeroDivisionError(message)

    journal = open_journal(make_folder(tmp_path / "run"), fault=broken)
    watcher = Watcher(journal)
    watcher.append(warning(1))
    assert "broken down" in str(await watcher.until_failed())
    with pytest.raises(SetupError, match="broken down"):
        journal.close()


def test_an_event_loop_that_has_ended_is_no_trouble(tmp_path: Path) -> None:
    def ended(_: Callable[[], None]) -> None:
        message = "Event loop is closed"
        raise RuntimeError(message)

    folder = make_folder(tmp_path / "run")
    journal = open_journal(folder)
    journal.watch(ended, ignore, ignore)
    for sequence in range(1, 11):
        journal.append(warning(sequence))
    journal.close()
    assert len(read(folder)) == 10


def test_after_the_end_nothing_is_taken(tmp_path: Path) -> None:
    journal = open_journal(make_folder(tmp_path / "run"))
    journal.close()
    with pytest.raises(ValueError, match="event 1 comes after the journal was closed"):
        journal.append(warning(1))
    with pytest.raises(ValueError, match="after the end"):
        journal.note({})


async def test_a_slow_loop_is_told_once_of_many_groups(tmp_path: Path) -> None:
    journal = open_journal(make_folder(tmp_path / "run"))
    watcher = Watcher(journal)
    for sequence in range(1, 51):
        watcher.append(warning(sequence))
        while journal.durable < sequence:
            pass  # the event loop gets no turn
    assert watcher.told == []
    await watcher.until(50)
    assert watcher.told == [50]
    journal.close()


def test_it_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    journal = open_journal(folder)
    reader = JournalReader(folder)
    assert list(reader.events()) == []
    for sequence in range(1, 1_001):
        journal.append(warning(sequence))
    while journal.durable < 500:
        pass
    seen = list(reader.events())
    assert len(seen) >= 500
    journal.close()
    assert len(seen) + len(list(reader.events(after=len(seen)))) == 1_000
    assert reader.last_sequence() == 1_000
    reader.close()
    write(folder, [warning(1_001)])
    assert not (folder / "journal.db-wal").exists()


def test_a_finished_journal_is_one_file_and_reading_changes_nothing(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run")
    write(folder, one_of_each())
    before = (folder / "journal.db").read_bytes()
    assert [path.name for path in folder.iterdir()] == ["journal.db"]
    assert read(folder) == one_of_each()
    assert [path.name for path in folder.iterdir()] == ["journal.db"]
    assert (folder / "journal.db").read_bytes() == before


async def test_waiting_for_the_disk_does_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    gate = Gate("journal.taken")
    journal = open_journal(make_folder(tmp_path / "run"), fault=gate)
    watcher = Watcher(journal)
    watcher.append(warning(1))
    for _ in range(100):
        await anyio.lowlevel.checkpoint()
    assert watcher.told == []
    gate.opened.set()
    await watcher.until(1)
    journal.close()
