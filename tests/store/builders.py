"""Runs, stores and journals for the tests of state."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cortex_cli.events import Event, StateCounts
from cortex_cli.kinds import TerminationReason
from cortex_cli.store.failures import Fault, no_fault
from cortex_cli.store.journal_file import (
    FILE_NAME,
    Durability,
    JournalFile,
    create_journal_file,
)
from cortex_cli.store.journal_reader import JournalReader
from cortex_cli.store.records import RunEnded, RunRecord
from cortex_cli.store.run_folder import Writing
from cortex_cli.store.runs import RunStore
from cortex_cli.store.sqlite_journal import SqliteJournal
from cortex_cli.store.state import open_state_folder

NOW = 1_800_000_000.0


def make_record(execution_id: str = "run1", **changes: Any) -> RunRecord:
    fields: dict[str, Any] = {
        "execution_id": execution_id,
        "name": "agent",
        "kind": "Agent",
        "manifest": "/project/agent.yaml",
        "cwd": "/project",
        "started_at": NOW,
        "version": "0.1.0",
    }
    return RunRecord(**{**fields, **changes})


def make_end(reason: TerminationReason = TerminationReason.PLAN_COMPLETED) -> RunEnded:
    counts = StateCounts(completed=2)
    return RunEnded(reason=reason, exit_code=0, counts=counts, duration=1.5, ended_at=NOW + 1.5)


def make_store(
    home: Path,
    *,
    durability: Durability = "process",
    fault: Fault = no_fault,
    wall: Callable[[], float] = lambda: NOW,
) -> RunStore:
    writing = Writing(durability=durability, fault=fault)
    return RunStore(home, wall=wall, command="cortex run agent.yaml", writing=writing)


def make_folder(path: Path) -> Path:
    """A folder with a journal that holds nothing yet."""
    folder = open_state_folder(path)
    create_journal_file(folder, {})
    return folder


def open_journal(
    folder: Path,
    durability: Durability = "process",
    fault: Fault = no_fault,
    most_waiting: int = 32 * 1024 * 1024,
) -> SqliteJournal:
    return SqliteJournal(JournalFile(folder, durability, fault), most_waiting=most_waiting)


def write(folder: Path, events: Iterable[Event]) -> None:
    journal = open_journal(folder)
    for event in events:
        journal.append(event)
    journal.close()


def read(folder: Path) -> list[Event]:
    reader = JournalReader(folder)
    try:
        return list(reader.events())
    finally:
        reader.close()


def database(folder: Path) -> Path:
    return folder / FILE_NAME
