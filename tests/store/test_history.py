"""The index of runs, and what actions took."""

import subprocess
import sys
from pathlib import Path

import pytest

from cortex_cli.kinds import ActionType
from cortex_cli.store.failures import CheckpointError, NewerError
from cortex_cli.store.history import Duration, DurationKey, History, Quantiles
from tests.store.test_journal_file import change

KEY = DurationKey(type=ActionType.TOOL, target="fetch")


def took(
    seconds: float,
    *,
    key: DurationKey = KEY,
    ended_at: float = 0.0,
    ok: bool = True,
    cached: bool = False,
) -> Duration:
    return Duration(
        key=key, seconds=seconds, ended_at=ended_at, execution_id="run", ok=ok, cached=cached
    )


def test_quantiles_are_those_of_successes_that_were_not_cached(tmp_path: Path) -> None:
    history = History(tmp_path / "home")
    history.note([took(float(n), ended_at=n) for n in range(1, 12)])
    history.note([took(1_000.0, ok=False), took(0.0, cached=True)])
    history.note([took(0.0, cached=True)])
    assert history.quantiles([KEY]) == {KEY: Quantiles(count=11, p50=6.0, p90=10.0)}


def test_one_success_is_its_own_quantiles(tmp_path: Path) -> None:
    history = History(tmp_path / "home")
    history.note([took(2.5)])
    assert history.quantiles([KEY]) == {KEY: Quantiles(count=1, p50=2.5, p90=2.5)}


def test_only_the_latest_fifty_count_and_are_kept(tmp_path: Path) -> None:
    history = History(tmp_path / "home")
    history.note([took(1_000.0, ended_at=n) for n in range(100)])
    history.note([took(1.0, ended_at=1_000 + n) for n in range(50)])
    history.note([took(3.0, ok=False, ended_at=n) for n in range(70)])
    assert history.quantiles([KEY]) == {KEY: Quantiles(count=50, p50=1.0, p90=1.0)}
    with history._file.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM durations").fetchone() == (100,)
    history._file.close()


def test_what_differs_in_one_field_is_learned_apart(tmp_path: Path) -> None:
    history = History(tmp_path / "home")
    keys = [
        KEY,
        DurationKey(type=ActionType.RELIC, target="fetch"),
        DurationKey(type=ActionType.TOOL, target="fetch", operation="get"),
        DurationKey(type=ActionType.TOOL, target="fetch", identity="/tool.yaml"),
        DurationKey(type=ActionType.LLM),
    ]
    history.note([took(float(n), key=key) for n, key in enumerate(keys)])
    found = history.quantiles([*keys, DurationKey(type=ActionType.TOOL, target="other")])
    assert {key: one.p50 for key, one in found.items()} == dict(zip(keys, range(5), strict=True))


def test_nothing_is_made_by_asking(tmp_path: Path) -> None:
    history = History(tmp_path / "home")
    assert history.quantiles([KEY]) == {}
    assert history.runs() == {}
    history.note([])
    assert not (tmp_path / "home").exists()


def test_a_damaged_file_is_set_aside_and_begun_anew(tmp_path: Path) -> None:
    home = tmp_path / "home"
    history = History(home)
    history.note([took(1.0)])
    (home / "history.db").write_bytes(b"")
    assert history.quantiles([KEY]) == {}
    history.note([took(2.0)])
    assert history.quantiles([KEY])[KEY].count == 1
    assert (home / "history.db.unreadable").read_bytes() == b""


def test_a_newer_file_is_refused_and_left(tmp_path: Path) -> None:
    home = tmp_path / "home"
    History(home).note([took(1.0)])
    change(home / "history.db", "PRAGMA user_version = 9")
    with pytest.raises(NewerError, match=r"history.db.*a newer cortex"):
        History(home).quantiles([KEY])
    with pytest.raises(CheckpointError):
        History(home).note([took(1.0)])


def test_a_file_that_another_process_has_replaced_is_opened_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    one, two = History(home), History(home)
    one.note([took(1.0)])
    two.note([took(1.0)])
    (home / "history.db").unlink()
    assert one.quantiles([KEY]) == {}
    one.note([took(1.0)])
    assert two.quantiles([KEY])[KEY].count == 1


WRITER = """
import sys
from pathlib import Path
from cortex_cli.kinds import ActionType
from cortex_cli.store.history import Duration, DurationKey, History
history = History(Path(sys.argv[1]))
key = DurationKey(type=ActionType.TOOL, target=sys.argv[2])
for n in range(40):
    history.note([Duration(key=key, seconds=1.0, ended_at=float(n), execution_id="r")])
"""


def test_several_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    names = ["a", "b", "c"]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(home), name]) for name in names]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    keys = [DurationKey(type=ActionType.TOOL, target=name) for name in names]
    assert [one.count for one in History(home).quantiles(keys).values()] == [40, 40, 40]
