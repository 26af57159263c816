"""Running a child process so that nothing of it outlives the call, whatever it does."""

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from io import FileIO
from secrets import token_hex
from signal import Signals
from typing import cast

import anyio
from anyio import CancelScope, Event, create_task_group, move_on_after
from anyio.abc import Process

from cortex_cli.actions.process_family import MARK_VARIABLE, ProcessFamily
from cortex_cli.actions.process_output import KeptBytes, ProgressLines
from cortex_cli.actions.process_start import Launch, check_launch, start_error
from cortex_cli.errors import ActionError

_CHUNK = 64 * 1024
_SIGNAL_NAMES = {number.value: number.name for number in Signals}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """How much of a child's output is kept, and how long its end may take.

    `grace_seconds` lie between TERM and KILL when the call is cancelled. `drain_seconds` is what
    processes that the child leaves behind get when it has exited: once to end by themselves,
    once more between TERM and KILL.
    """

    stdout_bytes: int = 16 * 1024 * 1024
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
    on_start: Callable[[int], None] | None = None,
) -> ProcessResult:
    """Run a program until it has exited; once this is left, nothing that it started is alive.

    Each line on standard error goes to `on_line` as it comes, the id of its process, which is
    that of its session, to `on_start`. Raises ActionError if the program
    can't be started (`not_found`, `not_executable`, `arguments`, `resources`) or was ended by a
    signal (`signal`). What `on_line` raises ends the child and travels on.
    """
    mark = token_hex(16)
    # A cortex that is itself run by a tool adds its mark, so that the outer one finds it all.
    marked = replace(
        launch, env={**launch.env, MARK_VARIABLE: f"{os.environ.get(MARK_VARIABLE, '')}.{mark}"}
    )
    check_launch(marked)
    output = KeptBytes(limits.stdout_bytes)
    lines = ProgressLines(on_line, longest=limits.line_chars, most=limits.lines)
    with ExitStack() as open_pipes:
        process, pipes = await _start(marked, open_pipes)
        if on_start is not None:
            on_start(process.pid)
        pump = _Pump(pipes, launch.stdin, output, lines)
        try:
            left_behind = await _attend(process, ProcessFamily(process, mark), pump, limits)
        except BaseExceptionGroup as group:
            # The tasks are a detail of ours: what `on_line` raises reaches the caller as it is.
            error = _innermost(group)
            raise error from error.__cause__
    lines.finish()
    exit_code = process.returncode or 0
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


@dataclass(frozen=True, slots=True)
class _Pipes:
    stdin: FileIO
    stdout: FileIO
    stderr: FileIO


async def _start(launch: Launch, open_pipes: ExitStack) -> tuple[Process, _Pipes]:
    # Pipes of our own: what asyncio gives a child as standard input is a socket, which can't be
    # opened as /dev/stdin, and its streams are not those of trio.
    try:
        with ExitStack() as theirs:
            child_in, our_in = _pipe(theirs, open_pipes)
            our_out, child_out = _pipe(open_pipes, theirs)
            our_err, child_err = _pipe(open_pipes, theirs)
            os.set_blocking(our_in.fileno(), False)
            process: Process | None = None
            with CancelScope(shield=True):
                process = await anyio.open_process(
                    launch.argv,
                    env=launch.env,
                    cwd=launch.cwd,
                    stdin=child_in.fileno(),
                    stdout=child_out.fileno(),
                    stderr=child_err.fileno(),
                    start_new_session=True,
                )
            assert process is not None, "a shielded scope swallows nothing"
            return process, _Pipes(our_in, our_out, our_err)
    except OSError as error:
        raise start_error(error, launch) from error


def _pipe(reading: ExitStack, writing: ExitStack) -> tuple[FileIO, FileIO]:
    read_end, write_end = os.pipe()
    return (
        reading.enter_context(FileIO(read_end, "r")),
        writing.enter_context(FileIO(write_end, "w")),
    )


class _Pump:
    """Moves the bytes between us and the child, also while the call is being cancelled.

    A child that ends on TERM may have last words; if nobody read them it would hang on its pipe.
    """

    def __init__(
        self, pipes: _Pipes, given: bytes, output: KeptBytes, lines: ProgressLines
    ) -> None:
        self.drained = Event()
        self._scope = CancelScope(shield=True)
        self._pipes = pipes
        self._given = given
        self._output = output
        self._lines = lines

    async def run(self) -> None:
        """Pump until all pipes are closed at the other end, or `drain` has ended it."""
        with self._scope:
            async with create_task_group() as tasks:
                tasks.start_soon(_write, self._pipes.stdin, self._given)
                tasks.start_soon(_read, self._pipes.stdout, self._output.feed)
                tasks.start_soon(_read, self._pipes.stderr, self._lines.feed)
            self.drained.set()

    async def drain(self, seconds: float) -> None:
        """Stop pumping: once all has been read, or after this time."""
        with move_on_after(seconds):
            await self.drained.wait()
        self._scope.cancel()


async def _write(pipe: FileIO, given: bytes) -> None:
    left = memoryview(given)
    with pipe, suppress(BrokenPipeError):
        while left:
            await anyio.wait_writable(pipe)
            left = left[pipe.write(left[:_CHUNK]) or 0 :]


async def _read(pipe: FileIO, feed: Callable[[bytes], None]) -> None:
    await anyio.wait_readable(pipe)
    while chunk := pipe.read(_CHUNK):
        feed(chunk)
        await anyio.wait_readable(pipe)


async def _attend(
    process: Process, family: ProcessFamily, pump: _Pump, limits: ProcessLimits
) -> bool:
    """Wait for the exit, then for the others, and end those that stay; whether there were any."""
    are_others = True
    grace = limits.grace_seconds
    async with create_task_group() as tasks:
        tasks.start_soon(pump.run)
        try:
            await process.wait()
            grace = limits.drain_seconds
            with move_on_after(limits.drain_seconds):
                await pump.drained.wait()
                await family.gone()
                are_others = False
        finally:
            with CancelScope(shield=True):
                are_others = are_others and await family.end(grace)
                await pump.drain(limits.drain_seconds)
    return are_others


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        first, *others = cast("BaseExceptionGroup[BaseException]", error).exceptions
        if others:
            break
        error = first
    return cast(BaseException, error)


def _ended_by_signal(number: int) -> ActionError:
    name = _SIGNAL_NAMES.get(number, "unknown")
    return ActionError(f"ended by signal {name} ({number})", error_type="signal")
