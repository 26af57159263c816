"""One frame of the live display, as lines: a pure function of the view, the time and the size."""

from rich.text import Text

from cortex_cli.kinds import ActionState
from cortex_cli.ui.line import Line
from cortex_cli.ui.pace import fraction, seconds_left
from cortex_cli.ui.panels import panels
from cortex_cli.ui.row_line import Columns, row_line
from cortex_cli.ui.run_view import RunView
from cortex_cli.ui.stopwatch import about, seconds_text
from cortex_cli.ui.theme import STATE_STYLES, STATE_WORDS, Theme
from cortex_cli.ui.window import window

_LEAST_HEIGHT = 4
_ROOMY_HEIGHT = 20
_SHOWN_COUNTS = (
    ActionState.RUNNING,
    ActionState.QUEUED,
    ActionState.FAILED,
    ActionState.CANCELLED,
    ActionState.SKIPPED,
)


def frame(view: RunView, theme: Theme, now: float, width: int, height: int) -> list[Text]:
    """At most `height` lines (at least 4) of at most `width` columns.

    A header, then the actions of the moment, then what models and tools say, if there is room.
    """
    height = max(_LEAST_HEIGHT, height)
    top = [_title(view, theme, now, width), _gauge(view, theme, now, width)]
    roomy = height >= _ROOMY_HEIGHT
    below = panels(view, theme, now, width, height)
    blank = [Text()] if roomy else []
    if below:
        below = [*blank, *below]
    top += blank
    room = height - len(top) - len(below)
    return [*top, *_rows(view, theme, now, width, room), *below]


def _rows(view: RunView, theme: Theme, now: float, width: int, room: int) -> list[Text]:
    fits = view.total <= room
    rows = window(view, room if fits else room - 1)
    columns = Columns.for_width(width, view.widest)
    lines = [row_line(view, row, theme, columns, now) for row in rows]
    if fits:
        return lines
    hidden = {state: view.count(state) for state in ActionState}
    for row in rows:
        hidden[row.state] -= 1
    parts = [f"{count:,} {STATE_WORDS[state]}" for state, count in hidden.items() if count]
    more = Line(theme, width).gap(2)
    more.add(f"{theme.glyphs.ellipsis} {sum(hidden.values()):,} more: {', '.join(parts)}", "dim")
    return [*lines, more.text]


def _title(view: RunView, theme: Theme, now: float, width: int) -> Text:
    """Agent, run and iteration on the left; times on the right."""
    scope = view.root
    times = Line(theme, width)
    if width >= 30 and (left := seconds_left(view, now)) is not None:
        times.add(f"about {about(left)} left  " if width >= 60 else f"~{about(left)}  ", "dim")
    times.add(seconds_text(view.elapsed(now), 1), "bold")
    line = Line(theme, width - times.text.cell_len - 2)
    iteration = scope.max_iterations > 1
    short = f"{scope.iteration}/{scope.max_iterations}"
    line.add(scope.name or "cortex", "bold", max(8, line.left - (len(short) + 1) * iteration))
    if iteration:
        line.gap(2).add(f"iteration {short}" if width >= 60 else short, "cyan")
    if width >= 70:
        for text in filter(None, (_wave(view), view.execution_id)):
            line.gap(2).add(text, "dim")
    return Line(theme, width).take(line).end(times).text


def _wave(view: RunView) -> str:
    """The wave that the run has come to: the deepest of an action that runs."""
    waves = [
        row.plan.wave
        for row in view.rows[ActionState.RUNNING].values()
        if row.plan and row.scope is view.root and not row.is_detached
    ]
    return f"wave {max(waves)}/{view.root.waves}" if waves and view.root.waves > 1 else ""


def _gauge(view: RunView, theme: Theme, now: float, width: int) -> Text:
    """A bar for the work that is done, and how many actions are in which state."""
    total, ended = view.total, sum(view.count(state) for state in ActionState if state.is_final)
    counts = Line(theme, width).gap(2)
    if not total or not view.root.complete:
        counts.add("planning", "cyan").gap(2 if total else 0)
    if total:
        counts.add(f"{ended:,}/{total:,}", "bold")
    for state in _SHOWN_COUNTS:
        if (number := view.count(state)) and width >= 60:
            counts.gap(2).add(f"{number:,} {STATE_WORDS[state]}", STATE_STYLES[state])
    if width < 60 and (failed := view.count(ActionState.FAILED)):
        counts.gap(2).add(f"{failed:,} failed", STATE_STYLES[ActionState.FAILED])
    room = min(width - counts.text.cell_len, max(12, width * 2 // 5) if width >= 60 else width)
    line = Line(theme, width)
    _draw_bar(line, theme, fraction(view, now), room, "green")
    return line.take(counts).text


def _draw_bar(line: Line, theme: Theme, part: float, cells: int, style: str) -> None:
    """A bar of `cells` columns with `part` of it filled, to half a column."""
    glyphs = theme.glyphs
    halves = int(part * cells * 2)
    filled = glyphs.bar * (halves // 2) + (glyphs.bar_ends if halves % 2 else "")
    line.add(filled, style).add(glyphs.track * (cells - len(filled)), "dim")
