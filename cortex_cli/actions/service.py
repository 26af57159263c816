"""A service that cortex starts for a run, and ends with it: `deployment: {type: process}`."""

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from signal import SIGKILL
from subprocess import DEVNULL
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from cortex_cli.actions.network import NoConnectionError
from cortex_cli.actions.process_census import MARK_VARIABLE
from cortex_cli.actions.process_family import kill_marked
from cortex_cli.actions.process_start import Launch, check_launch, child_environment
from cortex_cli.ids import slug
from cortex_cli.protocol.sealed import reveal

if TYPE_CHECKING:
    from anyio.abc import Process

LOG_BYTES = 1024 * 1024
GRACE_SECONDS = 5.0

_KEEPER = Path(__file__).with_name("service_keeper.py")
_TAIL_BYTES = 16 * 1024
_TAIL_LINES = 5
_LONGEST_LINE = 300
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.25
_SPARE_SECONDS = 1.0
_LAST_MOMENT = 0.5
_SIGNAL_CODES = 128

Probe = Callable[[], Awaitable[bool]]
"""Whether the service answers."""


class ServiceError(NoConnectionError):
    """A service that cortex has started did not come up, or has ended; its log says why."""

    def __init__(self, message: str) -> None:
        """An error of type `service`."""
        super().__init__(message)
        self.error_type = "service"
        self.retryable = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """How a service is started: `environment` holds the variables declared for it, resolved.

    Its log is in a folder in `log_folder`; None: where temporary files are.
    """

    name: str
    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    start_seconds: float = 30.0
    grace_seconds: float = GRACE_SECONDS
    log_folder: Path | None = None


class Service:
    """One service, started at its first use and no second time.

    Once `aclose` has returned nothing of it is alive. Should cortex be killed, the service is
    ended all the same, within its grace: its keeper sees that the pipe to it breaks. `log` is a file of
    at most 1 MiB in a folder of its own, which is removed at the end if all was well.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.log: Path | None = None
        self._deployment = deployment
        self._process: Process | None = None
        self._mark = token_hex(16)
        self._lifeline = -1
        self._has_failed = False

    @property
    def has_started(self) -> bool:
        """Whether it was started, whatever became of it."""
        return self._process is not None

    async def start(self, answers: Probe) -> None:
        """Start it unless that was done before, and wait until it answers.

        Raises ServiceError if it ends before that, or takes too long; the end of its log is told.
        """
        import anyio

        if self._process is None:
            self._process = await self._spawn()
        limit = self._deployment.start_seconds
        pause = _FIRST_PAUSE
        with anyio.move_on_after(limit):
            while self._process.returncode is None:
                if await answers():
                    return
                await anyio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        error = self._failure("ended before it answered", f"did not answer within {limit:g} s")
        raise error

    async def check(self) -> None:
        """Raise ServiceError if it has ended; waits a moment for one that is about to."""
        import anyio

        if self._process is None:
            return
        with anyio.move_on_after(_LAST_MOMENT):
            await self._process.wait()
        if self._process.returncode is not None:
            error = self._failure("has ended")
            raise error

    async def aclose(self) -> None:
        """End it and all that it has started; a second time does nothing."""
        import anyio

        if self._lifeline < 0 or self._process is None:
            return
        self._has_failed = self._has_failed or self._process.returncode is not None
        os.close(self._lifeline)
        self._lifeline = -1
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(self._deployment.grace_seconds + _SPARE_SECONDS):
                await self._process.wait()
            # The keeper gave them their grace: whoever is left has had it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, SIGKILL)
            kill_marked(self._mark)
            await self._process.wait()
        if self.log is not None and not self._has_failed:
            self.log.unlink(missing_ok=True)
            with suppress(OSError):
                self.log.parent.rmdir()

    async def _spawn(self) -> "Process":
        import anyio

        deployment = self._deployment
        marks = f"{os.environ.get(MARK_VARIABLE, '')}.{self._mark}"
        environment = child_environment(reveal(dict(deployment.environment)))
        launch = Launch(
            argv=deployment.argv,
            env={**environment, MARK_VARIABLE: marks},
            cwd=str(deployment.folder),
        )
        check_launch(launch)
        prefix = f"cortex-{slug(deployment.name)[:40]}-"
        folder = mkdtemp(prefix=prefix, dir=deployment.log_folder)
        self.log = Path(folder) / "service.log"
        limits = [str(self.log), str(LOG_BYTES), str(deployment.grace_seconds)]
        theirs, self._lifeline = os.pipe()
        process: Process | None = None
        try:
            with anyio.CancelScope(shield=True):
                process = await anyio.open_process(
                    [sys.executable, "-I", "-S", str(_KEEPER), *limits, *launch.argv],
                    env=launch.env,
                    cwd=launch.cwd,
                    stdin=theirs,
                    stdout=DEVNULL,
                    stderr=DEVNULL,
                    start_new_session=True,
                )
        finally:
            os.close(theirs)
        assert process is not None, "a shielded scope swallows nothing"
        return process

    def _failure(self, ended: str, late: str = "") -> ServiceError:
        """The error that says how it has ended, or that it is late, with the end of its log."""
        self._has_failed = True
        code = None if self._process is None else self._process.returncode
        what = late if code is None else f"{ended}, {_worded(code)}"
        said = " | ".join(_last_lines(self.log)) or "its log is empty"
        message = f"the service of relic '{self._deployment.name}' {what}: {said}"
        error = ServiceError(message)
        error.hint = f"its log is {self.log}"
        return error


def _worded(code: int) -> str:
    if code > _SIGNAL_CODES:
        return f"by signal {code - _SIGNAL_CODES}"
    return f"with exit code {code}"


def _last_lines(log: Path | None) -> list[str]:
    """The last lines of a log that are not blank, the oldest first."""
    if log is None or not log.is_file():
        return []
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        text = file.read().decode("utf-8", "replace")
    lines = [line.strip()[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]
    return lines[-_TAIL_LINES:]
