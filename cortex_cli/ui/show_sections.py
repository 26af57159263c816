"""The tables of `cortex show`: path, waits, slowest actions, estimates, models."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from cortex_cli.events import Usage
from cortex_cli.ui.action_story import WaitCause
from cortex_cli.ui.line import Line
from cortex_cli.ui.run_report import PathLink, RunReport, Spent
from cortex_cli.ui.run_usage import tokens
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.theme import Theme
from cortex_cli.ui.time_line import CRITICAL_STYLE
from cortex_cli.ui.words import counted
from cortex_cli.ui.wrapping import wrapped

WAIT_WORDS = {
    WaitCause.PLANNING: "to be written",
    WaitCause.DEPENDENCY: "for what it depends on",
    WaitCause.SLOT: "for a slot",
    WaitCause.POOL: "for a resource",
    WaitCause.RATE: "for its rate limit",
    WaitCause.RETRY: "to be tried again",
    WaitCause.APPROVAL: "for approval",
    WaitCause.BUDGET: "for budget",
}
MOST_LINKS = 30
MOST_NAMED = 5

_TIME = 7
LEAST_TOLD = 0.01
_WITH_WORDS = 60


@dataclass(frozen=True, slots=True)
class _Row:
    """A name, a figure, and what there is to say of it."""

    name: str
    figure: str
    words: str
    style: str = ""


def path(report: RunReport, theme: Theme, width: int) -> Iterator[Text]:
    """The actions of the path in the order in which they ran; of a long one both ends."""
    links = list(report.critical_path)
    left_out = len(links) - MOST_LINKS
    half = MOST_LINKS // 2
    shown = links if left_out <= 0 else [*links[:half], *links[-half:]]
    rows = [
        _Row(link.action, seconds_text(link.seconds), began(link), CRITICAL_STYLE) for link in shown
    ]
    lines = list(_table(rows, theme, width))
    if left_out > 0:
        more = Line(theme, width).gap(2).add(f"{theme.glyphs.ellipsis} {left_out:,} more", "dim")
        lines.insert(half, more.text)
    yield from lines


def began(link: PathLink) -> str:
    """Why an action on the path began when it did, and what it spent on trying again."""
    words = [_after(link)]
    if link.retry_seconds >= LEAST_TOLD:
        words.append(f"{seconds_text(link.retry_seconds)} {WAIT_WORDS[WaitCause.RETRY]}")
    if link.idle_seconds >= LEAST_TOLD and link.cause in {None, WaitCause.DEPENDENCY}:
        words.append(f"{seconds_text(link.idle_seconds)} of nothing before it")
    return ", ".join(words)


def _after(link: PathLink) -> str:
    after = f"after {link.after}" if link.after else "at the start"
    if link.cause is None or link.cause is WaitCause.DEPENDENCY:
        return after
    if link.slot_of is None:
        return f"{after}, waited {seconds_text(link.waited_seconds)} {WAIT_WORDS[link.cause]}"
    waited = f"waited {seconds_text(link.waited_seconds)} for the slot of {link.slot_of}"
    return waited if link.slot_of == link.after else f"{after}, {waited}"


def waits(report: RunReport, theme: Theme, width: int) -> Iterator[Text]:
    """The causes with the seconds of all actions together."""
    rows: list[_Row] = []
    for wait in report.waits:
        told = f"{counted(wait.actions, 'action')}, longest {wait.longest}"
        longest = f" ({seconds_text(wait.longest_seconds)})"
        on_path = wait.on_path_seconds
        more = f", {seconds_text(on_path)} on the path" if on_path >= LEAST_TOLD else ""
        rows.append(_Row(wait.cause.value, seconds_text(wait.seconds), told + longest + more))
    return _table(rows, theme, width)


def slowest(report: RunReport, theme: Theme, width: int) -> Iterator[Text]:
    """The five that ran longest, with what they are and the attempts they took."""
    rows: list[_Row] = []
    for label in report.slowest[:MOST_NAMED]:
        action = report.of(label)
        what = f"{action.type or ''} {action.target or ''}".strip()
        tries = f", {action.attempts} attempts" if action.attempts > 1 else ""
        share = action.seconds / report.duration_seconds if report.duration_seconds else 0.0
        rows.append(
            _Row(label, seconds_text(action.seconds), f"{share:.0%} of the time, {what}{tries}")
        )
    return _table(rows, theme, width)


def misses(report: RunReport, theme: Theme, width: int) -> Iterator[Text]:
    """The five estimates that were furthest off."""
    plan = report.against_plan
    rows = [
        _Row(
            miss.action,
            seconds_text(miss.seconds),
            f"estimated {seconds_text(miss.estimate_seconds)}{_times(miss.seconds, miss.estimate_seconds)}"
            f", {miss.estimate_source}",
        )
        for miss in (plan.misses[:MOST_NAMED] if plan else ())
    ]
    return _table(rows, theme, width)


def _times(seconds: float, estimate: float) -> str:
    return f" ({seconds / estimate:.2f}x)" if estimate > 0 else ""


def models(report: RunReport, theme: Theme, width: int) -> Iterator[Text]:
    """The whole, then the models, then the actions that used most."""
    if report.used is None:
        return iter(())
    used = report.used
    rows = [_Row("all", f"{tokens(used.total):,}", usage_text(used.total))]
    rows += _spent(used.by_model, "unknown model")
    rows += _spent(used.by_action[:MOST_NAMED], "the run itself")
    return _table(rows, theme, width)


def _spent(spent: Iterable[Spent], nameless: str) -> list[_Row]:
    return [
        _Row(one.name or nameless, f"{tokens(one.usage):,}", usage_text(one.usage)) for one in spent
    ]


def usage_text(usage: Usage) -> str:
    """`983 tokens read, 532 written, $0.0123`."""
    cost = f", ${usage.cost_usd:,.4f}" if usage.cost_usd else ""
    return f"{usage.input_tokens:,} tokens read, {usage.output_tokens:,} written{cost}"


def _table(rows: Sequence[_Row], theme: Theme, width: int) -> Iterator[Text]:
    """Name, figure and words in columns; on a narrow screen the words go below."""
    is_narrow = width < _WITH_WORDS
    name = max((cell_len(theme.line(row.name)) for row in rows), default=0)
    name = min(name, width - 4 - _TIME if is_narrow else max(12, width // 3))
    figure = max([_TIME, *(len(row.figure) for row in rows)])
    for row in rows:
        line = Line(theme, width).gap(2).column(row.name, name, row.style).gap(2)
        line.column(row.figure, figure, right=True)
        if not is_narrow:
            line.gap(2).add(row.words, "dim")
        yield line.text
        for words in wrapped(theme.line(row.words), width - 4) if is_narrow else ():
            yield Line(theme, width).gap(4).add(words, "dim").text
