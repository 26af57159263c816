"""The folder of one run: its lock, its journal, its large outputs, and its working folder."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from cortex_cli.events import Event
from cortex_cli.store.failures import Fault, no_fault, storage_error, storing
from cortex_cli.store.journal_file import (
    FILE_NAME,
    Durability,
    JournalFile,
    create_journal_file,
)
from cortex_cli.store.journal_reader import JournalReader
from cortex_cli.store.locks import LockOwner, RunLock, is_locked, lock_owner
from cortex_cli.store.records import (
    RunEnded,
    RunRecord,
    RunSummary,
    Sources,
    ended_meta,
    record_in,
    record_meta,
    sources_in,
    sources_meta,
    summary_of,
)
from cortex_cli.store.sqlite_journal import SqliteJournal
from cortex_cli.store.state import open_state_folder, sync_folder

LOCK = "lock"
UNBORN = ".new-"
GONE = ".gone-"
_WORK = "work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How runs are written: what their events survive, and where tests break them."""

    durability: Durability = "process"
    fault: Fault = no_fault


class OpenRun:
    """A run that this process writes. Leaving it as a context manager closes it.

    `folder` is the run's own, `work` what `${run.dir}` names, `record` how the run was begun.
    """

    def __init__(self, folder: Path, lock: RunLock, writing: Writing) -> None:
        """Open the journal; the lock is the run's from now on."""
        self.folder = folder
        self.work = open_state_folder(folder / _WORK)
        self._lock = lock
        self._fault = writing.fault
        file = JournalFile(folder, writing.durability, writing.fault)
        try:
            self.record = read_record(folder)
        except BaseException:
            file.close()
            raise
        self.journal = SqliteJournal(file)

    def __enter__(self) -> Self:
        """The run itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the run."""
        self.close()

    def events(self) -> Iterator[Event]:
        """The events that are durable by now, first to last."""
        return read_events(self.folder)

    def keep(self, sources: Sources) -> None:
        """Keep what the run is made of, before its first event; SetupError if it can't be written."""
        self.journal.note(sources_meta(sources))

    def amend(self, record: RunRecord) -> None:
        """Keep another record of the run, as the one that resumes it has changed.

        Before the first event is appended. SetupError if it can't be written.
        """
        self.journal.note(record_meta(record))
        self.record = msgspec.structs.replace(record, ended=None)

    def finish(self, ended: RunEnded) -> None:
        """Write down what waits, then how the run has ended, and close it.

        SetupError if any of it could not be written; the run is closed then too.
        """
        self._close(ended)

    def close(self) -> None:
        """Write down what waits and let go of the run; a second time does nothing.

        A run that was closed without an end counts as interrupted. SetupError as for `finish`.
        """
        self._close(None)

    def _close(self, ended: RunEnded | None) -> None:
        try:
            if ended is None:
                self.journal.close()
            else:
                last = msgspec.structs.replace(ended, sequence=self.journal.last_sequence)
                self.journal.close(ended_meta(last))
                self._fault("run.ended")
        finally:
            self._lock.release()


def begin_run(runs: Path, record: RunRecord, owner: LockOwner, writing: Writing) -> OpenRun:
    """Make the folder of a new run in `runs`; it gets its name once its record is written."""
    folder, unborn = runs / record.execution_id, runs / f"{UNBORN}{record.execution_id}"
    with storing(unborn):
        unborn.mkdir(0o700)
    lock: RunLock | None = None
    try:
        unborn.chmod(0o700)
        lock = RunLock.acquire(unborn / LOCK, record.execution_id, owner)
        writing.fault("run.made")
        create_journal_file(unborn, record_meta(record))
        writing.fault("run.recorded")
        _name(unborn, folder, writing)
        return OpenRun(folder, lock, writing)
    except BaseException as error:
        # There is nothing of a run in it yet.
        shutil.rmtree(unborn, ignore_errors=True)
        if lock is not None:
            lock.release()
        if isinstance(error, OSError):
            raise storage_error(folder, error) from error
        raise


def reopen_run(folder: Path, owner: LockOwner, writing: Writing) -> OpenRun:
    """Take up a run that is there; LockedError if another process writes it."""
    lock = RunLock.acquire(folder / LOCK, folder.name, owner)
    try:
        return OpenRun(folder, lock, writing)
    except BaseException:
        lock.release()
        raise


def remove_run(folder: Path, owner: LockOwner) -> None:
    """Delete the folder of a run; LockedError if a process writes it."""
    lock = RunLock.acquire(folder / LOCK, folder.name, owner)
    try:
        gone = folder.with_name(f"{GONE}{folder.name}")
        with storing(folder):
            folder.rename(gone)
            shutil.rmtree(gone)
    finally:
        lock.release()


def read_record(folder: Path) -> RunRecord:
    """The record of the run in `folder`, also while it is written; CheckpointError if unreadable."""
    reader = JournalReader(folder)
    try:
        return record_in(reader.meta(), reader.last_sequence(), folder / FILE_NAME)
    finally:
        reader.close()


def read_sources(folder: Path) -> Sources | None:
    """What the run in `folder` was made of, if that is kept; CheckpointError if unreadable."""
    reader = JournalReader(folder)
    try:
        return sources_in(reader.meta(), folder / FILE_NAME)
    finally:
        reader.close()


def read_events(folder: Path, after: int = 0) -> Iterator[Event]:
    """The events of the run in `folder` that are durable, after number `after`; read as needed."""
    reader = JournalReader(folder)
    try:
        yield from reader.events(after)
    finally:
        reader.close()


def summarise(folder: Path) -> RunSummary:
    """The summary of the run in `folder`; CheckpointError if it is unreadable."""
    locked = is_locked(folder / LOCK)
    owner = lock_owner(folder / LOCK) if locked else None
    return summary_of(read_record(folder), owner, is_locked=locked)


def _name(unborn: Path, folder: Path, writing: Writing) -> None:
    unborn.rename(folder)
    if writing.durability == "power":
        sync_folder(folder)
        sync_folder(folder.parent)
    writing.fault("run.named")
