import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex_cli.actions import kv_file
from cortex_cli.actions.kv_file import KvFile
from cortex_cli.actions.relic_kv import EmbeddedRelic, store_path
from cortex_cli.errors import ActionError
from cortex_cli.testing import FakeClock, make_call
from cortex_cli.testing.handler_contract import (
    check_attempts_do_not_mix,
    check_cancellation_is_prompt,
    check_failure_is_an_action_error,
    check_output_is_json,
)

NAUGHTY = [
    "",
    "\x00",
    "a\x00b",
    "\x1b[2J",
    "\u202eevil",
    "zero\u200bwidth",
    "e\u0301",
    "é",
    "ÅΩ≈ç√",
    "田中さん",
    "👩‍👩‍👧‍👦",
    "\U0010ffff",
    "'; DROP TABLE entries; --",
    "%s%n",
    "_%",
    "${secrets.KEY}",
    "\r\n\t ",
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def relic(tmp_path: Path, clock: FakeClock) -> AsyncGenerator[EmbeddedRelic]:
    relic = make_relic(tmp_path, clock)
    yield relic
    await relic.aclose()


def make_relic(folder: Path, clock: FakeClock | None = None) -> EmbeddedRelic:
    return EmbeddedRelic(
        "Results", state_folder=folder, identity="/m/relic.yaml", clock=clock or FakeClock()
    )


def file_of(folder: Path) -> Path:
    return store_path(folder, "Results", "/m/relic.yaml")


async def perform(relic: EmbeddedRelic, operation: str, **parameters: Any) -> Any:
    return await relic.run(make_call(parameters, operation=operation))


async def test_what_was_set_is_got(relic: EmbeddedRelic) -> None:
    value = {"facts": [1, 2.5, None, True, "ü"], "n": 2**70}
    assert await perform(relic, "set_value", key="k", value=value) == {
        "success": True,
        "key": "k",
    }
    assert await perform(relic, "get_value", key="k") == {
        "success": True,
        "key": "k",
        "value": value,
    }


async def test_a_value_is_replaced(relic: EmbeddedRelic) -> None:
    await perform(relic, "set_value", key="k", value=1)
    await perform(relic, "set_value", key="k", value=None)
    assert await perform(relic, "get_value", key="k", default=3) == {
        "success": True,
        "key": "k",
        "value": None,
    }


async def test_a_missing_key_is_data_with_the_default(relic: EmbeddedRelic) -> None:
    assert await perform(relic, "get_value", key="k") == {
        "success": False,
        "key": "k",
        "value": None,
    }
    assert (await perform(relic, "get_value", key="k", default=[1]))["value"] == [1]
    assert await perform(relic, "delete_value", key="k") == {"success": False, "key": "k"}


async def test_a_deleted_key_is_gone(relic: EmbeddedRelic) -> None:
    await perform(relic, "set_value", key="k", value=1)
    assert await perform(relic, "delete_value", key="k") == {"success": True, "key": "k"}
    assert not (await perform(relic, "get_value", key="k"))["success"]


async def test_keys_are_listed_in_order_by_prefix_and_up_to_the_limit(
    relic: EmbeddedRelic,
) -> None:
    for key in ("b", "a/2", "a/1", "a/é", "a", "", "a0"):
        await perform(relic, "set_value", key=key, value=1)
    listed = await perform(relic, "list_keys")
    assert listed == {
        "success": True,
        "keys": ["", "a", "a/1", "a/2", "a/é", "a0", "b"],
        "truncated": False,
    }
    assert (await perform(relic, "list_keys", prefix="a/"))["keys"] == ["a/1", "a/2", "a/é"]
    assert await perform(relic, "list_keys", prefix="a", limit=2) == {
        "success": True,
        "keys": ["a", "a/1"],
        "truncated": True,
    }
    assert not (await perform(relic, "list_keys", prefix="a/", limit=3))["truncated"]


async def test_a_value_is_gone_when_its_time_is_up(relic: EmbeddedRelic, clock: FakeClock) -> None:
    await perform(relic, "set_value", key="short", value=1, ttl=10)
    await perform(relic, "set_value", key="long", value=2, ttl=10.5)
    await perform(relic, "set_value", key="ever", value=3, ttl=None)
    clock.advance(10)
    assert not (await perform(relic, "get_value", key="short"))["success"]
    assert (await perform(relic, "get_value", key="long"))["value"] == 2
    assert (await perform(relic, "list_keys"))["keys"] == ["ever", "long"]
    clock.advance(1)
    assert await perform(relic, "delete_value", key="long") == {"success": False, "key": "long"}
    await perform(relic, "set_value", key="short", value=4)
    clock.advance(1e6)
    assert (await perform(relic, "get_value", key="short"))["value"] == 4


async def test_what_has_expired_takes_no_room(
    relic: EmbeddedRelic, clock: FakeClock, tmp_path: Path
) -> None:
    for number in range(5):
        await perform(relic, "set_value", key=str(number), value=number, ttl=1)
    clock.advance(2)
    await perform(relic, "set_value", key="new", value=1)
    await relic.aclose()
    connection = sqlite3.connect(file_of(tmp_path))
    assert connection.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize("text", NAUGHTY)
async def test_any_text_is_stored_unchanged(relic: EmbeddedRelic, text: str) -> None:
    await perform(relic, "set_value", key=text, value={text: [text]})
    assert (await perform(relic, "get_value", key=text))["value"] == {text: [text]}
    assert (await perform(relic, "list_keys", prefix=text))["keys"] == [text]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(entries=st.dictionaries(TEXT, JSON, max_size=5), prefix=TEXT)
def test_the_store_is_a_mapping(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, Any], prefix: str
) -> None:
    folder = tmp_path_factory.mktemp("state")

    async def store_and_read() -> None:
        relic = make_relic(folder)
        for key, value in entries.items():
            await perform(relic, "set_value", key=key, value=value)
        for key, value in entries.items():
            assert (await perform(relic, "get_value", key=key))["value"] == value
        listed = await perform(relic, "list_keys", prefix=prefix)
        assert listed["keys"] == sorted(key for key in entries if key.startswith(prefix))
        await relic.aclose()

    anyio.run(store_and_read)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("set_value", {"key": "\ud800", "value": 1}),
        ("set_value", {"key": "k", "value": "\udfff"}),
        ("set_value", {"key": "k", "value": float("nan")}),
        ("set_value", {"key": "k", "value": {1, 2}}),
        ("set_value", {"key": "k", "value": 1, "ttl": 0}),
        ("set_value", {"key": "k", "value": 1, "ttl": "10"}),
        ("set_value", {"key": "k"}),
        ("get_value", {"key": 1}),
        ("list_keys", {"limit": 0}),
        ("drop_all", {}),
    ],
)
async def test_what_can_not_be_stored_or_asked_is_refused(
    relic: EmbeddedRelic, operation: str, parameters: dict[str, Any]
) -> None:
    error = await check_failure_is_an_action_error(
        relic, make_call(parameters, operation=operation)
    )
    assert error.error_type in {"parameters", "operation"}
    assert not error.retryable


