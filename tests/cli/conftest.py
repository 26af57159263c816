"""The command line as a user has it: a process of its own, in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cortex_cli.events import Event, decode

MANIFESTS = Path(__file__).parents[2] / "manifests"


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON value."""
        return msgspec.json.decode(self.out)

    @property
    def events(self) -> list[Event]:
        """Standard output as events."""
        return [decode(line) for line in self.out.splitlines()]


Cortex = Callable[..., Ended]


def environment(state: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command whose state lies in a folder of the test's own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "HOME", "LANG"} or name.startswith(("COVERAGE_", "COV_"))
    }
    return {**kept, "CORTEX_HOME": str(state), "COLUMNS": "80", **(extra or {})}


def begin_at(
    terminal: int,
    here: Path,
    env: Mapping[str, str],
    *arguments: str,
    stdout: int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """A command in the background, whose input and messages are those of a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "cortex_cli", *arguments],
        cwd=here,
        env={**environment(here.parent / "state", env), "TERM": "xterm-256color", "LINES": "24"},
        stdin=terminal,
        stdout=stdout,
        stderr=terminal,
        start_new_session=True,
    )


@pytest.fixture
def cortex(tmp_path: Path) -> Cortex:
    """Run `cortex` with arguments in an empty folder, and wait for its end."""
    (tmp_path / "here").mkdir()

    def run(*arguments: str | Path, stdin: str = "", env: Mapping[str, str] | None = None) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "cortex_cli", *map(str, arguments)],
            cwd=tmp_path / "here",
            env=environment(tmp_path / "state", env),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def here(tmp_path: Path, cortex: Cortex) -> Path:
    """The folder that the command runs in."""
    assert cortex
    return tmp_path / "here"
