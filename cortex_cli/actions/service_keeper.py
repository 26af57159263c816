"""Keeps one service running for as long as cortex does. Run as a script.

Its arguments are LOG, MOST_BYTES, GRACE_SECONDS, PROGRAM and those of the program. It imports only
the standard library, so that it starts quickly in any environment. Standard input
is a pipe that cortex holds open: when it ends, however cortex has ended, the service gets TERM,
its grace, and KILL. What the service writes goes to LOG, of which the beginning is dropped once it
is longer than MOST_BYTES. The exit code is that of the service; 128 and more: a signal ended it.

With `--piped` in front, and FD, GRACE_SECONDS, PROGRAM … behind it, the pipe is the descriptor FD,
and the standard streams are those of the program.
"""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from time import monotonic

CUT_MARK = b"[the beginning of this log was cut]\n"

PIPED = "--piped"

_CHUNK = 64 * 1024
_LAST_SECONDS = 0.3
_NOT_STARTED = 127


class BoundedLog:
    """A file of at most so many bytes, and half as much again for an instant."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        """The file is made, with mode 0600; what was in it is gone."""
        self._most = most_bytes
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self._file = os.fdopen(descriptor, "w+b", buffering=0)
        self._size = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def write(self, chunk: bytes) -> None:
        """Add to the end; the older half is dropped where it grows too long."""
        self._file.write(chunk)
        self._size += len(chunk)
        if self._size > self._most:
            self._file.seek(-(self._most // 2), os.SEEK_END)
            kept = self._file.read().partition(b"\n")[2]
            self._file.seek(0)
            self._file.truncate()
            self._file.write(CUT_MARK + kept)
            self._size = len(CUT_MARK) + len(kept)


class Keeper:
    """Waits for whatever comes first: the end of the service, or that of cortex."""

    def __init__(
        self, service: "subprocess.Popen[bytes]", log: BoundedLog | None = None, lifeline: int = 0
    ) -> None:
        """`lifeline` is the descriptor that ends with cortex; no log: nothing is to be read."""
        self._log = log
        self._service = service
        self._lifeline = lifeline
        self._is_asked = False
        self._selector = selectors.DefaultSelector()

    def keep(self, grace_seconds: float) -> int:
        """The exit code of the service, once nothing of its process group is alive."""
        self._watch()
        self._pump_until(lambda: self._is_asked or self._has_ended())
        if not self._has_ended():
            self._signal(signal.SIGTERM)
            self._pump_until(self._has_ended, grace_seconds)
        self._signal(signal.SIGKILL)
        code = self._service.wait()
        self._pump_until(lambda: False, 0.0)
        return code if code >= 0 else 128 - code

    def _watch(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _stay)
        signal.signal(signal.SIGTERM, self._ask)
        if self._log is not None and self._service.stdout is not None:
            output = self._service.stdout.fileno()
            reader = partial(self._read_output, self._log, output)
            self._selector.register(output, selectors.EVENT_READ, reader)
        self._selector.register(self._lifeline, selectors.EVENT_READ, self._read_input)
        self._selector.register(reading, selectors.EVENT_READ, partial(os.read, reading, _CHUNK))

    def _ask(self, *_: object) -> None:
        self._is_asked = True

    def _has_ended(self) -> bool:
        return self._service.poll() is not None

    def _pump_until(self, is_enough: Callable[[], bool], seconds: float | None = None) -> None:
        until = None if seconds is None else monotonic() + seconds
        while not is_enough():
            left = None if until is None else until - monotonic()
            events = self._selector.select(left if left is None else max(left, 0.0))
            for key, _ in events:
                key.data()
            if until is not None and (not events or monotonic() > until + _LAST_SECONDS):
                return

    def _read_output(self, log: BoundedLog, output: int) -> None:
        if chunk := os.read(output, _CHUNK):
            log.write(chunk)
        else:
            self._selector.unregister(output)

    def _read_input(self) -> None:
        if not os.read(self._lifeline, _CHUNK):
            self._selector.unregister(self._lifeline)
            self._is_asked = True

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._service.pid, number)


def main(arguments: list[str]) -> int:
    """Start the service and keep it; its exit code."""
    if arguments[0] == PIPED:
        return _keep_piped(int(arguments[1]), float(arguments[2]), arguments[3:])
    path, most_bytes, grace_seconds, *argv = arguments
    with closing(BoundedLog(Path(path), int(most_bytes))) as log:
        try:
            service = _start(argv)
        except OSError as error:
            log.write(f"'{argv[0]}' could not be started: {error.strerror}\n".encode())
            return _NOT_STARTED
        with service:
            return Keeper(service, log).keep(float(grace_seconds))


def _keep_piped(lifeline: int, grace_seconds: float, argv: list[str]) -> int:
    try:
        service = subprocess.Popen(argv, start_new_session=True)
    except OSError as error:
        sys.stderr.write(f"'{argv[0]}' could not be started: {error.strerror}\n")
        return _NOT_STARTED
    # The streams end with the program, not with its keeper.
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    with service:
        return Keeper(service, lifeline=lifeline).keep(grace_seconds)


def _start(argv: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        argv,
        bufsize=0,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _stay(*_: object) -> None:
    """What a signal does here: it only wakes the keeper."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