async def test_a_value_nested_too_deep_is_refused(relic: EmbeddedRelic) -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ActionError, match="no JSON"):
        await perform(relic, "set_value", key="k", value=value)


async def test_the_store_outlives_the_process_that_wrote_it(tmp_path: Path) -> None:
    first = make_relic(tmp_path)
    await perform(first, "set_value", key="k", value=1)
    await first.aclose()
    await first.aclose()
    KvFile(file_of(tmp_path)).close()
    assert (await perform(first, "get_value", key="k"))["value"] == 1
    await first.aclose()
    second = make_relic(tmp_path)
    assert (await perform(second, "get_value", key="k"))["value"] == 1
    await second.aclose()


async def test_folder_and_files_are_private(relic: EmbeddedRelic, tmp_path: Path) -> None:
    await perform(relic, "set_value", key="k", value=1)
    folder = tmp_path / "relics"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(modes) >= 3
    assert set(modes.values()) == {0o600}


def test_relics_of_one_name_have_files_of_their_own(tmp_path: Path) -> None:
    one, other = store_path(tmp_path, "A b", "/x"), store_path(tmp_path, "A b", "/y")
    assert one != other
    assert one.name.startswith("a_b-")
    assert store_path(tmp_path, "田中", "/x").name.startswith("relic-")
    assert len(store_path(tmp_path, "x" * 1_000, "/x").name) < 100


WRITER = """
import sys, anyio
from pathlib import Path
from cortex_cli.actions.relic_kv import EmbeddedRelic
from cortex_cli.testing import FakeClock, make_call

async def main():
    folder, name = Path(sys.argv[1]), sys.argv[2]
    for start in range(0, 40, 10):
        relic = EmbeddedRelic(
            "Results", state_folder=folder, identity="/m/relic.yaml", clock=FakeClock()
        )
        for number in range(start, start + 10):
            parameters = {"key": f"{name}{number}", "value": number}
            await relic.run(make_call(parameters, operation="set_value"))
        await relic.aclose()

anyio.run(main)
"""


async def test_two_processes_may_write_at_once(relic: EmbeddedRelic, tmp_path: Path) -> None:
    async with anyio.create_task_group() as tasks:
        for name in "ab":
            command = [sys.executable, "-c", WRITER, str(tmp_path), name]
            tasks.start_soon(anyio.run_process, command)
        for number in range(20):
            await perform(relic, "set_value", key=f"own{number}", value=number)
    keys = (await perform(relic, "list_keys"))["keys"]
    expected = [f"{name}{number}" for name in "ab" for number in range(40)]
    assert sorted(keys) == sorted([*expected, *(f"own{number}" for number in range(20))])


