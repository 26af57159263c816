"""A full disk and a read-only one: typed errors, and what was written stays."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

import anyio
import pytest

from cortex_cli.errors import SetupError
from cortex_cli.events import Event
from cortex_cli.kinds import ActionType
from cortex_cli.store.history import Duration, DurationKey, History
from cortex_cli.store.records import RunState
from cortex_cli.store.sqlite_cache import SqliteCache
from cortex_cli.testing.cache_contract import make_origin
from cortex_cli.testing.events import completed, warning
from cortex_cli.testing.journal_contract import Watcher
from tests.store.builders import make_end, make_record, make_store

MOUNT, UMOUNT = "/bin/mount", "/bin/umount"
NOTE = Duration(
    key=DurationKey(type=ActionType.TOOL), seconds=1.0, ended_at=1.0, execution_id="run"
)


def run_quietly(*argv: str) -> bool:
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """The root of a file system of 2 MiB."""
    root = tmp_path / "small"
    root.mkdir()
    if os.geteuid() != 0 or not Path(MOUNT).exists():
        pytest.skip("only root can mount a small file system")
    if not run_quietly(MOUNT, "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(root)):
        pytest.skip("no file system can be mounted here")
    yield root
    assert run_quietly(UMOUNT, str(root))


def fill(path: Path) -> None:
    """Leave no space."""
    with suppress(OSError), path.open("wb", buffering=0) as filler:
        while filler.write(b"x" * 4_096):
            pass


def outputs() -> Iterator[Event]:
    """Events without end, of 2 kB each."""
    return (completed(sequence, "x" * 2_000) for sequence in count(1))


async def test_on_a_full_disk_writing_ends_and_all_that_was_durable_stays(small: Path) -> None:
    store = make_store(small / "home")
    run = store.create(make_record())
    watcher = Watcher(run.journal)
    for event in outputs():
        watcher.append(event)
        await anyio.lowlevel.checkpoint()
        while run.journal.durable < event.sequence and run.journal.error is None:
            pass
        if run.journal.error is not None:
            break
    assert "free some space" in str(await watcher.until_failed())
    with pytest.raises(SetupError, match="full"):
        run.finish(make_end())
    durable = run.journal.durable
    assert durable > 100
    assert list(store.events("run1")) == list(islice(outputs(), durable))
    assert store.state("run1").state is RunState.INTERRUPTED


async def test_on_a_full_disk_a_large_output_ends_the_writing(small: Path) -> None:
    store = make_store(small / "home")
    run = store.create(make_record())
    watcher = Watcher(run.journal)
    watcher.append(warning(1))
    await watcher.until(1)
    watcher.append(completed(2, "x" * 4_000_000))
    assert "No space left on device; free some space" in str(await watcher.until_failed())
    with pytest.raises(SetupError):
        run.close()
    assert list(store.events("run1")) == [warning(1)]
    with store.reopen("run1") as run:
        run.journal.append(completed(2, "y" * 100_000))
        run.finish(make_end())
    assert store.state("run1").state is RunState.ENDED


def test_on_a_full_disk_no_run_begins_and_nothing_is_deleted(small: Path) -> None:
    store = make_store(small / "home")
    with store.create(make_record()) as run:
        run.journal.append(warning(1))
        run.finish(make_end())
    fill(small / "filler")
    with pytest.raises(SetupError, match="free some space"):
        store.create(make_record("run2"))
    assert [found.execution_id for found in store.all()] == ["run1"]
    assert list(store.events("run1")) == [warning(1)]
    told: list[str] = []
    cache = SqliteCache(small / "home")
    cache.watch(told.append)
    cache.put("a", "x" * 1_000, make_origin())
    assert len(told) == 1
    assert cache.get("a", 0.0) is None
    with pytest.raises(SetupError):
        History(small / "home").note([NOTE])


def test_a_read_only_disk_can_be_read_and_says_so_when_written(small: Path) -> None:
    home = small / "home"
    store = make_store(home)
    with store.create(make_record()) as run:
        run.journal.append(warning(1))
        run.finish(make_end())
    store.create(make_record("stopped")).close()
    history, cache = History(home), SqliteCache(home)
    history.note([NOTE])
    cache.put("a", 1, make_origin())
    cache.close()
    assert run_quietly(MOUNT, "-o", "remount,ro", str(small))
    assert [found.state.value for found in store.all()] == ["ended", "interrupted"]
    assert list(store.events("run1")) == [warning(1)]
    for write in (
        lambda: store.create(make_record("run2")),
        lambda: store.reopen("run1"),
        lambda: store.remove("run1"),
        lambda: history.note([NOTE]),
    ):
        with pytest.raises(SetupError, match="Read-only file system; set CORTEX_HOME"):
            write()
    told: list[str] = []
    cache.watch(told.append)
    assert cache.get("a", 2_000.0) is None
    cache.put("b", 1, make_origin())
    assert len(told) == 1


LIMITED = """
import sys
from pathlib import Path
from cortex_cli.errors import SetupError
from cortex_cli.testing.events import completed
from tests.store.builders import make_record, make_store
run = make_store(Path(sys.argv[1])).create(make_record())
failed = []
run.journal.watch(lambda f: f(), lambda n: None, failed.append)
for sequence in range(1, 5_000):
    run.journal.append(completed(sequence, "x" * 2_000))
    while run.journal.durable < sequence and not failed:
        pass
    if failed:
        break
try:
    run.close()
except SetupError as error:
    print(run.journal.durable, error.exit_code, failed == [error], error)
"""


def test_where_files_may_not_grow_writing_ends(tmp_path: Path) -> None:
    home = tmp_path / "home"
    limit = 512 * 1024
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(home)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    durable, code, told, error = done.stdout.split(maxsplit=3)
    assert (code, told) == ("3", "True")
    assert f"{home}/runs/run1/journal.db can't be used: " in error
    events = list(make_store(home).events("run1"))
    assert len(events) >= int(durable) > 0
