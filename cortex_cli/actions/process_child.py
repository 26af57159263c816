"""A child process: its start, the pipes to it, and word of its exit."""

import os
import select
import signal
import subprocess
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import FileIO
from threading import Thread

from cortex_cli.actions.descriptors import DESCRIPTORS
from cortex_cli.actions.process_start import Launch, start_error
from cortex_cli.errors import ActionError


@dataclass(slots=True)
class Starts:
    """Whether children are started: no more of them once this process is about to exit."""

    # Not an Event, whose lock a signal's handler could wait for in vain.
    are_over: bool = False


STARTS = Starts()
"""Those of this process."""


@dataclass(slots=True, kw_only=True)
class Child:
    """A process that leads a session of its own, and our ends of the pipes to it.

    `stdin` is None where it is given nothing to read. `exit` becomes readable when the process
    exits. On Linux its pid stays its own until `reap`.
    """

    process: subprocess.Popen[bytes]
    stdin: FileIO | None
    stdout: FileIO
    stderr: FileIO
    exit: FileIO

    @property
    def pid(self) -> int:
        """Its pid, which is also that of its group and of its session."""
        return self.process.pid

    @property
    def has_exited(self) -> bool:
        """Whether it has exited by now."""
        poll = select.poll()
        poll.register(self.exit, select.POLLIN)
        return bool(poll.poll(0))

    def reap(self) -> int | None:
        """Let the pid go; the exit code, minus the signal for one, or None while it runs."""
        return self.process.poll()


def start_child(launch: Launch, open_files: ExitStack) -> Child:
    """Start a program; `open_files` takes our ends of its pipes.

    Raises ActionError if the system can't start it.
    """
    if STARTS.are_over:
        message = f"'{launch.argv[0]}' was not started: cortex is being ended"
        raise ActionError(message, error_type="cancelled", retryable=False)
    # Pipes of our own: what asyncio gives a child as standard input is a socket, which can't be
    # opened as /dev/stdin, and its streams are not those of trio.
    try:
        with ExitStack() as theirs:
            child_in, stdin = None, None
            if launch.stdin:
                child_in, stdin = _pipe(theirs, open_files)
                os.set_blocking(stdin.fileno(), False)
            stdout, child_out = _pipe(open_files, theirs)
            stderr, child_err = _pipe(open_files, theirs)
            with DESCRIPTORS.limit_of_children():
                process = subprocess.Popen(
                    launch.argv,
                    env=launch.env,
                    cwd=launch.cwd,
                    stdin=child_in or subprocess.DEVNULL,
                    stdout=child_out,
                    stderr=child_err,
                    start_new_session=True,
                )
        exit_end = open_files.enter_context(_watch(process))
    except OSError as error:
        raise start_error(error, launch) from error
    return Child(process=process, stdin=stdin, stdout=stdout, stderr=stderr, exit=exit_end)


def _pipe(reading: ExitStack, writing: ExitStack) -> tuple[FileIO, FileIO]:
    read_end, write_end = os.pipe()
    return (
        reading.enter_context(FileIO(read_end, "r")),
        writing.enter_context(FileIO(write_end, "w")),
    )


def _watch(process: subprocess.Popen[bytes]) -> FileIO:
    """A descriptor that becomes readable when the process exits; OSError ends the process."""
    try:
        if not hasattr(os, "pidfd_open"):
            return watch_from_thread(process)
        return FileIO(os.pidfd_open(process.pid), "r")
    except OSError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def watch_from_thread(process: subprocess.Popen[bytes]) -> FileIO:
    """As a descriptor of the process itself, where the system has none: a thread reaps it."""
    read_end, write_end = os.pipe()

    def wait() -> None:
        process.wait()
        os.close(write_end)

    Thread(target=wait, daemon=True).start()
    return FileIO(read_end, "r")
