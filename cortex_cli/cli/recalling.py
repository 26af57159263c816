"""From the argument RUN to a run that is kept: its events, and what stands beside them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cortex_cli.errors import SetupError, UsageError
from cortex_cli.events import Event, decode

if TYPE_CHECKING:
    from cortex_cli.ui.about_run import AboutRun
    from cortex_cli.ui.run_list import RunEntry

RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="An id, a unique beginning of one, last, or a file of events."
    ),
]


@dataclass(frozen=True, slots=True)
class Recalled:
    """A run that is kept; `events` gives all its events from the first, each time anew."""

    events: Callable[[], Iterator[Event]]
    about: "AboutRun"


def recall(run: str) -> Recalled:
    """The run that is meant; a file is what `cortex run --json` has printed.

    Raises UsageError if there is none.
    """
    from cortex_cli.ui.about_run import AboutRun

    file = Path(run)
    if run.endswith(".ndjson"):
        return Recalled(lambda: _read(file), AboutRun())
    message = f"there is no run '{run:.200}'"
    raise UsageError(message, hint="cortex runs lists those that are kept")


def kept_runs() -> "Iterator[RunEntry]":
    """The runs that are kept, in any order."""
    return iter(())


def _read(file: Path) -> Iterator[Event]:
    """The events in a file; SetupError with the line where it holds something else."""
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield _event(file, number, line)
    except OSError as error:
        message = f"{file}: cannot be read: {error.strerror}"
        raise SetupError(message) from error


def _event(file: Path, number: int, line: bytes) -> Event:
    try:
        return decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"{file}:{number}: not an event: {error}"
        raise SetupError(message, hint="such files are made with cortex run --json") from error
