"""Events that wait for a slow reader: on disk beyond some, in order, none lost."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from cortex_cli.engine.bus import Bus, Stamp
from cortex_cli.engine.clock import LoopClock
from cortex_cli.engine.spill import Spill
from cortex_cli.engine.stream import EventStream, Room
from cortex_cli.errors import SetupError
from cortex_cli.events import Event, LlmToken, Progress, WarningRaised
from cortex_cli.payloads import LlmTokenData, ProgressData, WarningData
from tests.engine.bench import act

MANY = 1_000


def events(count: int, text: str = "m") -> list[Event]:
    """Warnings, progress and tokens in turns, numbered from 1."""
    made: list[Event] = []
    bus = Bus("r1", LoopClock(), None)
    bus.listen(made.append)
    stamp, action = Stamp(("outer",)), act("a")
    for number in range(count):
        match number % 3:
            case 0:
                bus.run_event(WarningRaised, stamp, WarningData(message=f"{text}{number}"))
            case 1:
                bus.action_event(Progress, stamp, action, ProgressData(fraction=0.5))
            case _:
                token = LlmTokenData(token=text, model="m", cumulative_tokens=number)
                bus.run_event(LlmToken, stamp, token)
    return made


class Source:
    """A run that publishes events as fast as it is let, and notes that it was cancelled."""

    def __init__(self, published: list[Event]) -> None:
        self.published = published
        self.is_cancelled = False
        self.is_over = anyio.Event()

    async def run(self, listener: Callable[[Event], None]) -> None:
        for number, event in enumerate(self.published):
            listener(event)
            if number % 100 == 0:
                await anyio.lowlevel.checkpoint()
        self.is_over.set()

    def cancel(self) -> None:
        self.is_cancelled = True

    def stream(self, **room: int) -> EventStream:
        return EventStream(self.run, self.cancel, Room(**room))


async def test_a_reader_that_stalls_is_given_every_event_in_order() -> None:
    source = Source(events(MANY))
    read: list[Event] = []
    async with source.stream(events=10) as stream:
        read.append(await anext(stream))
        await source.is_over.wait()
        read += [event async for event in stream]
    assert read == source.published
    assert not source.is_cancelled


async def test_a_reader_that_catches_up_is_read_from_memory_again() -> None:
    published = events(MANY)
    first, second = anyio.Event(), anyio.Event()

    async def run(listener: Callable[[Event], None]) -> None:
        for event in published[:500]:
            listener(event)
        first.set()
        await second.wait()
        for event in published[500:]:
            listener(event)

    read: list[Event] = []
    async with EventStream(run, lambda: None, Room(events=50)) as stream:
        await first.wait()
        async for event in stream:
            read.append(event)
            if event.sequence == 500:
                second.set()
    assert read == published
    assert read[0] is published[0]
    assert read[100] is not published[100]
    assert read[500] is published[500]


async def test_what_is_no_json_waits_in_memory_in_its_place() -> None:
    published = events(30)
    odd: Any = published[12]
    published[12] = type(odd)(
        **{name: getattr(odd, name) for name in odd.__struct_fields__ if name != "data"},
        data=WarningData(message="\ud800"),
    )
    source = Source(published)
    async with source.stream(events=1) as stream:
        await source.is_over.wait()
        assert [event async for event in stream] == published


async def read_late(source: Source, stream: EventStream, into: list[Event]) -> None:
    """Read nothing until the run has ended, then everything."""
    async with stream:
        await source.is_over.wait()
        while True:
            try:
                into.append(await anext(stream))
            except StopAsyncIteration:
                return


async def test_a_reader_for_whom_too_much_waits_is_told_after_the_last_event() -> None:
    source = Source(events(MANY, text="x" * 1_000))
    read: list[Event] = []
    stream = source.stream(events=10, bytes=100_000)
    with pytest.raises(SetupError, match="more than 100,000 bytes of events wait to be read"):
        await read_late(source, stream, read)
    assert source.is_cancelled
    assert read == source.published


async def test_a_disk_that_takes_nothing_ends_the_run_and_loses_no_event(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    source = Source(events(MANY, text="x" * 1_000))
    read: list[Event] = []
    with pytest.raises(SetupError, match=r"cannot be kept on disk: .*TMPDIR"):
        await read_late(source, source.stream(events=10), read)
    assert source.is_cancelled
    assert read == source.published


async def test_a_reader_that_leaves_leaves_nothing_on_disk() -> None:
    source = Source(events(MANY, text="x" * 1_000))
    async with source.stream(events=10) as stream:
        await source.is_over.wait()
        await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_files_are_given_back_as_they_are_read_and_long_lines_are_read_whole() -> None:
    published = events(60, text="y" * 1_000_000)
    spill = Spill(most_bytes=2**40)
    read: list[Event] = []
    for event in published:
        spill.put(event)
    while batch := spill.take():
        read += batch
    assert read == published
    assert spill.take() == []
    assert spill.error is None
