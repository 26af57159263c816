"""Caches keep the promises of the port; the one on disk survives whatever is done to it."""

import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from threading import Thread

import pytest

from cortex_cli.engine.cache import Cache
from cortex_cli.store.cache_rows import BadRowError, CacheRow, item_of
from cortex_cli.store.failures import CheckpointError
from cortex_cli.store.memory_cache import MemoryCache
from cortex_cli.store.sqlite_cache import CacheSize, SqliteCache
from cortex_cli.testing import cache_contract as contract
from cortex_cli.testing.cache_contract import make_origin
from tests.store.test_journal_file import change

LATER = 2_000.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def disk(home: Path) -> Iterator[SqliteCache]:
    cache = SqliteCache(home)
    yield cache
    cache.close()


@pytest.fixture
def warnings(disk: SqliteCache) -> list[str]:
    told: list[str] = []
    disk.watch(told.append)
    return told


@pytest.fixture(params=["memory", "disk"])
def cache(request: pytest.FixtureRequest, disk: SqliteCache) -> Cache:
    found: Cache = MemoryCache() if request.param == "memory" else disk
    found.watch(pytest.fail)
    return found


@pytest.mark.parametrize(
    "check",
    [
        contract.check_outputs_come_back_as_they_were,
        contract.check_what_is_not_there_is_a_miss,
        contract.check_entries_expire,
        contract.check_the_latest_output_counts,
        contract.check_outputs_are_not_shared,
    ],
)
def test_every_cache_keeps_its_promises(cache: Cache, check: Callable[[Cache], None]) -> None:
    check(cache)


def blobs(home: Path) -> list[Path]:
    return sorted((home / "cache" / "blobs").iterdir())


