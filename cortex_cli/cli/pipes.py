"""Standard streams that are missing, are full, or whose reader goes away, as with `| head`."""

import io
import os
import select
import sys
from typing import IO, TextIO

from cortex_cli.errors import SetupError


class OutputError(SetupError):
    """Standard output can't be written, so nothing more can be said there."""


def open_missing() -> None:
    """Have those standard streams lead nowhere that the process was started without."""
    # In this order: each takes the lowest number that is free, which is the missing stream's own.
    if _is_missing(sys.stdin):
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if _is_missing(sys.stdout):
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if _is_missing(sys.stderr):
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def buffer_output() -> None:
    """Have output go through a buffer under PYTHONUNBUFFERED, too; commands flush it themselves.

    Without one a write may take only a part, and an empty one fails where a disk is full.
    """
    sys.stdout = _buffered(sys.stdout, by_line=sys.stdout.isatty())
    sys.stderr = _buffered(sys.stderr, by_line=True)


def _buffered(stream: TextIO, *, by_line: bool) -> TextIO:
    if not isinstance(stream.buffer, io.RawIOBase):
        return stream
    raw = io.FileIO(stream.fileno(), "w", closefd=False)
    buffer = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffer, stream.encoding, stream.errors, line_buffering=by_line)


def check_results() -> None:
    """Raise OutputError if what was written to standard output can't go out."""
    try:
        sys.stdout.flush()
    except OSError as error:
        discard_results(error)


def _is_missing(stream: IO[str] | None) -> bool:
    return stream is None


def discard(stream: IO[str]) -> None:
    """Have a stream lead nowhere, so that nothing more fails because it can't be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def discard_results(error: OSError) -> None:
    """Have standard output lead nowhere; a reader that has gone away is no error.

    Raises OutputError for anything else, a full disk for instance.
    """
    discard(sys.stdout)
    if not isinstance(error, BrokenPipeError):
        message = f"standard output can't be written: {error.strerror or error}"
        raise OutputError(message) from error


def has_lost_reader(stream: IO[str]) -> bool:
    """Whether a stream is a pipe that nobody can read from any more."""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(found & select.POLLERR for _, found in poll.poll(0))


def write_all(descriptor: int, content: bytes) -> None:
    """Write bytes, waiting for the reader. Raises OSError."""
    rest = memoryview(content)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            # Whoever shares the pipe has made it non-blocking.
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
