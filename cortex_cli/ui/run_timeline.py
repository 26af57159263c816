"""What ran when, and what waited for what: a bar an action, all on one axis."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from cortex_cli.kinds import ActionState
from cortex_cli.ui.glyphs import Glyphs
from cortex_cli.ui.line import Line
from cortex_cli.ui.outcome import Outcome
from cortex_cli.ui.rows import Row
from cortex_cli.ui.run_view import RunView
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.theme import STATE_STYLES, Theme
from cortex_cli.ui.ticks import ticks
from cortex_cli.ui.time_line import CRITICAL_STYLE

MOST_ROWS = 20

_TIME = 6
_TICK_ROOM = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """Where times are drawn: `start` and `now` since 1970, `cells` columns after the names."""

    start: float
    now: float
    span: float
    label: int
    cells: int

    def half(self, moment: float) -> int:
        """The half column in which that moment is."""
        part = (moment - self.start) / self.span
        return max(0, min(2 * self.cells - 1, int(part * 2 * self.cells)))


def timeline(
    view: RunView, outcome: Outcome, theme: Theme, width: int, most: int = MOST_ROWS
) -> list[Text]:
    """At most `most` bars of `width` columns (at least 40), then the axis; no lines if nothing ran.

    Of more actions, those that the run's time was made of come first, then the longest. Dots
    before a bar are time in which the action was ready and waited for its turn.
    """
    ran = [row for row in outcome.rows if row.started_at is not None]
    if not ran:
        return []
    start = view.started_at if view.started_at is not None else ran[0].planned_at
    span = max(view.latest - start, 0.001)
    shown = _chosen(ran, outcome.chain, view.latest, most)
    label = min(
        max(cell_len(theme.line(row.name)) + 2 * row.depth for row in shown), max(10, width // 4)
    )
    note = min(24, width // 4) if width >= 64 else 0
    cells = max(1, width - 2 - label - 2 - _TIME - (2 + note if note else 0) - 2)
    axis = _Axis(start=start, now=view.latest, span=span, label=label, cells=cells)
    chain = {row.number for row in outcome.chain}
    lines: list[Text] = []
    waited = False
    for row in shown:
        line = Line(theme, width).gap(2)
        waited |= _draw(line, row, axis, on_chain=row.number in chain)
        lines.append(line.text)
    scale = Line(theme, width).gap(2 + label + 2).column(_scale(axis), cells, "dim").gap(2)
    if note and waited:
        scale.add(f"{theme.glyphs.wait} waited for its turn", "dim")
    lines.append(scale.text)
    if len(shown) < len(ran):
        more = f"{theme.glyphs.ellipsis} {len(ran) - len(shown):,} shorter ones"
        lines.append(Line(theme, width).gap(2).add(more, "dim").text)
    return lines


def _chosen(ran: list[Row], chain: Iterable[Row], now: float, most: int) -> list[Row]:
    if len(ran) <= most:
        return ran
    longest = sorted(ran, key=lambda row: row.elapsed(now) or 0.0, reverse=True)
    by_time = sorted(chain, key=lambda row: row.elapsed(now) or 0.0, reverse=True)
    chosen = {row.number: row for row in by_time[: most // 2]}
    for row in longest[:most]:
        if len(chosen) < most:
            chosen[row.number] = row
    return sorted(chosen.values(), key=lambda row: row.order)


def _draw(line: Line, row: Row, axis: _Axis, *, on_chain: bool) -> bool:
    """Fill the line of an action; returns whether it waited for its turn, visibly."""
    indent = min(2 * row.depth, axis.label // 2)
    line.gap(indent).column(row.name, axis.label - indent, "bold" if on_chain else "").gap(2)
    style = STATE_STYLES[row.state]
    if row.state is ActionState.COMPLETED and on_chain:
        style = CRITICAL_STYLE
    blank, dots, bar = _bar(row, axis, line.theme.glyphs)
    line.gap(blank).add(dots, "dim").add(bar, style)
    line.gap(axis.cells - blank - len(dots) - len(bar)).gap(2)
    line.column(seconds_text(row.elapsed(axis.now) or 0.0), _TIME, right=True).gap(2)
    line.add(_note(row), "dim")
    return bool(dots)


def _bar(row: Row, axis: _Axis, glyphs: Glyphs) -> tuple[int, str, str]:
    """How many columns are blank, then the dots, then the bar, to half a column."""
    first = axis.half(row.started_at or 0.0)
    last = max(first, axis.half(axis.now if row.ended_at is None else row.ended_at))
    ended = (source.ended_at or 0.0 for source in row.sources() if row.waited(source))
    ready = max(ended, default=0.0)
    blank = min((axis.half(max(ready, row.planned_at)) + 1) // 2, first // 2)
    dots = glyphs.wait * (first // 2 - blank)
    if first == last:
        return blank, dots, glyphs.bar_starts if first % 2 else glyphs.bar_ends
    starts = glyphs.bar_starts if first % 2 else ""
    ends = "" if last % 2 else glyphs.bar_ends
    return blank, dots, starts + glyphs.bar * ((last + 1) // 2 - (first + 1) // 2) + ends


def _note(row: Row) -> str:
    """What it waited for, and what else is remarkable."""
    released = row.released_by()
    parts = [
        "fire and forget" if row.is_detached else "",
        f"after {released.name}" if released else "",
        f"{row.attempt} attempts" if row.attempt > 1 else "",
    ]
    return ", ".join(part for part in parts if part)


def _scale(axis: _Axis) -> str:
    """Round times at the columns where they are."""
    scale = ""
    for seconds, label in ticks(axis.span, axis.cells / _TICK_ROOM):
        at = int(seconds / axis.span * axis.cells)
        if at + len(label) <= axis.cells:
            scale = scale.ljust(at) + label
    return scale