def test_entries_are_there_for_other_processes_and_private(home: Path, disk: SqliteCache) -> None:
    disk.put("a", "x" * 100_000, make_origin())
    with closing(SqliteCache(home)) as other:
        found = other.get("a", LATER)
    assert found is not None
    assert found.output == "x" * 100_000
    modes = {stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*")}
    assert modes == {0o700, 0o600}


def test_asking_makes_nothing(home: Path, disk: SqliteCache) -> None:
    assert disk.get("a", LATER) is None
    assert disk.entries() == []
    assert disk.nearest(make_origin().subject) is None
    assert (disk.size(), disk.remove(["a"]), disk.clear()) == (CacheSize(0, 0), 0, 0)
    assert not home.exists()


POISON = [
    "UPDATE entries SET output = '2'",
    "UPDATE entries SET output = x'32'",
    "UPDATE entries SET output = NULL",
    "UPDATE entries SET key = 'b', seal = seal",
    "UPDATE entries SET made_at = 5.0",
    "UPDATE entries SET parts = '{}'",
    "UPDATE entries SET type = 'surprise'",
    "UPDATE entries SET sha256 = 'zz', seal = 'zz'",
]


@pytest.mark.parametrize("poison", POISON)
def test_a_poisoned_row_is_a_miss_and_said_once(
    home: Path, disk: SqliteCache, warnings: list[str], poison: str
) -> None:
    disk.put("a", 1, make_origin())
    change(home / "cache" / "cache.db", poison)
    key = "b" if "'b'" in poison else "a"
    assert disk.get(key, LATER) is None
    assert disk.get(key, LATER) is None
    assert len(warnings) == 1
    assert warnings[0].startswith("a cached output was not used, and is dropped: ")
    disk.put(key, 3, make_origin())
    found = disk.get(key, LATER)
    assert found is not None
    assert found.output == 3


def test_rows_that_only_seem_whole_are_bad() -> None:
    row = CacheRow(
        "k", "surprise", None, None, "a", "r", 1.0, None, b"{}", b"1", "x", 1, ""
    ).sealed()
    with pytest.raises(BadRowError, match="surprise"):
        item_of(row)
    with pytest.raises(BadRowError):
        item_of(row._replace(type="tool", parts=b"[").sealed())


def test_an_output_that_is_no_json_is_a_miss(disk: SqliteCache, warnings: list[str]) -> None:
    disk.put("a", 1, make_origin())
    with disk._file.transaction() as connection:
        row = CacheRow(*connection.execute("SELECT * FROM entries").fetchone())
        bad = row._replace(output=b"[", sha256=sha256(b"[").hexdigest()).sealed()
        connection.execute(
            "UPDATE entries SET output = ?, sha256 = ?, seal = ?",
            (bad.output, bad.sha256, bad.seal),
        )
    assert disk.get("a", LATER) is None
    assert len(warnings) == 1


def test_a_large_output_that_is_missing_or_changed_is_a_miss(
    home: Path, disk: SqliteCache, warnings: list[str]
) -> None:
    disk.put("a", "a" * 100_000, make_origin())
    blobs(home)[0].unlink()
    assert disk.get("a", LATER) is None
    disk.put("b", "b" * 100_000, make_origin())
    blobs(home)[0].write_text("x")
    assert disk.get("b", LATER) is None
    assert len(warnings) == 2


def test_an_output_that_was_spoiled_is_made_whole_by_the_next_run(
    home: Path, disk: SqliteCache
) -> None:
    disk.put("a", "x" * 100_000, make_origin())
    blobs(home)[0].write_text("x")
    assert disk.get("a", LATER) is None
    disk.put("a", "x" * 100_000, make_origin())
    assert disk.get("a", LATER) is not None
    with closing(SqliteCache(home)) as other:
        other.clear()
    disk.put("a", "x" * 100_000, make_origin())
    assert disk.get("a", LATER) is not None


def test_a_miss_is_explained_by_the_latest_entry_expired_or_not(disk: SqliteCache) -> None:
    subject = make_origin().subject
    disk.put("a", 1, make_origin(made_at=1_000.0, inputs="old"))
    disk.put("b", 1, make_origin(made_at=1_500.0, ttl_seconds=1.0, inputs="new"))
    disk.put("c", 1, make_origin("other", made_at=1_900.0))
    found = disk.nearest(subject)
    assert found is not None
    assert (found.key, found.origin.parts["inputs"]) == ("b", "new")
    assert found.origin.is_expired(LATER)
    assert disk.nearest(make_origin("unknown").subject) is None


def test_what_expired_long_ago_is_dropped(disk: SqliteCache) -> None:
    week = 7 * 24 * 3600.0
    disk.put("a", 1, make_origin(made_at=0.0, ttl_seconds=10.0))
    disk.put("b", 1, make_origin(made_at=week))
    assert disk.size().entries == 2
    disk.put("c", 1, make_origin(made_at=week + 11))
    assert [item.key for item in disk.entries()] == ["c", "b"]


def test_entries_are_listed_removed_and_cleared_with_their_files(
    home: Path, disk: SqliteCache
) -> None:
    disk.put("a", "x" * 100_000, make_origin(made_at=1.0))
    disk.put("b", "x" * 100_000, make_origin(made_at=2.0))
    disk.put("c", "y" * 100_000, make_origin(made_at=3.0))
    disk.put("d", None, make_origin(made_at=4.0))
    assert [(item.key, item.size) for item in disk.entries()] == [
        ("d", 4), ("c", 100_002), ("b", 100_002), ("a", 100_002),
    ]  # fmt: skip
    assert disk.size() == CacheSize(4, 300_010)
    assert len(blobs(home)) == 2
    assert disk.remove(["a", "c", "unknown"]) == 2
    assert len(blobs(home)) == 1
    assert disk.get("b", LATER) is not None
    assert disk.clear() == 2
    assert blobs(home) == []
    assert disk.size() == CacheSize(0, 0)


def test_a_bad_row_is_not_listed(home: Path, disk: SqliteCache) -> None:
    disk.put("a", 1, make_origin())
    change(home / "cache" / "cache.db", "UPDATE entries SET made_at = 5.0")
    assert disk.entries() == []


def test_a_file_that_can_not_be_read_is_cleared_where_there_are_no_large_outputs(
    home: Path, disk: SqliteCache
) -> None:
    disk.put("a", 1, make_origin())
    disk.close()
    (home / "cache" / "cache.db").write_bytes(b"")
    assert disk.clear() == 0
    assert disk.size() == CacheSize(0, 0)


@pytest.mark.parametrize("content", [b"", b"garbage" * 1_000], ids=["empty", "garbage"])
def test_a_file_that_can_not_be_read_is_a_miss_until_it_is_cleared(
    home: Path, disk: SqliteCache, warnings: list[str], content: bytes
) -> None:
    disk.put("a", "x" * 100_000, make_origin())
    disk.close()
    path = home / "cache" / "cache.db"
    path.write_bytes(content)
    for _ in range(2):
        assert disk.get("a", LATER) is None
        disk.put("a", 1, make_origin())
    assert path.read_bytes() == content
    assert len(warnings) == 1
    assert "'cortex cache clear' makes a new one" in warnings[0]
    with pytest.raises(CheckpointError):
        disk.entries()
    assert disk.clear() == 0
    assert blobs(home) == []
    disk.put("a", 1, make_origin())
    assert disk.get("a", LATER) is not None


def test_a_cache_that_can_not_be_used_fails_nothing(
    home: Path, disk: SqliteCache, warnings: list[str]
) -> None:
    disk.put("a", 1, make_origin())
    (home / "cache").chmod(0o755)
    assert disk.get("a", LATER) is None
    disk.put("b", 1, make_origin())
    assert len(warnings) == 1
    assert "open to other users" in warnings[0]


def test_what_is_no_json_is_refused(disk: SqliteCache) -> None:
    with pytest.raises(TypeError):
        disk.put("a", object(), make_origin())


def test_any_thread_may_use_it(disk: SqliteCache) -> None:
    def put(number: int) -> None:
        for turn in range(20):
            disk.put(f"{number}-{turn}", turn, make_origin())

    threads = [Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert disk.size().entries == 80


def test_a_file_that_another_process_has_replaced_is_opened_again(
    home: Path, disk: SqliteCache
) -> None:
    other = SqliteCache(home)
    disk.put("a", 1, make_origin())
    assert other.get("a", LATER) is not None
    (home / "cache" / "cache.db").unlink()
    disk.put("b", 1, make_origin())
    assert other.get("a", LATER) is None
    assert other.get("b", LATER) is not None
    other.close()


def test_a_file_without_its_table_is_a_miss(
    home: Path, disk: SqliteCache, warnings: list[str]
) -> None:
    disk.put("a", 1, make_origin())
    change(home / "cache" / "cache.db", "ALTER TABLE entries RENAME TO others")
    assert disk.get("a", LATER) is None
    assert "no such table" in warnings[0]
    change(home / "cache" / "cache.db", "ALTER TABLE others RENAME TO entries")
    assert disk.get("a", LATER) is not None
