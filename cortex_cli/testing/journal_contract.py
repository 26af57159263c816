"""What every journal promises the engine, as checks that tests call with a journal of theirs.

Each check is a plain async function that raises AssertionError where the promise is broken. It
is given a journal that holds nothing yet, and a function that reads what the journal holds.
"""

from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any

import anyio
from anyio.lowlevel import current_token

from cortex_cli.engine.ports import Journal, Soon
from cortex_cli.errors import CortexError
from cortex_cli.events import Event
from cortex_cli.testing.events import completed, one_of_each, warning

Read = Callable[[], Iterable[Event]]

_LONG_SECONDS = 10.0


def soon_here() -> Soon:
    """How to have a function called soon in the event loop that this is called in."""
    loop: Any = current_token().native_token
    return getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon


class Watcher:
    """Watches a journal as the engine does, and waits for what it is told.

    `told` holds the numbers that were said to be durable, in order; `errors` why writing failed;
    `threads` in which threads that was said.
    """

    def __init__(self, journal: Journal) -> None:
        """Make it inside the event loop."""
        self.told: list[int] = []
        self.errors: list[CortexError] = []
        self.threads: set[int] = set()
        self._journal = journal
        self._durable = 0
        self._news = anyio.Event()
        journal.watch(soon_here(), self._written, self._failed)

    def append(self, event: Event) -> None:
        """Give the journal an event."""
        if self._journal.append(event):
            self._durable = event.sequence

    async def until(self, sequence: int) -> None:
        """Wait until the event with that number is durable; AssertionError after 10 s."""
        await self._wait(lambda: self._durable >= sequence)

    async def until_failed(self) -> CortexError:
        """Wait until nothing more can be written, and say why; AssertionError after 10 s."""
        await self._wait(lambda: bool(self.errors))
        return self.errors[0]

    async def _wait(self, is_so: Callable[[], bool]) -> None:
        with anyio.move_on_after(_LONG_SECONDS):
            while not is_so():
                self._news = anyio.Event()
                await self._news.wait()
        assert is_so(), f"after {_LONG_SECONDS:g} s, {self._durable} is durable: {self.errors}"

    def _written(self, sequence: int) -> None:
        self._durable = max(self._durable, sequence)
        self.told.append(sequence)
        self.threads.add(get_ident())
        self._news.set()

    def _failed(self, error: CortexError) -> None:
        self.errors.append(error)
        self.threads.add(get_ident())
        self._news.set()


async def check_events_come_back_as_they_were(journal: Journal, read: Read) -> None:
    """An event of each kind, and a large output, are read as they were once they are durable."""
    events = one_of_each()
    last = len(events) + 1
    events.append(completed(last, {"text": "ü" * 100_000}))
    watcher = Watcher(journal)
    for event in events:
        watcher.append(event)
    await watcher.until(last)
    assert list(read()) == events


async def check_durable_events_can_be_read_at_once(journal: Journal, read: Read) -> None:
    """Whatever was said to be durable is there when it is said, event by event."""
    watcher = Watcher(journal)
    for sequence in range(1, 21):
        watcher.append(warning(sequence))
        await watcher.until(sequence)
        assert [event.sequence for event in read()] == list(range(1, sequence + 1))


async def check_it_tells_the_event_loop_in_order(journal: Journal) -> None:
    """What is durable is told in the event loop's own thread, never less than before."""
    watcher = Watcher(journal)
    for sequence in range(1, 201):
        watcher.append(warning(sequence))
        if sequence % 7 == 0:
            await anyio.lowlevel.checkpoint()
    await watcher.until(200)
    assert watcher.told == sorted(watcher.told)
    assert watcher.threads <= {get_ident()}, "it was told in another thread"
    assert not watcher.errors


async def check_a_gap_is_refused(journal: Journal, read: Read) -> None:
    """An event that does not follow the last one is a ValueError, and is not kept."""
    watcher = Watcher(journal)
    watcher.append(warning(1))
    for wrong in (1, 3):
        refused = False
        try:
            journal.append(warning(wrong))
        except ValueError:
            refused = True
        assert refused, f"event {wrong} was taken where 2 was due"
    watcher.append(warning(2))
    await watcher.until(2)
    assert [event.sequence for event in read()] == [1, 2]


async def check_values_are_kept_as_they_were_given(journal: Journal, read: Read) -> None:
    """What is appended is taken down at once, however much is appended before it is written."""
    watcher = Watcher(journal)
    for sequence in range(1, 2_001):
        watcher.append(completed(sequence, [sequence]))
    await watcher.until(2_000)
    assert list(read()) == [completed(sequence, [sequence]) for sequence in range(1, 2_001)]