async def test_a_writer_that_was_killed_leaves_the_store_whole(tmp_path: Path) -> None:
    code = WRITER.replace("await relic.aclose()", "import os; os.kill(os.getpid(), 9)")
    command = [sys.executable, "-c", code, str(tmp_path), "k"]
    process = await anyio.run_process(command, check=False, stderr=subprocess.DEVNULL)
    assert process.returncode == -9
    relic = make_relic(tmp_path)
    assert len((await perform(relic, "list_keys"))["keys"]) == 10
    await relic.aclose()


@pytest.mark.parametrize(
    "content", [b"garbage " * 1_000, b"SQLite format 3\x00" + b"\xff" * 5_000], ids=["text", "torn"]
)
async def test_a_file_that_can_not_be_read_is_named_and_left_as_it_is(
    relic: EmbeddedRelic, tmp_path: Path, content: bytes
) -> None:
    path = file_of(tmp_path)
    path.parent.mkdir(0o700)
    path.write_bytes(content)
    error = await check_failure_is_an_action_error(
        relic, make_call({"key": "k"}, operation="get_value")
    )
    assert error.error_type == "store"
    assert str(path) in str(error)
    assert path.read_bytes() == content


async def test_a_store_cut_short_is_left_as_it_is(relic: EmbeddedRelic, tmp_path: Path) -> None:
    for number in range(50):
        await perform(relic, "set_value", key=str(number), value="x" * 1_000)
    await relic.aclose()
    path = file_of(tmp_path)
    content = path.read_bytes()[:9_000]
    path.write_bytes(content)

    async def read_all() -> None:
        for number in range(50):
            await perform(relic, "get_value", key=str(number))

    with pytest.raises(ActionError, match="left as it is") as caught:
        await read_all()
    assert caught.value.error_type == "store"
    assert path.read_bytes() == content


async def test_an_empty_file_is_a_store_that_was_never_begun(
    relic: EmbeddedRelic, tmp_path: Path
) -> None:
    path = file_of(tmp_path)
    path.parent.mkdir(0o700)
    path.touch(0o600)
    assert (await perform(relic, "list_keys"))["keys"] == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("CREATE TABLE other (x)", "not a store of cortex"),
        ("PRAGMA user_version = 99", "written by a newer cortex"),
    ],
)
async def test_a_store_of_something_else_is_refused(
    relic: EmbeddedRelic, tmp_path: Path, script: str, reason: str
) -> None:
    path = file_of(tmp_path)
    path.parent.mkdir(0o700)
    if "user_version" in script:
        await perform(relic, "set_value", key="k", value=1)
        await relic.aclose()
    connection = sqlite3.connect(path)
    connection.execute(script)
    connection.close()
    with pytest.raises(ActionError, match=reason):
        await perform(relic, "set_value", key="k", value=1)


async def test_a_symlink_in_place_of_the_file_is_refused(
    relic: EmbeddedRelic, tmp_path: Path
) -> None:
    path = file_of(tmp_path)
    path.parent.mkdir(0o700)
    (tmp_path / "target").touch()
    path.symlink_to(tmp_path / "target")
    with pytest.raises(ActionError, match="Too many levels of symbolic links") as caught:
        await perform(relic, "get_value", key="k")
    assert caught.value.error_type == "store"


async def test_a_state_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(ActionError, match="Not a directory"):
        await perform(make_relic(tmp_path / "state"), "get_value", key="k")


async def test_a_full_disk_is_an_error_and_the_store_goes_on_after_it(
    relic: EmbeddedRelic,
) -> None:
    await perform(relic, "set_value", key="k", value=1)
    connection = relic._file._connection
    assert connection is not None
    connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(ActionError, match="full") as caught:
        await perform(relic, "set_value", key="big", value="x" * 100_000)
    assert caught.value.retryable
    assert (await perform(relic, "get_value", key="k"))["value"] == 1
    await perform(relic, "set_value", key="big", value="x" * 100_000)


async def test_a_store_that_stays_in_use_is_an_error(
    relic: EmbeddedRelic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kv_file, "_POLLS", 3)
    async with KvFile(file_of(tmp_path)).exclusive():
        with pytest.raises(ActionError, match="in use by another process") as caught:
            await perform(relic, "get_value", key="k")
    assert caught.value.retryable


async def test_it_keeps_the_contract_of_handlers(relic: EmbeddedRelic, tmp_path: Path) -> None:
    calls = [
        make_call({"key": str(number), "value": number}, operation="set_value")
        for number in range(5)
    ]
    await check_output_is_json(relic, calls[0])
    await check_attempts_do_not_mix(relic, calls)
    async with KvFile(file_of(tmp_path)).exclusive():
        await check_cancellation_is_prompt(
            relic, calls[0], when_running=relic._turn.locked, leaves_nothing=lambda: True
        )
    assert not relic._turn.locked()
    await check_output_is_json(relic, calls[0])
