"""The virtual environment of a tool that needs packages: made once, and kept by its content."""

import fcntl
import os
import platform
import re
import shutil
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import anyio

from cortex_cli.actions.process import ProcessLimits, ProcessResult, run_process
from cortex_cli.actions.process_start import Launch, child_environment
from cortex_cli.engine.ports import Reporter
from cortex_cli.errors import ActionError

FOLDER = "envs"

_MARK = "complete"
_POLL_SECONDS = 0.1
_TOLD_LINES = 5
_LONGEST_LINE = 300
_FILE = re.compile(r"[^\s#;@=]*[/.][^\s#;]*")
# What pip is told by its user is passed on: where packages come from, and how to get there.
_FOR_PIP = re.compile(r"PIP_.*|(?:https?|no|all)_proxy|SSL_CERT_(?:FILE|DIR)", re.IGNORECASE)
# What pip says goes where progress is read.
_TO_STDERR = ("/bin/sh", "-c", 'exec "$@" >&2', "sh")
_PIP = (
    "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar=off",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """A requirements file of the tool `name`; paths in it are relative to the tool's `folder`."""

    name: str
    file: Path
    folder: Path

    def digest(self) -> str:
        """What tells environments apart: the file, the local files that it names, the Python."""
        content = self.file.read_bytes()
        digest = sha256(content)
        for text in _FILE.findall(content.decode("utf-8", "replace")):
            named = self.folder / text
            if named.is_file():
                digest.update(sha256(named.read_bytes()).digest())
        digest.update(f"{sys.implementation.cache_tag} {platform.platform()}".encode())
        digest.update(os.fsencode(sys.base_prefix))
        return digest.hexdigest()[:32]


class VirtualEnvironment:
    """An environment under `envs/` of the state folder, named after what it is made of.

    It is made by whoever needs it first, of all processes, while the others wait. One that could
    not be finished is removed.
    """

    def __init__(
        self, requirements: Requirements, *, state: Callable[[], Path], ambient: Mapping[str, str]
    ) -> None:
        """`state` opens the state folder; `ambient` is the environment of this process."""
        self._requirements = requirements
        self._state = state
        self._ambient = ambient
        self._ready: Path | None = None

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        return self._state() / FOLDER / self._requirements.digest()

    def is_made(self) -> bool:
        """Whether it is there and whole."""
        return (self.folder / _MARK).is_file()

    async def get(self, report: Reporter) -> Path:
        """Its folder; makes it if that is still to be done, telling how it goes.

        Raises ActionError (`build`), with the last lines of what was said, if it can't be made.
        """
        if self._ready is not None:
            return self._ready
        folder = self.folder
        if not (folder / _MARK).is_file():
            folder.parent.mkdir(0o700, exist_ok=True)
            async with _alone(folder.with_name(f"{folder.name}.lock"), report):
                if not (folder / _MARK).is_file():
                    await self._make(folder, report)
        self._ready = folder
        return folder

    async def _make(self, folder: Path, report: Reporter) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        requirements = self._requirements
        report.progress(f"making an environment for {requirements.file.name}")
        python = str(folder / "bin" / "python")
        try:
            await self._perform([sys.executable, "-m", "venv", str(folder)], report)
            await self._perform([python, *_PIP, "-r", str(requirements.file)], report)
            (folder / _MARK).touch()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    async def _perform(self, argv: list[str], report: Reporter) -> None:
        env = {name: text for name, text in self._ambient.items() if _FOR_PIP.fullmatch(name)}
        result = await run_process(
            Launch(
                argv=[*_TO_STDERR, *argv],
                env=child_environment(env),
                cwd=str(self._requirements.folder),
            ),
            on_line=report.progress,
            limits=ProcessLimits(),
        )
        if result.exit_code:
            name = self._requirements.name
            message = f"the environment of tool '{name}' could not be made: {_end_of(result)}"
            raise ActionError(message, error_type="build")


@asynccontextmanager
async def _alone(lock: Path, report: Reporter) -> AsyncGenerator[None]:
    """Hold the lock, a kernel lock that dies with its process."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        is_told = False
        while not _lock_nowait(descriptor):
            if not is_told:
                report.progress("waiting for the environment, which is being made")
                is_told = True
            await anyio.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _lock_nowait(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end_of(result: ProcessResult) -> str:
    lines = [line.strip() for line in result.stderr_tail.splitlines() if line.strip()]
    told = [line[:_LONGEST_LINE] for line in lines[-_TOLD_LINES:]]
    return " | ".join(told) or f"exit code {result.exit_code}"
