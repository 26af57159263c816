"""A server that is talked to over its standard streams, started for a run and ended with it."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from signal import SIGKILL, Signals
from subprocess import PIPE
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from cortex_cli.actions.process_census import MARK_VARIABLE
from cortex_cli.actions.process_family import kill_marked
from cortex_cli.actions.process_output import ProgressLines
from cortex_cli.actions.process_start import Launch, check_launch, child_environment
from cortex_cli.actions.service_keeper import PIPED, BoundedLog
from cortex_cli.engine.masking import ByteMasker, Masker
from cortex_cli.ids import slug
from cortex_cli.protocol.sealed import reveal

if TYPE_CHECKING:
    from anyio.abc import ByteReceiveStream, ByteSendStream, Process

LOG_BYTES = 1024 * 1024
GRACE_SECONDS = 5.0
FAREWELL_SECONDS = 1.0
"""How long a server may take to end by itself, once nobody talks to it any more."""

_KEEPER = Path(__file__).with_name("service_keeper.py")
_SPARE_SECONDS = 1.0
_SIGNAL_CODES = 128
_LONGEST_LINE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLaunch:
    """How a server is started: `environment` holds the variables declared for it, resolved.

    `masker` gives what takes the secrets out of its log, None where there are none. The log is in
    a folder in `log_folder`; None: where temporary files are.
    """

    name: str
    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    masker: Callable[[], Masker | None] = lambda: None
    grace_seconds: float = GRACE_SECONDS
    log_folder: Path | None = None


class StdioServer:
    """One process of a server: `stdin` and `stdout` are our ends of its streams.

    Once `aclose` has returned nothing of it is alive. Should cortex be killed, the server is ended
    all the same, within its grace: its keeper sees that the pipe to it breaks. `log` is what it
    has written to standard error, at most 1 MiB, without secrets, in a folder of its own; it is
    removed at the end unless `has_failed`.
    """

    def __init__(self, launch: ServerLaunch) -> None:
        """Nothing is started yet."""
        self.log: Path | None = None
        self.has_failed = False
        self._launch = launch
        self._process: Process | None = None
        self._mark = token_hex(16)
        self._lifeline = -1
        self._how = "was not started"
        self._lines = ProgressLines(_ignore, longest=_LONGEST_LINE, most=0)

    @property
    def stdin(self) -> "ByteSendStream":
        """Where it reads."""
        assert self._process is not None, "it is started first"
        assert self._process.stdin is not None, "it has pipes"
        return self._process.stdin

    @property
    def stdout(self) -> "ByteReceiveStream":
        """Where it writes."""
        assert self._process is not None, "it is started first"
        assert self._process.stdout is not None, "it has pipes"
        return self._process.stdout

    async def start(self) -> None:
        """Start it; ActionError if no process can be given these arguments or variables."""
        import anyio

        launch = self._checked()
        folder = mkdtemp(
            prefix=f"cortex-{slug(self._launch.name)[:40]}-", dir=self._launch.log_folder
        )
        self.log = Path(folder) / "server.log"
        theirs, self._lifeline = os.pipe()
        keeper = [sys.executable, "-I", "-S", str(_KEEPER), PIPED, str(theirs)]
        try:
            with anyio.CancelScope(shield=True):
                self._process = await anyio.open_process(
                    [*keeper, str(self._launch.grace_seconds), *launch.argv],
                    env=launch.env,
                    cwd=launch.cwd,
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=PIPE,
                    start_new_session=True,
                    pass_fds=(theirs,),
                )
        finally:
            os.close(theirs)

    async def keep_log(self) -> None:
        """Write down what it says on standard error, until that ends."""
        import anyio

        assert self.log is not None, "it is started first"
        assert self._process is not None, "it is started first"
        assert self._process.stderr is not None, "it has pipes"
        masker = self._launch.masker()
        log = BoundedLog(self.log, LOG_BYTES)

        def write(chunk: bytes) -> None:
            log.write(chunk)
            self._lines.feed(chunk)

        shown = None if masker is None else ByteMasker(masker, write)
        try:
            with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                async for chunk in self._process.stderr:
                    (write if shown is None else shown.feed)(chunk)
        finally:
            if shown is not None:
                shown.flush()
            log.close()

    def ended(self) -> tuple[str, str]:
        """How it has ended, after its name, and the last line that it wrote to standard error."""
        return self._how, self._lines.last_line()

    async def aclose(self) -> None:
        """End it and all that it has started; a second time does nothing."""
        import anyio

        process = self._process
        if process is None or self._lifeline < 0:
            return
        with anyio.CancelScope(shield=True):
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
                await self.stdin.aclose()
            with anyio.move_on_after(FAREWELL_SECONDS):
                await process.wait()
            self._how = _worded(process.returncode)
            os.close(self._lifeline)
            self._lifeline = -1
            with anyio.move_on_after(self._launch.grace_seconds + _SPARE_SECONDS):
                await process.wait()
            # The keeper gave them their grace: whoever is left has had it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, SIGKILL)
            kill_marked(self._mark)
            with anyio.move_on_after(_SPARE_SECONDS):
                await process.aclose()
        if self.log is not None and not self.has_failed:
            self.log.unlink(missing_ok=True)
            with suppress(OSError):
                self.log.parent.rmdir()

    def _checked(self) -> Launch:
        given = self._launch
        marks = f"{os.environ.get(MARK_VARIABLE, '')}.{self._mark}"
        environment = child_environment(reveal(dict(given.environment)))
        launch = Launch(
            argv=given.argv, env={**environment, MARK_VARIABLE: marks}, cwd=str(given.folder)
        )
        check_launch(launch)
        return launch


def _worded(code: int | None) -> str:
    if code is None:
        return "stopped talking"
    if code < 0:
        return f"was ended with its keeper by signal {Signals(-code).name}"
    if code > _SIGNAL_CODES:
        return f"was ended by signal {Signals(code - _SIGNAL_CODES).name}"
    return f"ended with exit code {code}"


def _ignore(_line: str) -> None:
    """A line of its log, which nobody waits for."""
