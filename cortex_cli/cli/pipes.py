"""Standard streams whose reader may go away, as with `cortex plan M | head`."""

import os
import select
from typing import IO


def discard(stream: IO[str]) -> None:
    """Have a stream lead nowhere, so that nothing more fails because its reader has gone away."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def has_lost_reader(stream: IO[str]) -> bool:
    """Whether a stream is a pipe that nobody can read from any more."""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(found & select.POLLERR for _, found in poll.poll(0))
