"""What passes between us and a child while it runs: bytes, and word of its exit."""

from collections.abc import Callable
from functools import partial
from io import FileIO
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from types import TracebackType
from typing import Self

import anyio

from cortex_cli.actions.process_child import Child

_CHUNK = 64 * 1024
# So many chunks in a row, then others may have their turn.
_ROUNDS = 16

Feed = Callable[[bytes], None]


class Exchange:
    """Moves the bytes of all pipes, in the task of the caller; a context manager.

    A selector is itself readable once anything that it looks after is. So one task can wait for
    all that a child does, on any event loop, for the price of one descriptor.
    """

    def __init__(self, child: Child, given: bytes, *, stdout: Feed, stderr: Feed) -> None:
        """`given` is for its standard input; the others get what it writes, as it comes."""
        self.has_exited = False
        self._open_pipes = 2
        self._left = memoryview(given)
        self._feeds = {child.stdout: stdout, child.stderr: stderr}
        self._selector = DefaultSelector()
        for pipe in self._feeds:
            self._selector.register(pipe, EVENT_READ, partial(self._read, pipe))
        self._selector.register(child.exit, EVENT_READ, partial(self._note_exit, child))
        if child.stdin is not None:
            self._open_pipes += 1
            self._selector.register(child.stdin, EVENT_WRITE, partial(self._write, child.stdin))

    def __enter__(self) -> Self:
        """Nothing is moved yet."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give up what has not been moved."""
        self._selector.close()

    @property
    def is_drained(self) -> bool:
        """Whether all pipes are closed at the other end, and all has been read."""
        return not self._open_pipes

    async def until_exit(self) -> None:
        """Move bytes until the child has exited; what a feed raises travels on."""
        while not self.has_exited:
            await self._move()

    async def until_drained(self) -> None:
        """Move bytes until there can be no more; what a feed raises travels on."""
        while not self.is_drained:
            await self._move()

    async def pause(self, seconds: float) -> None:
        """Move bytes for this time; what a feed raises travels on."""
        with anyio.move_on_after(seconds):
            await self.until_exit()
            await self.until_drained()
            await anyio.sleep_forever()

    async def _move(self) -> None:
        await anyio.wait_readable(self._selector)
        for _ in range(_ROUNDS):
            ready = self._selector.select(0)
            if not ready:
                break
            for key, _ in ready:
                key.data()

    def _read(self, pipe: FileIO) -> None:
        chunk = pipe.read(_CHUNK)
        if not chunk:
            self._close(pipe)
            return
        # One that raises is fed no more: the child has still to be ended, its pipes to be read.
        feed, self._feeds[pipe] = self._feeds[pipe], _drop
        feed(chunk)
        self._feeds[pipe] = feed

    def _write(self, pipe: FileIO) -> None:
        try:
            self._left = self._left[pipe.write(self._left[:_CHUNK]) or 0 :]
        except BrokenPipeError:
            self._left = self._left[:0]
        if not self._left:
            self._close(pipe)
            pipe.close()

    def _note_exit(self, child: Child) -> None:
        self.has_exited = True
        self._selector.unregister(child.exit)

    def _close(self, pipe: FileIO) -> None:
        self._selector.unregister(pipe)
        self._open_pipes -= 1


def _drop(_chunk: bytes) -> None:
    """Read, and not wanted."""
