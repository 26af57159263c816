"""What stands beside the events of a run: where it came from, and whether it still goes on."""

from datetime import UTC, datetime, tzinfo
from enum import StrEnum

import msgspec

from cortex_cli.ui.run_view import RunView


class RunState(StrEnum):
    """How far a run has come; `interrupted` is one whose process is gone before its last event.

    One that is `unreadable` can't be said anything of.
    """

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    UNREADABLE = "unreadable"


class AboutRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a store knows of a run; `started_at` in seconds since 1970, None if only events know."""

    manifest: str | None = None
    started_at: float | None = None
    is_running: bool = False


def state_of(view: RunView, about: AboutRun) -> RunState:
    """How far the run has come."""
    if view.ended_as:
        return RunState(view.ended_as.removeprefix("agent_"))
    return RunState.RUNNING if about.is_running else RunState.INTERRUPTED


def way_on(view: RunView, about: AboutRun) -> str | None:
    """The command that goes on with the run, None where there is nothing to go on with."""
    if view.end is not None and view.end.resume is not None:
        return view.end.resume
    if state_of(view, about) is RunState.INTERRUPTED:
        return f"cortex resume {view.execution_id}"
    return None


def moment(seconds: float, zone: tzinfo | None) -> str:
    """A time as people write it, to the second; `zone` None is the zone of the machine."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
