"""The processes that came of one child, and their end."""

import os
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from time import monotonic
from time import sleep as blocking_sleep

from anyio import move_on_after, sleep

from cortex_cli.actions.process_census import (
    MARK_VARIABLE,
    Census,
    Kin,
    environment_of,
)
from cortex_cli.actions.process_child import Child

# With the drain of the pipes that follows, within the two seconds after the grace.
_LAST_SECONDS = 1.5
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.05

RUN_ID_VARIABLE = "CORTEX_RUN_ID"
"""The environment variable in which each process of a tool finds the id of its run."""

Pause = Callable[[float], Awaitable[None]]


class ProcessFamily:
    """A child that leads its own session, and everything that it has started.

    On Linux these are the processes of its session and, wherever they went, those that carry its
    mark in their environment; one that leaves the session and drops its environment as well is
    not found. On other systems these are the processes of its group.
    """

    def __init__(self, child: Child, census: Census, kin: Kin) -> None:
        """`kin` is the child's entry in the census."""
        self._child = child
        self._census = census
        self._kin = kin

    @property
    def is_alive(self) -> bool:
        """Whether any of them is alive, the child included."""
        if not self._child.has_exited:
            return True
        if self._census.can_look:
            return bool(self._census.others(self._kin)) or self._census.is_undecided
        self._child.reap()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, 0)
            return True
        return False

    async def gone(self, pause: Pause = sleep) -> None:
        """Return once none of them is alive; `pause` is how to spend some seconds until then."""
        seconds = _FIRST_PAUSE
        while self.is_alive:
            await pause(seconds)
            seconds = min(2 * seconds, _LONGEST_PAUSE)

    async def end(self, grace_seconds: float, pause: Pause = sleep) -> None:
        """End them all: TERM, up to `grace_seconds` for their own last work, then KILL.

        Takes at most two seconds longer than the grace. What `pause` raises ends the grace, and
        travels on.
        """
        try:
            self._signal(signal.SIGTERM)
            with move_on_after(grace_seconds):
                await self.gone(pause)
        finally:
            with move_on_after(_LAST_SECONDS):
                # More than once: what was being forked during one look is found by the next.
                while self.is_alive:
                    self._signal(signal.SIGKILL)
                    await sleep(_FIRST_PAUSE)

    def _signal(self, number: signal.Signals) -> None:
        # The group at once, so that nobody forks away from under the signal; then who left it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)
        for pid in self._census.others(self._kin) if self._census.can_look else ():
            with suppress(ProcessLookupError, PermissionError):
                if os.getpgid(pid) != self._child.pid:
                    os.kill(pid, number)


def mark_children(environ: MutableMapping[str, str]) -> str:
    """Put a new mark into this process's environment, for every child to carry; the mark."""
    mark = token_hex(8)
    environ[MARK_VARIABLE] = f"{environ.get(MARK_VARIABLE, '')}.{mark}"
    return mark


def kill_marked(mark: str, *, proc: Path = Path("/proc"), seconds: float = 0.5) -> None:
    """Kill every process that carries the mark in its environment, but for this one; Linux only.

    Looks again until nobody is left, for at most these seconds. Raises ValueError for an empty
    mark, which every process carries.
    """
    if not mark:
        message = "an empty mark marks nothing"
        raise ValueError(message)
    began = monotonic()
    # More than once: what is being forked, or becomes another program, is found by the next look.
    while _kill_those_found(mark.encode(), proc) and monotonic() - began < seconds:
        blocking_sleep(_FIRST_PAUSE)


def end_survivors(run_id: str, *, proc: Path = Path("/proc")) -> list[int]:
    """Kill what a process of the run that was killed has left running; their ids. Linux only.

    Only for a run that no other process has: the tools of a live one carry its id as well.
    """
    mark = f"{RUN_ID_VARIABLE}={run_id}\0".encode()
    entries = proc.iterdir() if proc.is_dir() else ()
    pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    found = [pid for pid in pids if pid != os.getpid() and _carries(proc / str(pid), mark)]
    began = monotonic()
    while _kill_those_found(mark, proc) and monotonic() - began < _LAST_SECONDS:
        blocking_sleep(_FIRST_PAUSE)
    return found


def _carries(process: Path, mark: bytes) -> bool:
    with suppress(OSError):
        return mark in (process / "environ").read_bytes()
    return False


def _kill_those_found(mark: bytes, proc: Path) -> bool:
    """Whether it takes another look."""
    entries = proc.iterdir() if proc.is_dir() else ()
    pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    left = [_killed(proc / str(pid), mark) for pid in pids if pid != os.getpid()]
    return any(left)


def _killed(process: Path, mark: bytes) -> bool:
    """Kill the process if it carries the mark; whether it does, or that can't be told yet."""
    # It may be gone, or be somebody else's. The environment of a zombie is empty.
    with suppress(OSError):
        environment = environment_of(process)
        if environment is None:
            # Session 0: a kernel thread, which never has one.
            return os.getsid(int(process.name)) != 0
        if mark in environment:
            os.kill(int(process.name), signal.SIGKILL)
            return True
    return False
