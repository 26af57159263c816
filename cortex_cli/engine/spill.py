"""Events that a slow reader has not read yet, beyond those that are kept in memory.

They wait on disk, one line of JSON each, in temporary files without a name, which are gone with
the process. A file is closed once it has been read, so that what is on disk is what is unread.
"""

import os
import tempfile
from collections import deque
from pathlib import Path

from cortex_cli.errors import CortexError, SetupError
from cortex_cli.events import Event, decode, encode

_WRITTEN_AT_ONCE = 64 * 1024
_READ_AT_ONCE = 256 * 1024
_FILE = 16 * 1024 * 1024


class _File:
    """One temporary file, written at its end and read from its start, in whole lines."""

    def __init__(self) -> None:
        self._descriptor, name = tempfile.mkstemp(prefix="cortex-")
        Path(name).unlink()
        self._read = 0
        self.written = 0

    @property
    def is_read(self) -> bool:
        return self._read == self.written

    def append(self, lines: bytes) -> None:
        """Write at the end; where that fails, as if it had not been tried."""
        rest, place = memoryview(lines), self.written
        while rest:
            taken = os.pwrite(self._descriptor, rest, place)
            rest, place = rest[taken:], place + taken
        self.written = place

    def take(self) -> list[bytes]:
        """Some of the next lines, without their ends."""
        found = b""
        # A line may be longer than what is read at once.
        while b"\n" not in found:
            more = max(_READ_AT_ONCE, len(found))
            found += os.pread(self._descriptor, more, self._read + len(found))
        end = found.rindex(b"\n")
        self._read += end + 1
        return found[:end].split(b"\n")

    def close(self) -> None:
        os.close(self._descriptor)


class Spill:
    """Takes events and gives them back in order, none lost.

    `error` says why no more should come: nobody reads, or the disk takes no more. What comes all
    the same is kept, in memory if need be.
    """

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes`: how much may be unread on disk."""
        self.error: CortexError | None = None
        self._most = most_bytes
        self._files: deque[_File] = deque()
        self._lines: list[bytes] = []
        self._bytes = 0
        # What is no JSON, as a program may give it in its parameters; its line is empty.
        self._kept: deque[Event] = deque()

    def put(self, event: Event) -> None:
        """Take the next event."""
        try:
            line = encode(event)
        except (TypeError, ValueError, RecursionError):
            self._kept.append(event)
            line = b""
        self._lines.append(line)
        self._bytes += len(line) + 1
        if self._bytes >= _WRITTEN_AT_ONCE and self.error is None:
            self._write()

    def take(self) -> list[Event]:
        """Some of the next events; none if there are none left."""
        while self._files:
            first = self._files[0]
            if not first.is_read:
                return self._events(first.take())
            self._files.popleft().close()
        lines, self._lines, self._bytes = self._lines, [], 0
        return self._events(lines)

    def __del__(self) -> None:
        """A reader that has left leaves files unread."""
        for file in self._files:
            file.close()

    def _events(self, lines: list[bytes]) -> list[Event]:
        return [decode(line) if line else self._kept.popleft() for line in lines]

    def _write(self) -> None:
        try:
            if not self._files or self._files[-1].written >= _FILE:
                self._files.append(_File())
            self._files[-1].append(b"\n".join(self._lines) + b"\n")
        except OSError as error:
            message = f"the events that nobody has read yet cannot be kept on disk: {error}"
            self.error = SetupError(message, hint="free space in the folder of TMPDIR")
            return
        self._lines, self._bytes = [], 0
        if sum(file.written for file in self._files) > self._most:
            message = f"more than {self._most:,} bytes of events wait to be read"
            self.error = SetupError(message, hint="read the events while the run goes on")
