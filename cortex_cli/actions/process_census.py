"""Which processes of this system came of which child of ours, each looked at once (Linux).

The kernel gives out pids in a circle. Who is new since an earlier look therefore has a pid between
the last one of then and the last one of now, as long as the circle cannot have been closed
meanwhile; if it can, everybody is looked at again.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from threading import Lock
from time import monotonic

MARK_VARIABLE = "CORTEX_RUN_MARK"
"""The environment variable that the marks of a process stand in, the outermost first."""

_NAME = f"{MARK_VARIABLE}=".encode()
# More than one processor can make: a clone, or a thread, takes longer than 10 us.
_FORKS_PER_SECOND = 200_000
_FEW = 256
# One that has no environment at all looks the same each time.
_LOOKS = 3
_ANY = range(1, 2**31)


class Kin:
    """One child of ours, its leader, and what has come of it: the pids known so far."""

    __slots__ = ("leader", "mark", "pids", "sessions")

    def __init__(self, mark: str) -> None:
        """`mark` is a text that the child, and no other, has in its MARK_VARIABLE."""
        self.mark = mark.encode()
        self.leader = 0
        self.sessions: set[int] = set()
        self.pids: set[int] = set()


class Census:
    """Keeps who has come of each child: by its session, and by its mark outside of it.

    One that leaves the session and drops its environment as well, between two looks, is not found.
    """

    def __init__(
        self, proc: Path = Path("/proc"), *, clock: Callable[[], float] = monotonic
    ) -> None:
        """`clock` gives seconds and never runs backwards."""
        self._proc = proc
        self._clock = clock
        self._lock = Lock()
        self._kin: dict[bytes, Kin] = {}
        # Invariant: a session that somebody of a family lives in has an entry, since all of a
        # session came of whoever made it.
        self._sessions: dict[int, Kin] = {}
        self._owners: dict[int, Kin] = {}
        self._circle: int | None = None
        self._last: int | None = None
        self._looked_at = 0.0
        # Whose environment could not be read: the sessions of such, and those to look at again.
        self._unclear: set[int] = set()
        self._again: set[int] = set()

    @property
    def can_look(self) -> bool:
        """Whether this system shows its processes."""
        return self._proc.is_dir()

    def expect(self, mark: str) -> Kin:
        """A child with this mark is about to be started."""
        kin = Kin(mark)
        with self._lock:
            self._kin[kin.mark] = kin
        return kin

    def started(self, kin: Kin, leader: int) -> None:
        """The child has been started; it leads a session of its own."""
        with self._lock:
            kin.leader = leader
            self._add_session(leader, kin)

    def forget(self, kin: Kin) -> None:
        """The child has been reaped, or was never started."""
        with self._lock:
            del self._kin[kin.mark]
            for session in kin.sessions:
                self._sessions.pop(session, None)
            for pid in kin.pids:
                self._owners.pop(pid, None)

    def others(self, kin: Kin) -> list[int]:
        """Who has come of the child and is alive, the child itself left out."""
        with self._lock:
            self._look()
            # Who has ended may have started somebody after that look had begun.
            while self._let_go_of_the_dead(kin) and not kin.pids:
                self._look()
            return list(kin.pids)

    @property
    def is_undecided(self) -> bool:
        """Whether the last look met a process in the middle of becoming another program."""
        return bool(self._again)

    def _let_go_of_the_dead(self, kin: Kin) -> bool:
        dead = [pid for pid in kin.pids if not self._is_alive(pid)]
        for pid in dead:
            self._disown(pid)
        return bool(dead)

    def _look(self) -> None:
        began, last = self._clock(), self._number("ns_last_pid")
        newcomers = self._newcomers(last)
        self._last, self._looked_at = last, began
        again, self._again = self._again, set()
        if newcomers is None:
            self._forget_all()
            newcomers = [_ANY]
        else:
            for pid in again:
                self._look_at(pid, [_ANY])
        for pid in self._pids(newcomers):
            self._look_at(pid, newcomers)

    def _newcomers(self, last: int | None) -> list[range] | None:
        """The pids given out since the last look; None if that can't be told."""
        before, size = self._last, self._circle
        if before is None or last is None or size is None:
            return None
        elapsed = self._clock() - self._looked_at
        if elapsed * _FORKS_PER_SECOND * (os.cpu_count() or 1) >= size:
            return None
        if before <= last:
            return [range(before + 1, last + 1)]
        return [range(before + 1, size), range(1, last + 1)]

    def _pids(self, newcomers: list[range]) -> Iterable[int]:
        if sum(map(len, newcomers)) <= _FEW:
            return chain(*newcomers)
        return [pid for pid in self._everybody() if _is_in(newcomers, pid)]

    def _everybody(self) -> Iterator[int]:
        with os.scandir(self._proc) as entries:
            yield from (int(entry.name) for entry in entries if entry.name.isdigit())

    def _forget_all(self) -> None:
        # What is known of a pid says nothing once it may have been given to somebody else.
        self._circle = self._number("pid_max")
        self._sessions.clear()
        self._owners.clear()
        self._unclear.clear()
        for kin in self._kin.values():
            kin.pids.clear()
            kin.sessions.clear()
            if kin.leader:
                self._add_session(kin.leader, kin)

    def _look_at(self, pid: int, newcomers: list[range]) -> None:
        self._disown(pid)
        try:
            session = os.getsid(pid)
        except OSError:
            return
        kin = self._sessions.get(session)
        # Session 0: a kernel thread, or from outside of this container. And nobody gets back into
        # the session of cortex, or into any that is older than the child.
        is_open = session in self._unclear or _is_in(newcomers, session)
        if kin is None and is_open and session not in (0, os.getsid(0)):
            kin = self._by_mark(pid, session)
        if kin is not None and pid != kin.leader:
            kin.pids.add(pid)
            self._owners[pid] = kin

    def _by_mark(self, pid: int, session: int) -> Kin | None:
        folder = self._proc / str(pid)
        try:
            environment = environment_of(folder)
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError:
            # Somebody else's; what it starts may become ours again.
            self._unclear.add(session)
            return None
        if environment is None:
            self._again.add(pid)
            self._unclear.add(session)
            return None
        for mark in marks_in(environment):
            if kin := self._kin.get(mark):
                self._add_session(session, kin)
                return kin
        return None

    def _add_session(self, session: int, kin: Kin) -> None:
        self._sessions[session] = kin
        kin.sessions.add(session)

    def _disown(self, pid: int) -> None:
        if kin := self._owners.pop(pid, None):
            kin.pids.discard(pid)

    def _is_alive(self, pid: int) -> bool:
        with suppress(OSError):
            return _state(self._proc / str(pid)) not in b"ZX"
        return False

    def _number(self, name: str) -> int | None:
        with suppress(OSError, ValueError):
            descriptor = os.open(f"{self._proc}/sys/kernel/{name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                return int(os.read(descriptor, 32))
            finally:
                os.close(descriptor)
        return None


def marks_in(environment: bytes) -> list[bytes]:
    """The marks that stand in the environment of a process, the outermost first."""
    for variable in environment.split(b"\0"):
        if variable.startswith(_NAME):
            return [mark for mark in variable[len(_NAME) :].split(b".") if mark]
    return []


def _is_in(ranges: list[range], number: int) -> bool:
    return any(number in one for one in ranges)


def _state(process: Path) -> bytes:
    status = (process / "stat").read_bytes()
    # The name before the state stands in parentheses and may hold any character.
    return status.rpartition(b") ")[2][:1]


def environment_of(process: Path) -> bytes | None:
    """The environment of a process; None while it becomes another program and has none yet.

    `process` is its folder in /proc. Raises OSError if it is gone, or is somebody else's.
    """
    for _ in range(_LOOKS):
        if environment := (process / "environ").read_bytes():
            return environment
        if _is_between_programs(process):
            return None
        # It may have become that program between the two.
    return b""


def _is_between_programs(process: Path) -> bool:
    """Whether a process is about to get its arguments and environment, having none yet."""
    return not (process / "cmdline").read_bytes() and _state(process) not in b"ZX"
