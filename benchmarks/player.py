"""The process of one contestant, seen from outside."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from benchmarks.child import MOST_CPU_SECONDS

LONGEST_SECONDS = 300.0

_ROOT = Path(__file__).resolve().parent.parent
# What peers would tell their makers, they keep to themselves.
_QUIET = {"HAMILTON_TELEMETRY_ENABLED": "false", "LANGSMITH_TRACING": "false"}


class PlayerError(Exception):
    """A contestant's process gave no answer; the message says why."""


class Player:
    """A process that has imported a contestant, and runs a workload whenever it is asked to."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self._process = process
        self._errors = errors

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()

    def hear(self) -> dict[str, Any]:
        """The next answer; PlayerError if none comes in time."""
        stdout = self._process.stdout
        assert stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(LONGEST_SECONDS):
                message = f"no answer in {LONGEST_SECONDS:g} s"
                raise PlayerError(message)
        line = stdout.readline()
        if not line:
            raise PlayerError(self._last_words())
        return json.loads(line)

    def play(self) -> dict[str, Any]:
        """The answer to one more round; PlayerError if none comes in time."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write("\n")
        stdin.flush()
        return self.hear()

    def _last_words(self) -> str:
        code = self._process.wait()
        if code == -signal.SIGXCPU:
            return f"over {MOST_CPU_SECONDS} s: ended after that much CPU time"
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors if line.strip()]
        return lines[-1][:200] if code > 0 and lines else f"ended by signal {-code}"


@contextmanager
def playing(contestant: str, workload: str, *, quick: bool) -> Generator[Player]:
    """Start the process of a contestant; it is ended on the way out."""
    words = [contestant, workload, *(["quick"] if quick else [])]
    with (
        tempfile.TemporaryFile(mode="w+", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.child", *words],
            cwd=_ROOT,
            env={**os.environ, **_QUIET},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield Player(process, errors)
        finally:
            process.kill()
