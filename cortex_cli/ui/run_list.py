"""The runs that `cortex runs` lists: what is told of each, and which are wanted; pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

import msgspec

from cortex_cli.errors import UsageError
from cortex_cli.events import StateCounts, Usage
from cortex_cli.ui.about_run import AboutRun, RunState, state_of
from cortex_cli.ui.run_view import RunView

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class RunEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One run in the list; `started_at` in seconds since 1970, `duration_seconds` so far.

    `actions` is how many were planned, those that have not ended among them; 0 if nobody knows.
    """

    execution_id: str
    name: str
    state: RunState
    manifest: str | None = None
    started_at: float | None = None
    duration_seconds: float = 0.0
    counts: StateCounts = StateCounts()
    actions: int = 0
    usage: Usage = Usage()
    cost_usd: float | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs are wanted: all these states or any, a part of the name, since when, how many."""

    states: tuple[RunState, ...] = ()
    name: str | None = None
    since: float | None = None
    most: int | None = None


def entry_of(view: RunView, about: AboutRun) -> RunEntry:
    """The entry of a run whose events are folded into a view; nested actions count too."""
    end = view.end
    started = about.started_at if view.started_at is None else view.started_at
    return RunEntry(
        execution_id=view.execution_id,
        name=view.root.name,
        state=state_of(view, about),
        manifest=about.manifest,
        started_at=started,
        duration_seconds=end.duration if end else view.elapsed(view.latest),
        counts=_counts(view),
        actions=view.total,
        usage=end.usage if end else Usage(),
        cost_usd=end.cost if end else None,
    )


def select(entries: Iterable[RunEntry], wanted: Wanted) -> list[RunEntry]:
    """Those that are wanted, the latest first."""
    kept = [entry for entry in entries if _fits(entry, wanted)]
    kept.sort(key=lambda entry: entry.started_at or 0.0, reverse=True)
    return kept[: wanted.most]


def since_when(text: str, now: float, zone: tzinfo | None) -> float:
    """A moment in seconds since 1970, from `2h`, `3d`, `2026-01-31` or `2026-01-31T12:00`.

    `zone` is that of a time without one, None the machine's. UsageError for anything else.
    """
    if (ago := _AGO.fullmatch(text.strip())) is not None:
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        written = datetime.fromisoformat(text.strip())
    except ValueError as error:
        message = f"--since {text!r:.80} is no moment"
        hint = "for example 2h, 3d, 2026-01-31 or 2026-01-31T12:00"
        raise UsageError(message, hint=hint) from error
    if written.tzinfo is None and zone is not None:
        written = written.replace(tzinfo=zone)
    return written.timestamp()


def total(entries: Sequence[RunEntry]) -> float | None:
    """What they have cost together, None if nobody knows."""
    costs = [entry.cost_usd for entry in entries if entry.cost_usd is not None]
    return sum(costs) if costs else None


def _fits(entry: RunEntry, wanted: Wanted) -> bool:
    if wanted.states and entry.state not in wanted.states:
        return False
    if wanted.name is not None and wanted.name.casefold() not in entry.name.casefold():
        return False
    return wanted.since is None or (entry.started_at or 0.0) >= wanted.since


def _counts(view: RunView) -> StateCounts:
    numbers = {state.value: view.count(state) for state in view.rows if state.is_final}
    return StateCounts(**numbers)
