"""Runs on disk: begun, taken up again, found, listed, removed."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cortex_cli.errors import SetupError, UsageError
from cortex_cli.kinds import TerminationReason
from cortex_cli.store.failures import CheckpointError, Point
from cortex_cli.store.journal_file import Durability
from cortex_cli.store.locks import LockedError
from cortex_cli.store.records import RunOptions, RunState
from cortex_cli.store.run_folder import OpenRun
from cortex_cli.store.runs import RunStore, _changed_at
from cortex_cli.testing.events import one_of_each, warning
from cortex_cli.testing.faults import FailAt
from tests.store.builders import NOW, make_end, make_record, make_store
from tests.store.test_journal_file import change


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> RunStore:
    return make_store(home)


def synchronous(run: OpenRun) -> int:
    """What SQLite waits for: 1 for nothing in between, 2 for the disk after each transaction."""
    connection = run.journal._file._connection
    return connection.execute("PRAGMA synchronous").fetchone()[0]


def test_what_events_survive_is_said_for_each_part_of_a_run(store: RunStore) -> None:
    with store.create(make_record()) as run:
        assert synchronous(run) == 1
    with store.reopen("run1", "power") as run:
        assert synchronous(run) == 2
    with store.create(make_record("run2"), "power") as run:
        assert synchronous(run) == 2


NO_UTF_8 = b'{"execution_id": "\xff"}'


def ended(store: RunStore, run_id: str, **changes: Any) -> None:
    """A run that has two events and an end."""
    with store.create(make_record(run_id, **changes)) as run:
        run.journal.append(warning(1))
        run.journal.append(warning(2))
        run.finish(make_end())


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_run_is_kept_with_all_that_was_said_of_it(home: Path, durability: Durability) -> None:
    store = make_store(home, durability=durability)
    record = make_record(
        manifest=None,
        manifest_text="kind: Agent",
        root="/project",
        inputs={"topic": "ü", "key": "***"},
        options=RunOptions(max_parallel="auto", only=("a",), start_from=("b",), cache=True),
        digests={"outer/act": "ab12"},
        parent="run0",
    )
    with store.create(record) as run:
        for event in one_of_each():
            run.journal.append(event)
        assert store.record("run1") == record
        run.finish(make_end())
    assert list(store.events("run1")) == one_of_each()
    assert list(store.events("run1", after=24)) == one_of_each()[24:]
    again = store.record("run1")
    assert again.ended == msgspec.structs.replace(make_end(), sequence=25)
    assert msgspec.structs.replace(again, ended=None) == record
    assert store.state("run1").state is RunState.ENDED


def test_all_that_is_made_is_private(home: Path, store: RunStore) -> None:
    before = os.umask(0)
    try:
        ended(store, "run1")
        store.all()
        run = store.reopen("run1")
    finally:
        os.umask(before)
    modes = {
        str(path.relative_to(home)): stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*")
    }
    assert {name: mode for name, mode in modes.items() if mode not in {0o700, 0o600}} == {}
    assert {"runs/run1/lock", "runs/run1/journal.db", "runs/run1/work", "history.db"} <= {*modes}
    assert run.work == home / "runs" / "run1" / "work"
    assert run.folder == store.folder("run1") == home / "runs" / "run1"
    run.close()


def test_a_run_that_is_written_is_running_and_has_an_owner(store: RunStore) -> None:
    with store.create(make_record()) as run:
        found = store.state("run1")
        assert found.state is RunState.RUNNING
        assert found.owner is not None
        assert (found.owner.pid, found.owner.command) == (os.getpid(), "cortex run agent.yaml")
        with pytest.raises(LockedError, match=f"written by process {os.getpid()} on "):
            store.reopen("run1")
        with pytest.raises(LockedError):
            store.remove("run1")
        assert run.journal.append(warning(1)) is False
    assert store.state("run1").state is RunState.INTERRUPTED
    assert store.record("run1").ended is None


def test_an_end_without_all_that_came_before_it_is_found(store: RunStore) -> None:
    ended(store, "run1")
    path = store.folder("run1") / "journal.db"
    change(path, "DELETE FROM events")
    with pytest.raises(CheckpointError, match="events 1 to 2 are missing"):
        store.record("run1")
    assert [(run.execution_id, run.state) for run in store.all()] == [
        ("run1", RunState.UNREADABLE),
    ]


def test_a_run_that_is_taken_up_again_has_no_end_until_it_ends_again(store: RunStore) -> None:
    ended(store, "run1")
    with store.reopen("run1") as run:
        assert [event.sequence for event in run.events()] == [1, 2]
        assert run.record.ended is not None
        assert store.state("run1").state is RunState.RUNNING
    assert store.state("run1").state is RunState.ENDED
    with store.reopen("run1") as run:
        run.amend(msgspec.structs.replace(run.record, digests={"act": "new"}))
        run.journal.append(warning(3))
    assert store.state("run1").state is RunState.INTERRUPTED
    assert store.record("run1").digests == {"act": "new"}
    with store.reopen("run1") as run:
        assert run.record.ended is None
        run.finish(make_end(TerminationReason.ACTION_FAILED))
        run.close()
    found = store.record("run1").ended
    assert found is not None
    assert (found.reason, found.sequence) == (TerminationReason.ACTION_FAILED, 3)


def test_a_record_is_not_amended_while_events_wait(store: RunStore) -> None:
    with store.create(make_record()) as run:
        run.journal.append(warning(1))
        run.journal.append(warning(2))
        if run.journal.durable < 2:
            with pytest.raises(ValueError, match="while events wait"):
                run.amend(run.record)


@pytest.mark.parametrize("point", ["run.made", "run.recorded"])
def test_a_run_that_could_not_be_begun_leaves_nothing(home: Path, point: Point) -> None:
    store = make_store(home, fault=FailAt(point, errno.ENOSPC))
    with pytest.raises(SetupError, match="run1 can't be used: No space left on device; free some"):
        store.create(make_record())
    assert list((home / "runs").iterdir()) == []
    assert store.all() == []


def test_a_run_that_failed_once_it_had_its_name_is_kept(home: Path) -> None:
    store = make_store(home, fault=FailAt("run.named", errno.EIO))
    with pytest.raises(SetupError, match="Input/output error"):
        store.create(make_record())
    assert [run.state for run in store.all()] == [RunState.INTERRUPTED]


@pytest.mark.parametrize("run_id", ["", "../x", "A", "last run", "a" * 65])
def test_an_id_that_is_none_is_refused(store: RunStore, run_id: str) -> None:
    with pytest.raises(ValueError, match="no id for a new run"):
        store.create(make_record(run_id))


def test_two_runs_do_not_share_an_id(store: RunStore) -> None:
    ended(store, "run1")
    with pytest.raises(ValueError, match="no id for a new run"):
        store.create(make_record("run1"))


def test_runs_are_found_by_id_by_a_beginning_and_as_the_last_one(store: RunStore) -> None:
    ended(store, "abc1", started_at=NOW)
    ended(store, "abd2", started_at=NOW + 5)
    ended(store, "ab", started_at=NOW + 1)
    assert store.find("abc") == "abc1"
    assert store.find("ab") == "ab"
    assert store.find("last") == "abd2"
    with pytest.raises(UsageError, match=r"'a' can mean 3 runs; ab, abc1, abd2$"):
        store.find("a")
    with pytest.raises(UsageError, match="there is no run 'xabc1'; did you mean 'abc1'"):
        store.find("xabc1")
    with pytest.raises(UsageError, match="there is no run ''; 'cortex runs' lists them"):
        store.find("")
    for name in ("abe1", "abe2", "abe3", "abe4"):
        ended(store, name)
    with pytest.raises(UsageError, match=r"can mean 7 runs; ab, .* and 2 more"):
        store.find("a")


@pytest.mark.parametrize("name", ["last", "x", ""])
def test_where_there_are_no_runs_that_is_said(home: Path, store: RunStore, name: str) -> None:
    with pytest.raises(UsageError, match="there are no runs yet"):
        store.find(name)
    with pytest.raises(UsageError, match="there are no runs yet"):
        store.record("../../etc")
    assert store.all() == []
    assert not home.exists()


def test_runs_are_listed_the_newest_first_and_unreadable_ones_with_the_reason(
    home: Path, store: RunStore
) -> None:
    ended(store, "old", started_at=NOW)
    ended(store, "new", started_at=NOW + 10)
    store.create(make_record("stopped", started_at=NOW + 5)).close()
    ended(store, "broken")
    path = home / "runs" / "broken" / "journal.db"
    path.write_bytes(b"garbage" * 1_000)
    os.utime(home / "runs" / "broken", (NOW + 7, NOW + 7))
    (home / "runs" / "half").mkdir(0o700)
    os.utime(home / "runs" / "half", (NOW + 6, NOW + 6))
    for runs in (store.all(), store.all()):
        assert [(run.execution_id, run.state.value) for run in runs] == [
            ("new", "ended"), ("broken", "unreadable"), ("half", "unreadable"),
            ("stopped", "interrupted"), ("old", "ended"),
        ]  # fmt: skip
        assert "file is not a database" in str(runs[1].problem)
        assert "there is no journal" in str(runs[2].problem)
        assert (runs[0].name, runs[0].manifest) == ("agent", "/project/agent.yaml")
    assert path.read_bytes() == b"garbage" * 1_000
    with pytest.raises(CheckpointError):
        store.record("broken")
    with pytest.raises(CheckpointError):
        store.reopen("broken")


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ("DELETE FROM meta", "it has no record of its run"),
        (
            "UPDATE meta SET value = x'7b7d' WHERE key = 'record'",
            "the record of its run is damaged",
        ),
        ("UPDATE meta SET value = x'7b' WHERE key = 'ended'", "the record of its run is damaged"),
        (f"UPDATE meta SET value = x'{NO_UTF_8.hex()}' WHERE key = 'record'", "damaged: .*utf-8"),
    ],
)
def test_a_record_that_is_damaged_is_refused(
    home: Path, store: RunStore, meta: str, reason: str
) -> None:
    ended(store, "run1")
    change(home / "runs" / "run1" / "journal.db", meta)
    with pytest.raises(CheckpointError, match=reason):
        store.record("run1")
    with pytest.raises(CheckpointError, match=reason):
        store.reopen("run1")
    assert store.all()[0].state is RunState.UNREADABLE


def test_the_list_follows_a_run_that_is_taken_up_again(home: Path, store: RunStore) -> None:
    ended(store, "run1")
    other = make_store(home)
    assert other.all()[0].state is RunState.ENDED
    with store.reopen("run1") as run:
        assert other.all()[0].state is RunState.RUNNING
        run.journal.append(warning(3))
    assert other.all()[0].state is RunState.INTERRUPTED


def test_the_list_needs_no_index(home: Path, store: RunStore) -> None:
    for number in range(3):
        ended(store, f"run{number}", started_at=NOW + number)
    expected = store.all()
    assert len(expected) == 3
    index = home / "history.db"
    index.write_bytes(b"garbage")
    assert store.all() == expected
    assert (home / "history.db.unreadable").read_bytes() == b"garbage"
    change(index, "UPDATE runs SET summary = x'00' WHERE execution_id = 'run1'")
    assert store.all() == expected
    change(index, "PRAGMA user_version = 99")
    before = index.read_bytes()
    assert store.all() == expected
    assert index.read_bytes() == before
    index.unlink()
    assert store.all() == expected
    assert index.exists()


def test_a_folder_of_runs_that_others_can_read_is_refused(home: Path, store: RunStore) -> None:
    ended(store, "run1")
    (home / "runs" / "run1").chmod(0o755)
    assert "open to other users" in str(store.all()[0].problem)
    (home / "runs").chmod(0o755)
    with pytest.raises(SetupError, match="open to other users"):
        store.all()
    (home / "runs").rename(home / "moved")
    (home / "runs").symlink_to(home / "moved")
    with pytest.raises(SetupError, match="is a symlink"):
        store.create(make_record("run2"))


def test_a_folder_that_is_removed_while_runs_are_listed_is_unreadable(home: Path) -> None:
    store = make_store(home)
    ended(store, "run1")
    (home / "runs" / "run2").symlink_to(home / "nowhere")
    found = {run.execution_id: run.state for run in store.all()}
    assert found == {"run1": RunState.ENDED, "run2": RunState.UNREADABLE}
    assert _changed_at(home / "runs" / "run3") == 0.0


def test_a_run_is_removed_also_where_it_can_not_be_read(home: Path, store: RunStore) -> None:
    ended(store, "run1")
    ended(store, "run2")
    store.all()
    (home / "runs" / "run1" / "journal.db").write_bytes(b"")
    store.remove("run1")
    assert [run.execution_id for run in store.all()] == ["run2"]
    assert list(store.history.runs()) == ["run2"]
    with pytest.raises(UsageError, match="there is no run 'run1'; did you mean 'run2'"):
        store.remove("run1")


def test_pruning_leaves_what_is_new_what_runs_and_what_is_unreadable(
    home: Path, store: RunStore
) -> None:
    for number in range(4):
        ended(store, f"run{number}", started_at=NOW + number)
    store.create(make_record("stopped", started_at=NOW - 1)).close()
    running = store.create(make_record("running", started_at=NOW - 2))
    (home / "runs" / "broken").mkdir(0o700)
    os.utime(home / "runs" / "broken", (1, 1))
    assert store.prune() == []
    assert store.prune(older_than=NOW + 1, keep=4) == ["stopped"]
    assert store.prune(older_than=NOW + 1) == ["run0"]
    assert store.prune(keep=1) == ["run2", "run1"]
    assert [run.execution_id for run in store.all()] == ["run3", "running", "broken"]
    running.close()


def test_pruning_sweeps_up_what_was_left_behind(home: Path, store: RunStore) -> None:
    ended(store, "run1")
    runs = home / "runs"
    for name in (".gone-a", ".new-b", ".new-c"):
        (runs / name).mkdir(0o700)
        if name != ".new-c":
            (runs / name / "lock").touch(0o600)
    assert [run.execution_id for run in store.all()] == ["run1"]
    store.prune()
    assert sorted(path.name for path in runs.iterdir()) == [".new-c", "run1"]


def test_a_run_that_somebody_takes_up_meanwhile_is_not_pruned(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(store, "run1")
    listed = store.all()
    with store.reopen("run1"):
        monkeypatch.setattr(store, "all", lambda: listed)
        assert store.prune(keep=0) == []
