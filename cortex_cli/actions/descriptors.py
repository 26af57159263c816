"""Open files: how many of them processes need, and room for these within the limit."""

import os
import resource
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from cortex_cli.errors import SetupError

PER_PROCESS = 5
"""Three pipes, word of the exit, and the selector that looks after them."""

# What starting a process takes for a moment, and whatever else opens files: stores, libraries.
_SPARE = 64
_KEPT_FREE = 16
_OPEN_FILES = Path("/dev/fd")


@dataclass(frozen=True, slots=True)
class _Raised:
    """The limit as it was, and as it is; and low descriptors, kept for the start of a child."""

    original: int
    soft: int
    hard: int
    kept: list[int]


class Descriptors:
    """The limit of open files of this process."""

    def __init__(self) -> None:
        """The limit stays as it is."""
        self._raised: _Raised | None = None
        self._lock = Lock()

    def provide_for(self, processes: int) -> None:
        """See to it that so many processes can run at once, by raising the soft limit if need be.

        Raises SetupError if it can't be raised far enough. What is started keeps the old one.
        """
        if not processes:
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken = _open_files() + _SPARE
        needed = taken + processes * PER_PROCESS
        if soft == resource.RLIM_INFINITY or needed <= soft:
            return
        try:
            self._raise_to(needed, soft, hard)
        except (OSError, ValueError) as error:
            most = soft if hard == resource.RLIM_INFINITY else hard
            raise _too_many(processes, needed, most, taken) from error

    def _raise_to(self, needed: int, soft: int, hard: int) -> None:
        original = soft if self._raised is None else self._raised.original
        kept = [] if self._raised is None else self._raised.kept
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        self._raised = _Raised(original, needed, hard, kept or _keep_free())

    @contextmanager
    def limit_of_children(self) -> Generator[None]:
        """Within this, a process is started with the limit that this one was started with."""
        raised = self._raised
        if raised is None:
            yield
            return
        with self._lock:
            # Under the old limit only low descriptors can be opened, and starting takes a few.
            while raised.kept:
                os.close(raised.kept.pop())
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised.original, raised.hard))
            try:
                yield
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (raised.soft, raised.hard))
                # The process has been started by now: nothing may be raised for want of a few.
                with suppress(OSError):
                    raised.kept.extend(_keep_free())


DESCRIPTORS = Descriptors()
"""Those of this process: the limit is the system's, whoever of us asks for more."""


def _open_files() -> int:
    return sum(1 for _ in _OPEN_FILES.iterdir())


def _keep_free() -> list[int]:
    return [os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(_KEPT_FREE)]


def _too_many(processes: int, needed: int, most: int, taken: int) -> SetupError:
    fitting = (most - taken) // PER_PROCESS
    message = (
        f"{processes:,} processes at once need {needed:,} open files, "
        f"and the limit is {most:,} (ulimit -Hn)"
    )
    way_out = f"use --max-parallel {fitting}, or " if fitting > 0 else ""
    return SetupError(message, hint=f"{way_out}raise the limit")
