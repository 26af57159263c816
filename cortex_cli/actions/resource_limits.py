"""The limits of one call's processes, taken together: memory and processor time.

On Linux they are looked at ten times a second: the resident memory and the processor time of all
processes of the child's session, those that have ended and been waited for included. The kernel
limits the processor time of each process as well, on every system. Address space is not limited:
programs reserve much more of it than they use.
"""

import math
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from cortex_cli.actions.process import ProcessLimits, ProcessResult, run_process
from cortex_cli.actions.process_start import Launch
from cortex_cli.engine.masking import Masker
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ToolManifest

SAMPLE_SECONDS = 0.1

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 1024 * 1024
# The fields of /proc/PID/stat after the name: utime, stime, and those of the children waited for.
_TIMES = slice(11, 15)
_SHELL = ("/bin/sh", "-c")
# The soft limit ends a process by SIGXCPU, which tells why; the hard one, if it ignores that.
_LIMITED = 'ulimit -S -t {soft}; ulimit -H -t {hard}; exec "$@"'
_BY_SIGNAL = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that the processes of a call may use, together; None: as much as there is."""

    memory_bytes: int | None = None
    cpu_seconds: float | None = None

    @classmethod
    def of(cls, manifest: ToolManifest) -> "Caps":
        """The smaller ones of those that a manifest sets in its two places."""
        both = (manifest.resources, manifest.implementation.resources)
        memory = [one.memory_bytes for one in both if one.memory_bytes is not None]
        cpu = [one.cpu_seconds for one in both if one.cpu_seconds is not None]
        return cls(memory_bytes=min(memory, default=None), cpu_seconds=min(cpu, default=None))

    @property
    def is_any(self) -> bool:
        """Whether anything is limited."""
        return self.memory_bytes is not None or self.cpu_seconds is not None


async def run_within(
    caps: Caps,
    launch: Launch,
    *,
    on_line: Callable[[str], None],
    limits: ProcessLimits,
    masker: Masker | None = None,
) -> ProcessResult:
    """As `run_process`; a child that uses more than it may is killed with all its session.

    Raises ActionError (`memory`, `cpu`) for such a child.
    """
    if not caps.is_any:
        return await run_process(launch, on_line=on_line, limits=limits, masker=masker)
    watch = _Watch(caps)
    limited = replace(launch, argv=_limited(launch.argv, caps))
    outcome: ProcessResult | ActionError | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.run)
        try:
            outcome = await run_process(
                limited, on_line=on_line, limits=limits, masker=masker, on_start=watch.begin
            )
        except ActionError as error:
            outcome = error
        tasks.cancel_scope.cancel()
    excess = watch.excess or _cpu_signal(caps, outcome)
    if excess is not None:
        raise excess
    if isinstance(outcome, ActionError):
        raise outcome
    assert outcome is not None, "the task group swallows nothing"
    return outcome


class _Watch:
    """Looks at what a session of processes uses, and kills it once that is too much."""

    def __init__(self, caps: Caps) -> None:
        self.excess: ActionError | None = None
        self._caps = caps
        self._started = anyio.Event()
        self._session = 0

    def begin(self, session: int) -> None:
        """The session has been started by a process of that id."""
        self._session = session
        self._started.set()

    async def run(self) -> None:
        """Look until it is too much, or cancelled."""
        await self._started.wait()
        members: list[int] = []
        while self.excess is None:
            await anyio.sleep(SAMPLE_SECONDS)
            members = list(_members(self._session))
            self.excess = self._memory_excess(members) or self._cpu_excess(members)
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def _memory_excess(self, members: list[int]) -> ActionError | None:
        most = self._caps.memory_bytes
        if most is None or sum(map(_resident, members)) <= most:
            return None
        # Pages that processes share count once; that takes longer to find out.
        used = sum(map(_share, members))
        if used <= most:
            return None
        message = f"used {used / _MIB:,.0f} MiB of memory, and may use {most / _MIB:,.0f} MiB"
        return ActionError(message, error_type="memory", hint="raise resources.memory")

    def _cpu_excess(self, members: list[int]) -> ActionError | None:
        most = self._caps.cpu_seconds
        if most is None or sum(map(_processor_seconds, members)) <= most:
            return None
        return _cpu_error(most)


def _limited(argv: Sequence[str], caps: Caps) -> list[str]:
    if caps.cpu_seconds is None:
        return list(argv)
    soft = math.ceil(caps.cpu_seconds)
    return [*_SHELL, _LIMITED.format(soft=soft, hard=soft + 1), "sh", *argv]


def _cpu_signal(caps: Caps, outcome: ProcessResult | ActionError | None) -> ActionError | None:
    """The error of a child that the kernel has ended, or whose own child it has."""
    if caps.cpu_seconds is None:
        return None
    if isinstance(outcome, ActionError):
        is_it = outcome.error_type == "signal" and signal.SIGXCPU.name in str(outcome)
    else:
        is_it = outcome is not None and outcome.exit_code == _BY_SIGNAL + signal.SIGXCPU
    return _cpu_error(caps.cpu_seconds) if is_it else None


def _cpu_error(most: float) -> ActionError:
    message = f"used more than {most:g} s of processor time"
    return ActionError(message, error_type="cpu", hint="raise resources.cpu_seconds")


def _members(session: int) -> Iterator[int]:
    """The processes of a session; none where there is no /proc."""
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if entry.name.isdigit() and _session(int(entry.name)) == session:
            yield int(entry.name)


def _session(pid: int) -> int | None:
    with suppress(ProcessLookupError, PermissionError):
        return os.getsid(pid)
    return None


def _resident(pid: int) -> int:
    text = _read(pid, "statm").split()
    return int(text[1]) * _PAGE if text else 0


def _share(pid: int) -> int:
    for line in _read(pid, "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return _resident(pid)


def _processor_seconds(pid: int) -> float:
    # The name before the other fields stands in parentheses and may hold any character.
    fields = _read(pid, "stat").rpartition(") ")[2].split()
    return sum(map(int, fields[_TIMES])) / _TICKS


def _read(pid: int, name: str) -> str:
    # It may be gone, or be somebody else's.
    with suppress(OSError):
        return (_PROC / str(pid) / name).read_text()
    return ""
