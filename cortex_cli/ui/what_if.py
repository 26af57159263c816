"""What `cortex plan --what-if` adds: time against slots, and what would shorten the plan most."""

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING

from cortex_cli.report import AtSlots, Shortening, WhatIf
from cortex_cli.ui.durations import format_ratio, format_seconds
from cortex_cli.ui.theme import Theme
from cortex_cli.ui.time_line import CRITICAL_STYLE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_FIGURE = 11
_RATIO = 7
_LONGEST_BAR = 60
_MARK = 10
_WITH_ALL = 60
_SAVES = "saves"
_CHANGES = ("twice as fast", "cached", "no barrier")
_COLUMN = 15
_PLAIN = Theme()


def print_what_if(console: "Console", what_if: WhatIf, theme: Theme = _PLAIN) -> None:
    """Print it in the console's width, from 40 columns up, after an empty line."""
    for line in what_if_lines(what_if, console.width, theme):
        console.print(line, no_wrap=True, overflow="ignore", crop=False)


def what_if_lines(what_if: WhatIf, width: int, theme: Theme = _PLAIN) -> Iterator["Text"]:
    """All that `print_what_if` prints, line by line."""
    from rich.text import Text

    yield Text()
    yield Text("What if: slots", style="bold")
    yield from _curve(what_if, width, theme)
    yield Text()
    yield Text("What if: actions", style="bold")
    if what_if.shortenings:
        yield from _shortenings(what_if, width, theme)
    else:
        yield Text("no single action holds it up")


def _curve(what_if: WhatIf, width: int, theme: Theme) -> Iterator["Text"]:
    from rich.text import Text

    points = what_if.curve
    column = len(f"{points[-1].slots:,}")
    room = width - column - 2 - _FIGURE - _RATIO - _MARK
    longest = max(point.scheduled_seconds for point in points)
    for point in points:
        line = Text(f"{point.slots:,}".rjust(column), style="dim").append("  ")
        line.append(format_seconds(point.scheduled_seconds).ljust(_FIGURE), style="bold")
        line.append(format_ratio(point.speedup).ljust(_RATIO))
        line.append(_bar(point, longest, min(room, _LONGEST_BAR), theme), style="blue")
        marks = [word for word, slots in _marks(what_if) if slots == point.slots]
        line.append(" " + ", ".join(marks) if marks else "", style=CRITICAL_STYLE)
        line.rstrip()
        yield line


def _marks(what_if: WhatIf) -> Iterator[tuple[str, int]]:
    yield "now", what_if.slots
    yield "knee", what_if.knee


def _bar(point: AtSlots, longest: float, room: int, theme: Theme) -> str:
    part = point.scheduled_seconds / longest if longest else 0.0
    return theme.glyphs.bar * round(part * room)


def _shortenings(what_if: WhatIf, width: int, theme: Theme) -> Iterator["Text"]:
    """A row an action with the time that it would save; where room is scarce only the most."""
    from rich.cells import cell_len
    from rich.text import Text

    is_wide = width >= _WITH_ALL
    room = width - (_COLUMN * len(_CHANGES) if is_wide else _COLUMN + _FIGURE)
    names = [theme.line(it.id) for it in what_if.shortenings]
    column = min(max(len(_SAVES), *map(cell_len, names)), room)
    if is_wide:
        heads = "".join(change.rjust(_COLUMN) for change in _CHANGES)
        yield Text(_SAVES.ljust(column) + heads, style="dim")
    for name, it in zip(names, what_if.shortenings, strict=True):
        saved = [what_if.scheduled_seconds - seconds for seconds in _totals(it)]
        line = Text(theme.cell(name, column))
        if is_wide:
            for seconds in saved:
                line.append(_saving(seconds).rjust(_COLUMN), style="bold")
        else:
            most = max(saved)
            line.append(_CHANGES[saved.index(most)].rjust(_COLUMN), style="dim")
            line.append(_saving(most).rjust(_FIGURE), style="bold")
        yield line


def _totals(it: Shortening) -> Iterator[float]:
    """How long the plan would take, in the order of `_CHANGES`."""
    yield it.twice_as_fast_seconds
    yield it.cached_seconds
    yield inf if it.without_barrier_seconds is None else it.without_barrier_seconds


def _saving(seconds: float) -> str:
    return f"-{format_seconds(seconds)}" if seconds > 0 else "-"
