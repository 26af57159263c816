"""From the argument RUN to a run that is kept: its events, and what stands beside them."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cortex_cli.errors import SetupError
from cortex_cli.events import Event, decode
from cortex_cli.kinds import TerminationReason

if TYPE_CHECKING:
    from cortex_cli.store.records import RunEnded, RunSummary
    from cortex_cli.store.runs import RunStore
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
    """A run that is kept; `events` gives all its events from the first, each time anew.

    `store` is where it is kept; None for a file.
    """

    events: Callable[[], Iterator[Event]]
    about: "AboutRun"
    store: "RunStore | None" = None


def recall(run: str) -> Recalled:
    """The run that is meant; a file is what `cortex run --json` has printed.

    Raises UsageError if there is none, SetupError if it can't be read.
    """
    from cortex_cli.ui.about_run import AboutRun

    file = Path(run)
    if run.endswith(".ndjson"):
        return Recalled(lambda: _read(file), AboutRun())
    from cortex_cli.session.kept_run import run_store
    from cortex_cli.store.records import RunState

    store = run_store(os.environ)
    run_id = store.find(run)
    summary = store.state(run_id)
    if summary.state is RunState.UNREADABLE:
        # It says why.
        store.record(run_id)
    about = AboutRun(
        manifest=summary.manifest,
        started_at=summary.started_at,
        is_running=summary.state is RunState.RUNNING,
    )
    return Recalled(lambda: store.events(run_id), about, store)


def kept_runs() -> "Iterator[RunEntry]":
    """The runs that are kept, the latest first."""
    from cortex_cli.session.kept_run import run_store

    for summary in run_store(os.environ).all():
        yield _entry(summary)


def _entry(summary: "RunSummary") -> "RunEntry":
    from cortex_cli.events import StateCounts, Usage
    from cortex_cli.ui.about_run import RunState
    from cortex_cli.ui.run_list import RunEntry

    ended = summary.ended
    state = summary.state.value if ended is None else _ended_as(ended)
    counts = StateCounts() if ended is None else ended.counts
    return RunEntry(
        execution_id=summary.execution_id,
        name=summary.problem or summary.name,
        state=RunState(state),
        manifest=summary.manifest,
        started_at=summary.started_at,
        duration_seconds=0.0 if ended is None else ended.duration,
        counts=counts,
        actions=counts.completed + counts.failed + counts.cancelled + counts.skipped,
        usage=Usage() if ended is None else ended.usage,
        cost_usd=None if ended is None else ended.cost,
    )


def _ended_as(ended: "RunEnded") -> str:
    """The state that the reason of an end stands for."""
    match ended.reason:
        case TerminationReason.PLAN_COMPLETED | TerminationReason.GOAL_ACHIEVED:
            return "completed"
        case TerminationReason.APPROVAL_NEEDED | TerminationReason.INPUT_NEEDED:
            return "paused"
        case TerminationReason.CANCELLED:
            return "cancelled"
        case _:
            return "failed"


def _read(file: Path) -> Iterator[Event]:
    """The events in a file; SetupError with the line where it holds something else."""
    first: Event | None = None
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                event = _event(file, number, line)
                first = first or event
                _check_same_run(file, number, first, event)
                yield event
    except OSError as error:
        message = f"{file}: cannot be read: {error.strerror}"
        raise SetupError(message) from error
    if first is None:
        message = f"{file}: there are no events in it"
        raise SetupError(message, hint=_HINT)


def _check_same_run(file: Path, number: int, first: Event, event: Event) -> None:
    if event.execution_id != first.execution_id:
        message = f"{file}:{number}: an event of another run, {event.execution_id!r:.80}"
        raise SetupError(message, hint="keep one run in a file")


def _event(file: Path, number: int, line: bytes) -> Event:
    try:
        return decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"{file}:{number}: not an event: {error}"
        raise SetupError(message, hint=_HINT) from error


_HINT = "such files are made with cortex run --json"
