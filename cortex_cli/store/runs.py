"""All runs of a state folder: begun, taken up again, found, listed, removed.

runs/<execution_id>/{lock, journal.db, blobs/<sha256>, work/}
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cortex_cli.errors import SetupError, UsageError
from cortex_cli.events import Event
from cortex_cli.ids import did_you_mean
from cortex_cli.store.failures import storing
from cortex_cli.store.history import History
from cortex_cli.store.journal_file import FILE_NAME, Durability
from cortex_cli.store.locks import LockedError, LockOwner, is_locked
from cortex_cli.store.records import RunRecord, RunState, RunSummary, Sources
from cortex_cli.store.run_folder import (
    GONE,
    LOCK,
    UNBORN,
    OpenRun,
    Writing,
    begin_run,
    read_events,
    read_record,
    read_sources,
    remove_run,
    reopen_run,
    summarise,
)
from cortex_cli.store.sqlite_cache import SqliteCache
from cortex_cli.store.state import open_state_folder, sub_folder

_RUNS = "runs"
_ID = re.compile(r"[0-9a-z]{1,64}")
_MOST_NAMED = 5


class RunStore:
    """The runs of one state folder, which is made when the first run is.

    The methods raise SetupError where the folder can't be used, UsageError for a run that isn't
    there, CheckpointError for one that can't be read. Nothing is deleted but by `remove` and
    `prune`.
    """

    def __init__(
        self,
        home: Path,
        *,
        wall: Callable[[], float],
        command: str = "cortex",
        writing: Writing | None = None,
    ) -> None:
        """`wall` gives seconds since 1970; `command` is what a lock says its owner does, masked."""
        self.history = History(home)
        self.cache = SqliteCache(home)
        self._home = home
        self._wall = wall
        self._command = command
        self._writing = writing or Writing()

    def create(self, record: RunRecord, durability: Durability | None = None) -> OpenRun:
        """Begin the run of that record; the ids of the runs differ."""
        runs = sub_folder(self._home, _RUNS)
        if _ID.fullmatch(record.execution_id) is None or self._folder(record.execution_id).exists():
            message = f"'{record.execution_id}' is no id for a new run"
            raise ValueError(message)
        return begin_run(runs, record, self._owner(), self._writing_as(durability))

    def reopen(self, run_id: str, durability: Durability | None = None) -> OpenRun:
        """Take up a run that was begun; LockedError, at once, if another process writes it."""
        return reopen_run(self._existing(run_id), self._owner(), self._writing_as(durability))

    def _writing_as(self, durability: Durability | None) -> Writing:
        return replace(self._writing, durability=durability) if durability else self._writing

    def find(self, name: str) -> str:
        """The id of the run that is meant by an id, a beginning of it that no other has, or `last`.

        UsageError, with what else there is, if there is no such run or more than one.
        """
        ids = self._ids()
        if name in ids:
            return name
        if name == "last" and ids:
            return self.all()[0].execution_id
        matches = [run_id for run_id in ids if name and run_id.startswith(name)]
        if len(matches) == 1:
            return matches[0]
        raise _not_found(name, ids, matches)

    def record(self, run_id: str) -> RunRecord:
        """How a run was begun, and how it has ended if it has."""
        return read_record(self._existing(run_id))

    def sources(self, run_id: str) -> Sources | None:
        """What a run was made of; None where that was not kept."""
        return read_sources(self._existing(run_id))

    def state(self, run_id: str) -> RunSummary:
        """How a run stands; one that can't be read is unreadable, and no error."""
        return self._summary(self._existing(run_id))

    def events(self, run_id: str, after: int = 0) -> Iterator[Event]:
        """The durable events of a run, after number `after`; read as they are asked for."""
        return read_events(self._existing(run_id), after)

    def folder(self, run_id: str) -> Path:
        """The folder of a run."""
        return self._existing(run_id)

    def all(self) -> list[RunSummary]:
        """All runs, the newest first; one that can't be read is listed with the reason."""
        known = self._indexed()
        fresh: dict[str, tuple[str, RunSummary]] = {}
        found: list[RunSummary] = []
        for run_id in self._ids():
            stamp = self._stamp(run_id)
            indexed = known.pop(run_id, None)
            if indexed is not None and indexed[0] == stamp:
                found.append(indexed[1])
                continue
            summary = self._summary(self._folder(run_id))
            found.append(summary)
            if summary.state is RunState.ENDED:
                fresh[run_id] = (stamp, summary)
        if fresh or known:
            # It is an index only: where it can't be written, the folders are read again.
            with suppress(SetupError):
                self.history.index(fresh, gone=known)
        return sorted(found, key=lambda run: (-run.started_at, run.execution_id))

    def remove(self, run_id: str) -> None:
        """Delete a run, also one that can't be read; LockedError if a process writes it."""
        remove_run(self._existing(run_id), self._owner())

    def prune(self, *, older_than: float | None = None, keep: int | None = None) -> list[str]:
        """Delete runs that began before a moment and are not of the newest `keep`; their ids.

        Only what is given counts; if neither is, nothing is deleted. Runs that are being written, or
        can't be read, are left.
        """
        self._sweep()
        if older_than is None and keep is None:
            return []
        removed: list[str] = []
        for place, run in enumerate(self.all()):
            is_old = older_than is None or run.started_at < older_than
            is_surplus = keep is None or place >= keep
            if is_old and is_surplus and run.state in {RunState.ENDED, RunState.INTERRUPTED}:
                # LockedError: somebody has taken it up meanwhile.
                with suppress(LockedError):
                    self.remove(run.execution_id)
                    removed.append(run.execution_id)
        return removed

    def _owner(self) -> LockOwner:
        host = os.uname().nodename
        return LockOwner(pid=os.getpid(), host=host, since=self._wall(), command=self._command)

    def _folder(self, run_id: str) -> Path:
        return self._home / _RUNS / run_id

    def _existing(self, run_id: str) -> Path:
        ids = self._ids()
        if run_id not in ids:
            raise _not_found(run_id, ids, [])
        return open_state_folder(self._folder(run_id))

    def _ids(self) -> set[str]:
        runs = self._home / _RUNS
        if not runs.exists() and not runs.is_symlink():
            return set()
        with storing(runs):
            folder = sub_folder(self._home, _RUNS)
            return {path.name for path in folder.iterdir() if _ID.fullmatch(path.name)}

    def _indexed(self) -> dict[str, tuple[str, RunSummary]]:
        # Where the index can't be read, the folders say the same.
        with suppress(SetupError):
            return self.history.runs() if self._ids() else {}
        return {}

    def _stamp(self, run_id: str) -> str:
        """What changes whenever a run is taken up or written to."""
        folder = self._folder(run_id)
        return " ".join(_stamp(folder / name) for name in (LOCK, FILE_NAME, f"{FILE_NAME}-wal"))

    def _summary(self, folder: Path) -> RunSummary:
        try:
            return summarise(open_state_folder(folder))
        except SetupError as error:
            return RunSummary(
                execution_id=folder.name,
                state=RunState.UNREADABLE,
                started_at=_changed_at(folder),
                problem=str(error),
            )

    def _sweep(self) -> None:
        """Delete what was left of runs that were never begun, and of removed ones."""
        runs = self._home / _RUNS
        for path in [*runs.glob(f"{UNBORN}*"), *runs.glob(f"{GONE}*")]:
            # One without a lock was made just now, or is being deleted.
            if (path / LOCK).exists() and not is_locked(path / LOCK):
                shutil.rmtree(path, ignore_errors=True)


def _stamp(path: Path) -> str:
    try:
        found = path.lstat()
    except OSError:
        return ""
    return f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


def _changed_at(folder: Path) -> float:
    try:
        return folder.lstat().st_mtime
    except OSError:
        return 0.0


def _not_found(name: str, ids: set[str], matches: list[str]) -> UsageError:
    if matches:
        named = ", ".join(sorted(matches)[:_MOST_NAMED])
        more = f" and {len(matches) - _MOST_NAMED} more" if len(matches) > _MOST_NAMED else ""
        return UsageError(f"'{name}' can mean {len(matches)} runs", hint=f"{named}{more}")
    if not ids:
        return UsageError("there are no runs yet")
    hint = did_you_mean(name, sorted(ids)) or "'cortex runs' lists them"
    return UsageError(f"there is no run '{name}'", hint=hint)
