"""Standard output and standard error of a run, none of which can hold it up."""

import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, TextIO

from cortex_cli.cli.outlet import Outlet
from cortex_cli.cli.pipes import discard

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Unblocked:
    """The outlets that stand in for the standard streams."""

    def __init__(self) -> None:
        """What was written before comes first."""
        sys.stdout.flush()
        sys.stderr.flush()
        self.out = Outlet(sys.stdout.fileno())
        self.err = Outlet(sys.stderr.fileno())

    def settle(self, patience: float | None) -> None:
        """Wait for the readers: now for what people read, from now on with every flush.

        A reader that takes nothing for `patience` seconds is given up; None is for ever.
        """
        self.out.settle(patience)
        self.err.settle(patience)
        try:
            sys.stderr.flush()
        except OSError:
            discard(sys.stderr)


@contextmanager
def unblocked_streams() -> Generator[Unblocked]:
    """Replace sys.stdout and sys.stderr; afterwards, what was not yet settled is lost."""
    unblocked = Unblocked()
    out, err = _text(unblocked.out, sys.stdout), _text(unblocked.err, sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield unblocked
        finally:
            # Not through the text streams: these would flush, and so wait.
            unblocked.out.close()
            unblocked.err.close()


def _text(outlet: Outlet, like: TextIO) -> io.TextIOWrapper:
    raw = _Raw(outlet, like.fileno())
    return io.TextIOWrapper(raw, like.encoding, like.errors, write_through=True)


class _Raw(io.RawIOBase):
    """An outlet as a binary stream."""

    def __init__(self, outlet: Outlet, descriptor: int) -> None:
        self._outlet = outlet
        self.name = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.name

    def isatty(self) -> bool:
        return os.isatty(self.name)

    def write(self, content: "Buffer", /) -> int:
        piece = bytes(content)
        self._outlet.put(piece)
        return len(piece)

    def flush(self) -> None:
        self._outlet.flush()
