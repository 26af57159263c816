"""The events of a run as an async iterator, with the run in a task of its own.

An async generator cannot host the run: left by `break`, it would be closed from another task,
or never. So the run gets a background task of the event loop's, and the iterator ends it when it
is closed or no longer referenced.
"""

import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from cortex_cli.engine.clock import loop_event
from cortex_cli.engine.hosting import spawn
from cortex_cli.engine.spill import Spill
from cortex_cli.events import Event

if TYPE_CHECKING:
    from cortex_cli.engine.ports import Soon

Run = Callable[[Callable[[Event], None]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Room:
    """How many unread events are kept in memory, and how many bytes more of them on disk."""

    events: int = 10_000
    bytes: int = 2**30


_ROOM = Room()


class _Channel:
    """What the run and its iterator share; it must not refer to the iterator."""

    def __init__(self, cancel: Callable[[], None], room: Room) -> None:
        self.events: deque[Event] = deque()
        self.news = loop_event()
        self.is_over = False
        self.error: BaseException | None = None
        self._cancel = cancel
        self._room = room
        # While events wait on disk there is no room, so that none overtakes them.
        self._left = room.events
        self._spill: Spill | None = None

    def put(self, event: Event) -> None:
        unread = len(self.events)
        if unread >= self._left:
            self._put_aside(event)
            return
        self.events.append(event)
        if not unread:
            self.news.set()

    def refill(self) -> bool:
        """Fetch events that were put aside; whether there were any."""
        if self._spill is None:
            return False
        self.events.extend(self._spill.take())
        if not self.events:
            self._give_up_spill(self._spill)
        return bool(self.events)

    def forget(self) -> None:
        """Nobody reads what is left."""
        self.events.clear()
        self._spill = None

    def _put_aside(self, event: Event) -> None:
        if self._spill is None:
            self._spill, self._left = Spill(self._room.bytes), 0
        spill = self._spill
        is_sound = spill.error is None
        spill.put(event)
        if is_sound and spill.error is not None:
            self._cancel()

    def _give_up_spill(self, spill: Spill) -> None:
        self._spill, self._left = None, self._room.events
        self.error = self.error or spill.error

    async def wait(self) -> None:
        # All who wait share the event, so that news wakes each of them.
        if self.news.is_set():
            self.news = loop_event()
        await self.news.wait()

    async def host(self, run: Run) -> None:
        try:
            await run(self.put)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:
            # It is raised again in the task that reads the events.
            self.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self.is_over = True
            self.news.set()


class EventStream:
    """Events in order, losing none: an async iterator that is also an async context manager.

    The run begins with the first `__anext__` or `__aenter__`. Leaving early, by `break`, by
    `aclose` or by an exception, cancels the run; `aclose` and the context manager also wait until
    nothing of it is left. What the run raises is raised here.

    The run waits for nobody: events that are not read yet are kept, up to 10,000 in memory and
    up to a gibibyte more on disk. When that is full the run is cancelled, and after its last event
    a SetupError is raised.
    """

    def __init__(self, run: Run, cancel: Callable[[], None], room: Room = _ROOM) -> None:
        """`run` is given a function that takes events; `cancel` asks it to end."""
        self._run = run
        self._cancel = cancel
        self._room = room
        self._channel: _Channel | None = None
        self._soon: Soon | None = None

    def __aiter__(self) -> Self:
        """The stream itself: it can be read once."""
        return self

    async def __anext__(self) -> Event:
        """The next event; StopAsyncIteration after the last."""
        channel = self._channel or self._started()
        while not channel.events and not channel.refill():
            if channel.is_over:
                self._raise_error(channel)
                raise StopAsyncIteration
            await channel.wait()
        return channel.events.popleft()

    async def __aenter__(self) -> Self:
        """Begin the run."""
        self._started()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cancel the run if it has not ended, and wait for its end."""
        await self.aclose()
        if exc is None and self._channel is not None:
            self._raise_error(self._channel)

    async def aclose(self) -> None:
        """Cancel the run if it has not ended, and wait until nothing of it is left."""
        channel = self._channel
        if channel is None:
            return
        if not channel.is_over:
            self._cancel()
            with anyio.CancelScope(shield=True):
                while not channel.is_over:
                    await channel.wait()
        channel.forget()

    def cancel(self) -> None:
        """Ask the run to end; its remaining events still come, the last one too."""
        if self._channel is not None and not self._channel.is_over:
            self._cancel()

    def __del__(self) -> None:
        """Cancel the run: nobody can read its events any more."""
        if self._soon is not None and self._channel is not None and not self._channel.is_over:
            # RuntimeError: the event loop has ended, and with it the run. Trio's is a subclass.
            with contextlib.suppress(RuntimeError):
                self._soon(self._cancel)

    def _started(self) -> _Channel:
        if self._channel is None:
            self._channel = channel = _Channel(self._cancel, self._room)
            run = self._run
            self._soon = spawn(lambda: channel.host(run))
        return self._channel

    @staticmethod
    def _raise_error(channel: _Channel) -> None:
        if channel.error is not None:
            error, channel.error = channel.error, None
            raise error
