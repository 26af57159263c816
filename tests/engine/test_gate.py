"""Nobody sees, and nothing acts on, what a crash could undo; and what if it can't be written."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from cortex_cli.engine.ports import ActionCall, RunRequest, RunSpec, Soon
from cortex_cli.errors import CortexError, SetupError
from cortex_cli.events import ActionStarted, Event
from cortex_cli.session.handle import RunHandle
from tests.engine.bench import Log, Tools, act, spec_of


class FakeJournal:
    """Events are durable when the test says so, or so many of them as they come."""

    def __init__(self, at_once: int = 0) -> None:
        self.events = Log()
        self.durable = 0
        self.has_failed = False
        self._at_once = at_once
        self._watched: tuple[Soon, Callable[[int], None], Callable[[CortexError], None]] | None

    def append(self, event: Event) -> bool:
        self.events.append(event)
        if event.sequence <= self._at_once:
            self.durable = event.sequence
        return event.sequence == self.durable

    def watch(
        self, soon: Soon, written: Callable[[int], None], failed: Callable[[CortexError], None]
    ) -> None:
        self._watched = (soon, written, failed)

    async def write(self, events: int) -> None:
        """So many more events are durable, and the run hears of it."""
        assert self._watched is not None
        soon, written, _ = self._watched
        self.durable = min(self.durable + events, len(self.events))
        durable = self.durable
        soon(lambda: written(durable))
        await anyio.wait_all_tasks_blocked()

    async def fail(self) -> None:
        """Nothing more can be written."""
        assert self._watched is not None
        soon, _, failed = self._watched
        self.has_failed = True
        soon(lambda: failed(SetupError("the disk is full", hint="free some space")))
        await anyio.wait_all_tasks_blocked()


class Doors(Tools):
    """Tools that work until the test opens their doors."""

    def __init__(self, *locked: str) -> None:
        super().__init__()
        self.doors = {name: anyio.Event() for name in locked}

    async def run(self, call: ActionCall) -> Any:
        self.calls.append(call)
        if call.action.id in self.doors:
            await self.doors[call.action.id].wait()
        return call.parameters

    def called(self) -> list[str]:
        return [call.action.id for call in self.calls]


@asynccontextmanager
async def running(spec: RunSpec, journal: FakeJournal) -> AsyncGenerator[Log]:
    """A run in the background; what its viewer has seen."""
    seen = Log()

    async def view() -> None:
        async with RunHandle(spec, RunRequest(), journal).stream() as events:
            async for event in events:
                assert event.sequence <= journal.durable or journal.has_failed
                seen.append(event)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(view)
        await anyio.wait_all_tasks_blocked()
        yield seen


async def test_work_and_viewers_wait_until_what_led_to_them_is_durable() -> None:
    tools, journal = Doors(), FakeJournal()
    plan = [act("a"), act("b", "a"), act("c", type="internal", target=None), act("d", "c")]
    steps = 0
    async with running(spec_of(plan, tools), journal) as seen:
        while journal.durable < len(journal.events):
            started = {
                event.action_id
                for event in journal.events[: journal.durable]
                if isinstance(event, ActionStarted)
            }
            assert list(seen) == journal.events[: journal.durable]
            assert set(tools.called()) <= started
            await journal.write(1)
            steps += 1
            assert steps < 100
    assert seen.last.event_type == "agent_completed"
    assert seen == journal.events
    assert sorted(tools.called()) == ["a", "b", "d"]


async def test_what_is_durable_at_once_waits_for_nothing() -> None:
    tools, journal = Doors(), FakeJournal(at_once=1_000)
    async with running(spec_of([act("a"), act("b", "a")], tools), journal) as seen:
        pass
    assert seen == journal.events
    assert seen.last.event_type == "agent_completed"


async def test_what_is_cancelled_before_its_start_is_durable_is_not_begun() -> None:
    tools, journal = Doors(), FakeJournal()
    handle = RunHandle(spec_of([act("a")], tools), RunRequest(), journal)
    async with handle.stream() as events:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anext, events)
            await anyio.wait_all_tasks_blocked()
            assert journal.events.order() == ["a"]
            events.cancel()
            await anyio.wait_all_tasks_blocked()
            await journal.write(4)
            await journal.write(100)
            await journal.write(100)
        async for _ in events:
            pass
    assert tools.called() == []
    assert journal.events.ends() == {"a": "cancelled"}


async def test_when_the_journal_fails_what_runs_goes_on_and_nothing_more_begins() -> None:
    tools, journal = Doors("a"), FakeJournal()
    retry = {"max_attempts": 3, "delay_seconds": 1}
    plan = [act("a", retry=retry), act("b", "a"), act("c", parameters={"x": 1})]
    async with running(spec_of(plan, tools, max_parallel_actions=1), journal) as seen:
        await journal.write(4)
        assert tools.called() == ["a"]
        await journal.fail()
        assert not any(event.event_type.startswith("agent_f") for event in seen)
        tools.doors["a"].set()
    assert tools.called() == ["a"]
    assert seen.ends() == {"a": "completed", "b": "skipped", "c": "skipped"}
    assert seen.of("termination")[0].reason == "state_lost"
    assert seen.last.event_type == "agent_failed"
    assert (seen.last.data.error_type, seen.last.data.error) == (
        "state_lost",
        "the disk is full; free some space",
    )


@pytest.mark.parametrize("durable", range(4))
async def test_a_start_that_was_never_written_is_not_performed(durable: int) -> None:
    tools, journal = Doors(), FakeJournal()
    async with running(spec_of([act("a"), act("b", "a")], tools), journal) as seen:
        await journal.write(durable)
        await journal.fail()
    assert tools.called() == []
    assert seen.ends() == {"a": "cancelled", "b": "skipped"}
    assert seen.last.data.error_type == "state_lost"


async def test_a_nested_run_ends_too_when_the_journal_fails() -> None:
    inner = Doors("one")
    spec = spec_of([act("one"), act("two", "one")], inner, name="inner")
    tools = Tools({"inner": spec})
    outer = spec_of([act("call", type="agent", target="inner"), act("after", "call")], tools)
    journal = FakeJournal()
    async with running(outer, journal) as seen:
        await journal.write(8)
        assert inner.called() == ["one"]
        await journal.fail()
        inner.doors["one"].set()
    assert seen.ends() == {
        "call/one": "completed", "call/two": "skipped", "call": "cancelled", "after": "skipped"
    }  # fmt: skip
    assert seen.last.data.error_type == "state_lost"


async def test_a_retry_that_waits_is_not_begun_when_the_journal_fails() -> None:
    tools, journal = Tools(), FakeJournal(at_once=5)
    retry = {"max_attempts": 3, "delay_seconds": 1_000_000, "max_delay_seconds": 1_000_000}
    spec = spec_of([act("a", retry=retry, parameters={"error": "no"})], tools)
    async with running(spec, journal) as seen:
        await journal.fail()
    assert [call.attempt for call in tools.calls] == [1]
    assert seen.ends() == {"a": "cancelled"}
    assert seen.last.data.error_type == "state_lost"
