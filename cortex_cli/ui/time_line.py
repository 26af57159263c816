"""A time line: one bar a row, all on one scale."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cortex_cli.ui.durations import format_seconds
from cortex_cli.ui.theme import Theme

if TYPE_CHECKING:
    from rich.text import Text

MOST_BARS = 20
CRITICAL_STYLE = "bold cyan"

_WITH_TIMES = 60
_LONGEST_BAR = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One row: what ran, or will run, from when to when in seconds."""

    label: str
    start: float
    end: float
    critical: bool = False


def time_line(spans: Sequence[Span], width: int, theme: Theme) -> Iterator["Text"]:
    """The rows, by start, in `width` columns; above them the scale, below them what bars mean.

    Of more than 20 spans the critical ones, then the longest are shown, and the number of the
    others. Nothing is drawn where no time passes.
    """
    from rich.text import Text

    total = max((span.end for span in spans), default=0.0)
    if total <= 0:
        return
    shown = _most_telling(spans)
    labels = [theme.line(span.label) for span in shown]
    times = [_from_to(span, theme) for span in shown] if width >= _WITH_TIMES else []
    room = max(map(len, times), default=0) + 2 if times else 0
    column = min(max(_cells(label) for label in labels), width // 3)
    bar = max(4, min(width - room - column - 2, _LONGEST_BAR))
    yield Text(" " * (column + 2) + _scale(total, bar), style="dim")
    for row, (label, span) in enumerate(zip(labels, shown, strict=True)):
        style = CRITICAL_STYLE if span.critical else ""
        line = Text(theme.cell(label, column), style=style).append("  ")
        line.append(
            _bar(span, total, bar, theme), style=CRITICAL_STYLE if span.critical else "blue"
        )
        if times:
            line.append(f"  {times[row]}", style="dim")
        line.rstrip()
        yield line
    yield Text(_legend(len(spans) - len(shown), column, theme), style="dim")


def _most_telling(spans: Sequence[Span]) -> list[Span]:
    ranked = sorted(spans, key=lambda span: (not span.critical, span.start - span.end))
    return sorted(ranked[:MOST_BARS], key=lambda span: (span.start, span.end))


def _from_to(span: Span, theme: Theme) -> str:
    arrow = theme.glyphs.arrow
    return f"{format_seconds(span.start)} {arrow} {format_seconds(span.end)}"


def _scale(total: float, bar: int) -> str:
    """Zero, the half if there is room, and the whole, over their places."""
    start, half, end = (format_seconds(part * total) for part in (0.0, 0.5, 1.0))
    if bar - bar // 2 < len(half) + len(end) + 2:
        return start + end.rjust(bar - len(start))
    left = start.ljust(bar // 2) + half
    return left + end.rjust(bar - len(left))


def _bar(span: Span, total: float, bar: int, theme: Theme) -> str:
    """At least one column wide; heavy for the critical path, light for the others."""
    start = min(round(span.start / total * bar), bar - 1)
    end = max(round(span.end / total * bar), start + 1)
    glyph = theme.glyphs.bar if span.critical else theme.glyphs.track
    return (" " * start + glyph * (end - start)).ljust(bar)


def _legend(hidden: int, column: int, theme: Theme) -> str:
    glyphs = theme.glyphs
    more = f"{glyphs.ellipsis} {hidden:,} more" if hidden else ""
    heavy, light = glyphs.bar * 2, glyphs.track * 2
    return f"{more.ljust(column)}  {heavy} critical  {light} others".rstrip()


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
