"""An action as one line: sign, name, state, time, and what there is to say of it."""

from dataclasses import dataclass
from typing import assert_never

from rich.text import Text

from cortex_cli.kinds import ActionState
from cortex_cli.ui.line import Line
from cortex_cli.ui.rows import Row
from cortex_cli.ui.run_view import RunView
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.theme import STATE_STYLES, STATE_WORDS, TYPE_STYLES, Theme
from cortex_cli.ui.words import QUEUE_WORDS, progress_text

_INDENT = 2
_DEEPEST = 6
_STATE = 9
_TYPE = 8
_TIME = 6
_LEAST_NAME = 8
_LEAST_DETAIL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """How wide the columns of the rows are; 0 for those that have no room."""

    width: int
    name: int
    state: int
    type: int
    time: int

    @classmethod
    def for_width(cls, width: int, widest: int) -> "Columns":
        """The columns for a screen, with names of up to `widest` columns."""
        state = _STATE if width >= 36 else 0
        type_ = _TYPE if width >= 100 else 0
        taken = 2 + sum(part + 2 for part in (state, type_, _TIME) if part)
        most = width - taken if width < 60 else max(_LEAST_NAME, width * 3 // 10)
        name = max(_LEAST_NAME, min(most, widest))
        return cls(width=width, name=name, state=state, type=type_, time=_TIME)


def row_line(view: RunView, row: Row, theme: Theme, columns: Columns, now: float) -> Text:
    """The line of one action at a time."""
    style = STATE_STYLES[row.state]
    is_running = row.state is ActionState.RUNNING
    line = Line(theme, columns.width)
    line.add(theme.spinner(now) if is_running else theme.glyph(row.state), style).gap(1)
    indent = _INDENT * min(row.depth, _DEEPEST)
    line.gap(indent).column(row.name, columns.name - indent, _name_style(row))
    if columns.state:
        line.gap(2).column(STATE_WORDS[row.state], columns.state, style)
    if columns.type:
        word = row.type or ""
        line.gap(2).column(word, columns.type, TYPE_STYLES[row.type] if row.type else "")
    seconds = row.elapsed(now) if is_running or row.state.is_final else None
    shown = "" if seconds is None else seconds_text(seconds, 1 if is_running else 2)
    line.gap(2).column(shown, columns.time, "" if is_running else "dim", right=True)
    line.gap(2)
    if line.left >= _LEAST_DETAIL:
        for text, text_style in _details(view, row, columns, now):
            line.add(text, text_style)
    return line.text


def _name_style(row: Row) -> str:
    if row.state in {ActionState.PENDING, ActionState.SKIPPED}:
        return "dim"
    return "bold" if row.state in {ActionState.RUNNING, ActionState.FAILED} else ""


def _details(view: RunView, row: Row, columns: Columns, now: float) -> list[tuple[str, str]]:
    """What is worth saying of an action in its state: texts, each with a style."""
    match row.state:
        case ActionState.RUNNING:
            details = _running(view, row, columns)
        case ActionState.QUEUED:
            details = _queued(row, now)
        case ActionState.PENDING | ActionState.WAITING_FOR_DEPENDENCIES:
            details = [(_awaited(row), "dim")]
        case ActionState.COMPLETED:
            cached = [("cached  ", "green")] if row.cached else []
            details = [*cached, *_tries(row), (row.output, "dim")]
        case ActionState.FAILED:
            details = [*_tries(row), (_first_line(row.error), "red")]
        case ActionState.CANCELLED | ActionState.SKIPPED:
            details = [(row.reason.replace("_", " "), "dim")]
        case _:
            assert_never(row.state)
    return details


def _running(view: RunView, row: Row, columns: Columns) -> list[tuple[str, str]]:
    attempt = [(f"attempt {row.attempt}  ", "yellow")] if row.attempt > 1 else []
    nested = view.scopes.get((*row.scope.path, row.id))
    if nested is not None and nested.parent is row:
        return [*attempt, (f"{nested.ended}/{len(nested.rows)} actions", "")]
    if (progress := row.progress) is not None:
        amount = progress_text(progress)
        return [*attempt, (amount + ("  " if amount else ""), ""), (progress.message, "dim")]
    return [*attempt, (_what(row, named=columns.type == 0), "dim")]


def _queued(row: Row, now: float) -> list[tuple[str, str]]:
    if row.question:
        return [(f"{row.question}  ", "yellow"), (_first_line(row.error), "dim")]
    if row.retry_at is not None:
        wait = seconds_text(max(0.0, row.retry_at - now), 1)
        return [
            (f"attempt {row.attempt + 1} in {wait}  ", "yellow"),
            (_first_line(row.error), "dim"),
        ]
    return [(QUEUE_WORDS[row.queue_reason] if row.queue_reason else "", "dim")]


def _tries(row: Row) -> list[tuple[str, str]]:
    return [(f"{row.attempt} attempts  ", "yellow")] if row.attempt > 1 else []


def _first_line(error: str) -> str:
    return error.partition("\n")[0]


def _awaited(row: Row) -> str:
    awaited = [source.name for source in row.sources() if not source.state.is_final]
    more = f" and {len(awaited) - 1} more" if len(awaited) > 1 else ""
    return f"after {awaited[0]}{more}" if awaited else ""


def _what(row: Row, *, named: bool) -> str:
    """What runs: `tool arxiv.search`, without the type where a column has it."""
    words = [row.type or "" if named else "", row.target or ""]
    detached = ["fire and forget"] if row.is_detached else []
    return "  ".join([" ".join(word for word in words if word), *detached])
