"""The processes that came of one child, and their end."""

import os
import signal
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from anyio import move_on_after, sleep
from anyio.abc import Process

MARK_VARIABLE = "CORTEX_RUN_MARK"
"""The environment variable that the marks of a process stand in, the outermost first."""

# With the drain of the pipes that follows, within the two seconds after the grace.
_LAST_SECONDS = 1.5
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.05


class ProcessFamily:
    """A child that leads its own session, and everything that it has started.

    On Linux these are the processes of its session and, wherever they went, those that carry its
    mark in their environment; one that leaves the session and drops its environment as well is
    not found. On other systems these are the processes of its group.
    """

    def __init__(self, process: Process, mark: str, *, proc: Path = Path("/proc")) -> None:
        """`mark` is a text that occurs in the environment of this child and no other."""
        self._process = process
        self._leader = process.pid
        self._mark = mark
        self._proc = proc

    async def gone(self) -> None:
        """Return once none of them is alive."""
        pause = _FIRST_PAUSE
        while self._is_alive():
            await sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def end(self, grace_seconds: float) -> bool:
        """End them all: TERM, up to `grace_seconds` for their own last work, then KILL.

        Takes at most two seconds longer than the grace. False if none was alive.
        """
        if self._process.returncode is not None and not self._is_alive():
            return False
        self._signal(signal.SIGTERM)
        with move_on_after(grace_seconds):
            await self._process.wait()
            await self.gone()
        with move_on_after(_LAST_SECONDS):
            # More than once: what was being forked during one look is found by the next.
            while self._is_alive():
                self._signal(signal.SIGKILL)
                await sleep(_FIRST_PAUSE)
            await self._process.wait()
        return True

    def _is_alive(self) -> bool:
        if self._proc.is_dir():
            return bool(self._members())
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._leader, 0)
            return True
        return False

    def _signal(self, number: signal.Signals) -> None:
        # The group at once, so that nobody forks away from under the signal; then who left it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._leader, number)
        for pid in self._members():
            with suppress(ProcessLookupError, PermissionError):
                if os.getpgid(pid) != self._leader:
                    os.kill(pid, number)

    def _members(self) -> list[int]:
        """Whoever is alive; nobody where there is no /proc."""
        with suppress(FileNotFoundError):
            names = (entry.name for entry in self._proc.iterdir())
            return [int(name) for name in names if name.isdigit() and self._is_member(int(name))]
        return []

    def _is_member(self, pid: int) -> bool:
        # A process may end between any two of these looks at it.
        with suppress(ProcessLookupError, FileNotFoundError, PermissionError):
            session = os.getsid(pid)
            if session == self._leader:
                return not self._is_zombie(pid)
            # Session 0: a kernel thread, or from outside of this container; most are, so this
            # saves most of the time.
            return session != 0 and _carries(self._proc / str(pid), self._mark)
        return False

    def _is_zombie(self, pid: int) -> bool:
        status = (self._proc / str(pid) / "stat").read_bytes()
        # The name before the state stands in parentheses and may hold any character.
        return status.rpartition(b") ")[2][:1] in b"ZX"


def mark_children(environ: MutableMapping[str, str]) -> str:
    """Put a new mark into this process's environment, for every child to carry; the mark."""
    mark = token_hex(8)
    environ[MARK_VARIABLE] = f"{environ.get(MARK_VARIABLE, '')}.{mark}"
    return mark


def kill_marked(mark: str, *, proc: Path = Path("/proc")) -> None:
    """Kill every process that carries the mark in its environment, but for this one; Linux only.

    Raises ValueError for an empty mark, which every process carries.
    """
    if not mark:
        message = "an empty mark marks nothing"
        raise ValueError(message)
    for entry in proc.iterdir() if proc.is_dir() else ():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _carries(entry, mark):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(entry.name), signal.SIGKILL)


def _carries(process: Path, mark: str) -> bool:
    # It may be gone, or be somebody else's. The environment of a zombie is empty.
    with suppress(ProcessLookupError, FileNotFoundError, PermissionError):
        return mark.encode() in (process / "environ").read_bytes()
    return False
