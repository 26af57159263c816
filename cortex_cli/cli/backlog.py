"""Bytes that wait for a reader: in memory as long as they are few, then in a temporary file."""

import errno
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO

_IN_MEMORY = 4 * 1024 * 1024
_MOST = 1024 * 1024 * 1024


class Backlog:
    """A queue of bytes that loses none; the ends may be used by two threads, one at a time."""

    def __init__(self, *, in_memory: int = _IN_MEMORY, most: int = _MOST) -> None:
        """`in_memory` and `most` are in bytes; beyond the first, the file is used."""
        self._in_memory = in_memory
        self._most = most
        self._stack = ExitStack()
        self._file: IO[bytes] | None = None
        self._begin = self._end = 0

    def __len__(self) -> int:
        return self._end - self._begin

    def append(self, content: bytes) -> None:
        """Queue bytes. Raises OSError where there is no room for more."""
        if len(self) + len(content) > self._most:
            message = f"more than {self._most >> 20} MiB wait for the reader"
            raise OSError(errno.ENOBUFS, message)
        if self._file is None:
            self._file = self._stack.enter_context(SpooledTemporaryFile[bytes](self._in_memory))
        self._file.seek(self._end)
        self._file.write(content)
        self._end += len(content)

    def take(self, most: int) -> bytes:
        """The oldest bytes, up to `most`; none if none wait."""
        if self._file is None:
            return b""
        self._file.seek(self._begin)
        content = self._file.read(min(most, len(self)))
        self._begin += len(content)
        if not len(self):
            self.clear()
        return content

    def clear(self) -> None:
        """Forget what waits, and give the file back."""
        self._stack.close()
        self._file = None
        self._begin = self._end = 0
