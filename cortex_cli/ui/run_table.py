"""What `cortex runs` prints: a line a run, the latest first."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo

import msgspec
from rich.cells import cell_len
from rich.text import Text

from cortex_cli.kinds import ActionState
from cortex_cli.ui.about_run import RunState, moment
from cortex_cli.ui.line import Line
from cortex_cli.ui.run_list import RunEntry, total
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.theme import STATE_STYLES, Theme
from cortex_cli.ui.words import counted, counts_text

LOOKS = {
    RunState.RUNNING: ActionState.RUNNING,
    RunState.COMPLETED: ActionState.COMPLETED,
    RunState.FAILED: ActionState.FAILED,
    RunState.PAUSED: ActionState.QUEUED,
    RunState.CANCELLED: ActionState.CANCELLED,
    RunState.INTERRUPTED: ActionState.CANCELLED,
    RunState.UNREADABLE: ActionState.FAILED,
}

_ENDED = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.PAUSED, RunState.CANCELLED})

_ID = 13
_STATE = 11
_WHEN = 19
_SHORT_WHEN = 11
_TIME = 6
_DONE = 9
_COST = 9
_LEAST_NAME = 10
_WITH_TIME, _WITH_WHEN, _WITH_DONE, _WITH_ALL = 52, 64, 76, 100


def run_lines(
    entries: Sequence[RunEntry], theme: Theme, width: int, zone: tzinfo | None
) -> Iterator[Text]:
    """At most `width` columns (at least 40); what has no room is left out, the id never."""
    if not entries:
        yield Text("no runs", style="dim")
        return
    named = (entry for entry in entries if entry.state is not RunState.UNREADABLE)
    widest = max((cell_len(theme.line(entry.name)) for entry in named), default=0)
    name = max(_LEAST_NAME, min(widest, width // 4))
    yield _head(theme, width, name)
    for entry in entries:
        yield _line(entry, theme, width, name, zone)
    if len(entries) > 1:
        cost = total(entries)
        money = f", ${cost:,.4f}" if cost else ""
        yield Line(theme, width).gap(2).add(f"{counted(len(entries), 'run')}{money}", "dim").text


def _head(theme: Theme, width: int, name: int) -> Text:
    line = Line(theme, width).gap(2).column("run", _ID, "dim").gap(1)
    line.column("name", name, "dim").gap(1).column("state", _STATE, "dim").gap(1)
    if width >= _WITH_WHEN:
        line.column("started", _WHEN if width >= _WITH_ALL else _SHORT_WHEN, "dim").gap(1)
    if width >= _WITH_TIME:
        line.column("took", _TIME, "dim", right=True).gap(2)
    if width >= _WITH_ALL:
        return line.column("cost", _COST, "dim", right=True).gap(2).add("actions", "dim").text
    return line.add("completed", "dim").text if width >= _WITH_DONE else line.text


def _line(entry: RunEntry, theme: Theme, width: int, name: int, zone: tzinfo | None) -> Text:
    look = LOOKS[entry.state]
    line = Line(theme, width).add(theme.glyph(look), STATE_STYLES[look]).gap(1)
    line.add(entry.execution_id).gap(max(1, _ID + 1 - len(entry.execution_id)))
    if entry.state is RunState.UNREADABLE:
        # Its name is the reason.
        return line.add(entry.state.value, STATE_STYLES[look]).gap(1).add(entry.name).text
    line.column(entry.name, name, "bold").gap(1)
    line.column(entry.state.value, _STATE, STATE_STYLES[look]).gap(1)
    when = "" if entry.started_at is None else moment(entry.started_at, zone)
    if width >= _WITH_ALL:
        line.column(when, _WHEN, "dim").gap(1)
    elif width >= _WITH_WHEN:
        line.column(when[5:16], _SHORT_WHEN, "dim").gap(1)
    if width >= _WITH_TIME:
        line.column(_took(entry), _TIME, right=True).gap(2)
    if width >= _WITH_ALL:
        cost = f"${entry.cost_usd:,.4f}" if entry.cost_usd else ""
        line.column(cost, _COST, "dim", right=True).gap(2).add(_counts(entry), "dim")
    elif width >= _WITH_DONE:
        line.column(_done(entry), _DONE, "dim", right=True)
    return line.text


def _took(entry: RunEntry) -> str:
    """How long it took; nothing where that is not known, as of a run without an end."""
    is_known = entry.duration_seconds > 0 or entry.state in _ENDED
    return seconds_text(entry.duration_seconds) if is_known else ""


def _done(entry: RunEntry) -> str:
    """How many of its actions were completed; nothing where that is not known."""
    ended = sum(msgspec.structs.astuple(entry.counts))
    is_known = bool(ended or entry.actions) or entry.state in _ENDED
    return f"{entry.counts.completed:,}/{max(entry.actions, ended):,}" if is_known else ""


def _counts(entry: RunEntry) -> str:
    return counts_text(entry.counts) if _done(entry) else ""
