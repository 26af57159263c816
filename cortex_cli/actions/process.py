"""Running a child process so that nothing of it outlives the call, whatever it does."""

import os
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from secrets import token_hex
from signal import Signals

from anyio import CancelScope, move_on_after
from anyio.lowlevel import checkpoint_if_cancelled

from cortex_cli.actions.process_census import MARK_VARIABLE, Census, Kin
from cortex_cli.actions.process_child import start_child
from cortex_cli.actions.process_exchange import Exchange
from cortex_cli.actions.process_family import ProcessFamily
from cortex_cli.actions.process_output import KeptBytes, ProgressLines
from cortex_cli.actions.process_start import Launch, check_launch
from cortex_cli.engine.masking import ByteMasker, Masker
from cortex_cli.errors import ActionError

# One for this process, since pids are the system's, whoever of us has started them.
_CENSUS = Census()
_SIGNAL_NAMES = {number.value: number.name for number in Signals}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """How much of a child's output is kept, and how long its end may take.

    `grace_seconds` lie between TERM and KILL when the call is cancelled. `drain_seconds` is what
    processes that the child leaves behind get when it has exited: once to end by themselves,
    once more between TERM and KILL.
    """

    stdout_bytes: int = 4 * 1024 * 1024
    line_chars: int = 2_000
    lines: int = 10_000
    grace_seconds: float = 5.0
    drain_seconds: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessResult:
    """A child that has exited by itself.

    `stdout` is what was kept of the `stdout_size` bytes that it wrote, with a mark where
    something was cut (`stdout_is_cut`). `stderr_tail` is the end of its standard error,
    `last_line` the last line there that is not blank. `left_behind`: others that it had started
    still ran, and were ended.
    """

    exit_code: int
    stdout: bytes
    stdout_size: int
    stdout_is_cut: bool
    stderr_tail: str
    last_line: str
    left_behind: bool

    @property
    def text(self) -> str:
        """Standard output as text; what is not UTF-8 is replaced."""
        return self.stdout.decode("utf-8", "replace")


async def run_process(
    launch: Launch,
    *,
    on_line: Callable[[str], None],
    limits: ProcessLimits = ProcessLimits(),
    masker: Masker | None = None,
    on_start: Callable[[int], None] | None = None,
) -> ProcessResult:
    """Run a program until it has exited; once this is left, nothing that it started is alive.

    Each line on standard error goes to `on_line` as it comes, the id of its process, which is
    that of its session, to `on_start`. Secrets that the `masker` knows are not in such a line, nor
    in the end of standard error, nor where standard output was cut. Raises ActionError if the program
    can't be started (`not_found`, `not_executable`, `arguments`, `resources`) or was ended by a
    signal (`signal`). What `on_line` raises ends the child and travels on.
    """
    await checkpoint_if_cancelled()
    mark = token_hex(16)
    # A cortex that is itself run by a tool adds its mark, so that the outer one finds it all.
    marked = replace(
        launch, env={**launch.env, MARK_VARIABLE: f"{os.environ.get(MARK_VARIABLE, '')}.{mark}"}
    )
    check_launch(marked)
    output = KeptBytes(limits.stdout_bytes, masker)
    lines = ProgressLines(on_line, longest=limits.line_chars, most=limits.lines)
    # Before there are lines: a secret may be spread over several, or be cut with one.
    shown = None if masker is None else ByteMasker(masker, lines.feed)
    with ExitStack() as open_files, _expected(mark) as kin:
        child = start_child(marked, open_files)
        _CENSUS.started(kin, child.pid)
        if on_start is not None:
            on_start(child.pid)
        family = ProcessFamily(child, _CENSUS, kin)
        exchange = open_files.enter_context(
            Exchange(
                child,
                launch.stdin,
                stdout=output.feed,
                stderr=lines.feed if shown is None else shown.feed,
            )
        )
        try:
            left_behind = await _attend(exchange, family, limits)
        finally:
            exit_code = child.reap()
    if shown is not None:
        shown.flush()
    lines.finish()
    assert exit_code is not None, "only an exit ends the wait"
    if exit_code < 0:
        raise _ended_by_signal(-exit_code)
    return ProcessResult(
        exit_code=exit_code,
        stdout=output.value(),
        stdout_size=output.size,
        stdout_is_cut=output.is_cut,
        stderr_tail=lines.tail(),
        last_line=lines.last_line(),
        left_behind=left_behind,
    )


@contextmanager
def _expected(mark: str) -> Generator[Kin]:
    kin = _CENSUS.expect(mark)
    try:
        yield kin
    finally:
        _CENSUS.forget(kin)


async def _attend(exchange: Exchange, family: ProcessFamily, limits: ProcessLimits) -> bool:
    """Wait for the exit, then for the others, and end those that stay; whether there were any."""
    are_others = True
    grace = limits.grace_seconds
    try:
        await exchange.until_exit()
        grace = limits.drain_seconds
        are_others = not exchange.is_drained or family.is_alive
        if are_others:
            with move_on_after(grace):
                await exchange.until_drained()
                await family.gone()
                are_others = False
    finally:
        if are_others:
            with CancelScope(shield=True):
                are_others = await _end(exchange, family, grace, limits.drain_seconds)
    return are_others


async def _end(exchange: Exchange, family: ProcessFamily, grace: float, drain: float) -> bool:
    """End them all, and read their last words; whether anybody was alive.

    A child that ends on TERM would hang on its pipe if nobody read what it still says.
    """
    was_alive = family.is_alive
    if was_alive:
        await family.end(grace, exchange.pause)
    with move_on_after(drain):
        await exchange.until_drained()
    return was_alive


def _ended_by_signal(number: int) -> ActionError:
    name = _SIGNAL_NAMES.get(number, "unknown")
    return ActionError(f"ended by signal {name} ({number})", error_type="signal")
