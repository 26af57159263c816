"""The checks of journals and caches catch those that break their promises."""

import errno
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from cortex_cli.engine.cache import CacheHit, CacheOrigin
from cortex_cli.engine.ports import Soon
from cortex_cli.errors import CortexError, SetupError
from cortex_cli.events import Event
from cortex_cli.testing import cache_contract, journal_contract
from cortex_cli.testing.events import one_of_each, warning
from cortex_cli.testing.faults import CrashAt, FailAt


class Liar:
    """A journal that breaks one promise."""

    def __init__(self, lie: str) -> None:
        self.lie = lie
        self.events: list[Event] = []

    def append(self, event: Event) -> bool:
        if self.lie == "forgets" and event.sequence % 2 == 0:
            return True
        if self.lie == "takes all" or event.sequence == len(self.events) + 1:
            self.events.append(event)
        if self.lie == "backwards" and event.sequence == 200:
            self.soon(lambda: self.written(200))
            self.soon(lambda: self.written(1))
        return self.lie != "backwards"

    def watch(
        self, soon: Soon, written: Callable[[int], None], failed: Callable[[CortexError], None]
    ) -> None:
        self.soon, self.written = soon, written
        if self.lie == "fails":
            soon(lambda: failed(SetupError("no space")))


async def test_a_journal_that_forgets_is_caught() -> None:
    liar = Liar("forgets")
    with pytest.raises(AssertionError):
        await journal_contract.check_events_come_back_as_they_were(liar, lambda: liar.events)
    liar = Liar("forgets")
    with pytest.raises(AssertionError):
        await journal_contract.check_durable_events_can_be_read_at_once(liar, lambda: liar.events)
    liar = Liar("forgets")
    with pytest.raises(AssertionError):
        await journal_contract.check_values_are_kept_as_they_were_given(liar, lambda: liar.events)


@pytest.mark.parametrize("lie", ["takes all", "drops"])
async def test_a_journal_that_takes_what_does_not_follow_is_caught(lie: str) -> None:
    liar = Liar(lie)
    with pytest.raises(AssertionError, match="event 1 was taken where 2 was due"):
        await journal_contract.check_a_gap_is_refused(liar, lambda: liar.events)


async def test_a_journal_that_tells_backwards_is_caught() -> None:
    with pytest.raises(AssertionError):
        await journal_contract.check_it_tells_the_event_loop_in_order(Liar("backwards"))


async def test_a_watcher_hears_of_failures() -> None:
    watcher = journal_contract.Watcher(Liar("fails"))
    assert str(await watcher.until_failed()) == "no space"


async def test_a_watcher_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_contract, "_LONG_SECONDS", 0.01)
    with pytest.raises(AssertionError, match=r"after 0\.01 s, 0 is durable"):
        await journal_contract.Watcher(Liar("drops")).until(1)


class Forgetful:
    """A cache that keeps nothing, or hands out what it keeps."""

    def __init__(self, *, keeps: bool) -> None:
        self.keeps = keeps
        self.hits: dict[str, CacheHit] = {}

    def watch(self, warn: Callable[[str], None]) -> None: ...

    def get(self, key: str, now: float) -> CacheHit | None:
        return self.hits.get(key) if now >= 0 else None

    def put(self, key: str, output: Any, origin: CacheOrigin) -> None:
        if self.keeps:
            self.hits.setdefault(key, CacheHit(output=output, origin=origin))


def test_a_cache_that_breaks_its_promises_is_caught() -> None:
    with pytest.raises(AssertionError):
        cache_contract.check_outputs_come_back_as_they_were(Forgetful(keeps=False))
    for check in (
        cache_contract.check_entries_expire,
        cache_contract.check_the_latest_output_counts,
        cache_contract.check_outputs_are_not_shared,
    ):
        with pytest.raises(AssertionError):
            check(Forgetful(keeps=True))
    hit = CacheHit(output=1, origin=cache_contract.make_origin())
    cache = Forgetful(keeps=False)
    cache.hits["a"] = hit
    with pytest.raises(AssertionError):
        cache_contract.check_what_is_not_there_is_a_miss(cache)


def test_events_of_tests_are_one_of_each_kind_and_numbered() -> None:
    events = one_of_each("r")
    assert len({type(event) for event in events}) == len(events) == 25
    assert [event.sequence for event in events] == list(range(1, 26))
    assert {event.execution_id for event in events} == {"r"}
    assert warning(7).sequence == 7


def test_a_fault_comes_at_its_point_from_the_time_that_was_said() -> None:
    fault = FailAt("here", errno.ENOSPC, times=2)
    fault("there")
    fault("here")
    for _ in range(2):
        with pytest.raises(OSError, match="No space left") as caught:
            fault("here")
        assert caught.value.errno == errno.ENOSPC
    fault("there")


def test_a_crash_comes_once_at_its_point(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []

    def note(pid: int, number: int) -> None:
        sent.append((pid, number))

    monkeypatch.setattr(os, "kill", note)
    fault = CrashAt("here", times=2)
    for point in ("here", "there"):
        fault(point)
    assert sent == []
    for _ in range(2):
        fault("here")
    assert sent == [(os.getpid(), signal.SIGKILL)]
