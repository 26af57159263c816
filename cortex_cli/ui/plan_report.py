"""What `cortex plan` prints: counts, estimates, waves, the critical path, a time line, problems."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING

from cortex_cli.kinds import Severity
from cortex_cli.report import PlanEstimate, PlanReport
from cortex_cli.ui.durations import format_ratio, format_seconds
from cortex_cli.ui.problems import print_problems
from cortex_cli.ui.theme import Theme
from cortex_cli.ui.time_line import CRITICAL_STYLE, Span, time_line
from cortex_cli.ui.wave_tree import wave_tree
from cortex_cli.ui.words import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_LABEL = 13
_FIGURE = 11
_WITH_MEANING = 60
_MOST_IN_PATH = 20
_WITH_TENTHS = 9.9
_ROUNDING = 1e-9
_PLAIN = Theme()


def print_plan(console: "Console", report: PlanReport, theme: Theme = _PLAIN) -> None:
    """Print the report in the console's width, from 40 columns up; problems at the end.

    Large plans are cut, and say by how much. A plan without actions says why it has none.
    """
    for line in plan_lines(report, console.width, theme):
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    if report.problems:
        console.print()
        print_problems(console, report.problems, theme)


def plan_lines(report: PlanReport, width: int, theme: Theme = _PLAIN) -> Iterator["Text"]:
    """All that `print_plan` prints, but the problems, line by line."""
    yield from _head(report, width, theme)
    if not report.actions:
        return
    yield from _counts(report, width, theme)
    yield from _section("Time", _times(report, width))
    yield from _section("Waves", wave_tree(report, width, theme))
    yield from _section("Critical path", _critical_path(report, width, theme))
    spans = [
        Span(
            label=action.id,
            start=action.start_seconds,
            end=action.end_seconds,
            critical=action.on_critical_path,
        )
        for action in report.actions
        if action.end_seconds > action.start_seconds
    ]
    yield from _section("Time line", time_line(spans, width, theme))


def _head(report: PlanReport, width: int, theme: Theme) -> Iterator["Text"]:
    from rich.text import Text

    yield Text(theme.line(report.agent, width), style="bold")
    if report.actions:
        return
    broken = any(problem.severity is Severity.ERROR for problem in report.problems)
    words = "no actions" if broken else "no actions: its plan is not written down"
    yield from map(Text, _flow(words.split(), " ", width))


def _section(title: str, lines: Iterator["Text"]) -> Iterator["Text"]:
    """The lines under their title, after an empty line; nothing if there are none."""
    from rich.text import Text

    first = next(lines, None)
    if first is None:
        return
    yield Text()
    yield Text(title, style="bold")
    yield first
    yield from lines


def _counts(report: PlanReport, width: int, theme: Theme) -> Iterator["Text"]:
    actions, waves = len(report.actions), len(report.waves)
    sources = Counter(action.estimate_source for action in report.actions)
    sizes = [counted(actions, "action"), counted(waves, "wave")]
    yield from _listed("plan", sizes, width, theme)
    yield from _listed("types", _ranked(report.counts.by_type), width, theme)
    yield from _listed("modes", _ranked(report.counts.by_mode), width, theme)
    yield from _listed("estimated by", _ranked(sources), width, theme)


def _ranked(counts: Mapping[str, int]) -> list[str]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"{word} {count:,}" for word, count in ranked]


def _listed(label: str, items: Sequence[str], width: int, theme: Theme) -> Iterator["Text"]:
    """A label and items; those that don't fit go on in the next line, under the first."""
    from rich.text import Text

    safe = [theme.line(item, width - _LABEL - 2) for item in items]
    for place, line in enumerate(_flow(safe, f" {theme.glyphs.separator} ", width - _LABEL)):
        lead = "" if place else label
        yield Text.assemble((lead.ljust(_LABEL), "dim"), line)


def _times(report: PlanReport, width: int) -> Iterator["Text"]:
    from rich.text import Text

    totals = report.estimate
    slots = counted(totals.max_parallel, "slot")
    rows = [
        ("sequential", totals.sequential_seconds, "one action after another"),
        ("wave time", totals.wave_seconds, "each wave waits for its slowest"),
        ("scheduled", totals.scheduled_seconds, f"what a run does in {slots}"),
        *_at_p90(totals),
        ("lower bound", totals.lower_bound_seconds, "no order is quicker than this"),
    ]
    figures = [(label, format_seconds(seconds), meaning) for label, seconds, meaning in rows]
    figures.append(("speed-up", format_ratio(totals.speedup), "sequential over scheduled"))
    for label, figure, meaning in figures:
        line = Text.assemble((label.ljust(_LABEL), "dim"), (figure, "bold"))
        if width >= _WITH_MEANING:
            line.append(" " * (_FIGURE - len(figure)) + meaning, style="dim")
        yield line
    yield Text.assemble(("order".ljust(_LABEL), "dim"), (_optimality(totals), "bold"))


def _at_p90(totals: PlanEstimate) -> list[tuple[str, float, str]]:
    if isinstance(totals.p90_seconds, float):
        return [("at p90", totals.p90_seconds, "if all take as long as nine of ten did")]
    return []


def _optimality(totals: PlanEstimate) -> str:
    """How far the order is from the best at most, the last digit rounded up."""
    scheduled, bound = totals.scheduled_seconds, totals.lower_bound_seconds
    if scheduled <= bound * (1 + _ROUNDING):
        return "proved optimal"
    percent = 100 * (scheduled / bound - 1)
    shown = f"{ceil(percent * 10) / 10:.1f}" if percent <= _WITH_TENTHS else f"{ceil(percent):,}"
    return f"within {shown} % of the optimum"


def _critical_path(report: PlanReport, width: int, theme: Theme) -> Iterator["Text"]:
    """The path with the seconds of each action; of a long one the beginning and the end."""
    from rich.text import Text

    seconds = {action.id: action.estimate_seconds for action in report.actions}
    stops = [
        f"{theme.line(name, width - 14)} {format_seconds(seconds[name])}"
        for name in report.critical_path
    ]
    if len(stops) > _MOST_IN_PATH:
        half = _MOST_IN_PATH // 2
        left_out = f"{theme.glyphs.ellipsis} {len(stops) - 2 * half:,} more"
        stops = [*stops[:half], left_out, *stops[-half:]]
    for line in _flow(stops, f" {theme.glyphs.arrow} ", width):
        yield Text(line, style=CRITICAL_STYLE)


def _flow(items: Sequence[str], separator: str, width: int) -> list[str]:
    """The items in lines of at most `width` columns, each but the last ending in `separator`."""
    from rich.cells import cell_len

    lines: list[str] = []
    for place, item in enumerate(items):
        piece = item if place == len(items) - 1 else item + separator
        if lines and cell_len(lines[-1] + piece.rstrip()) <= width:
            lines[-1] += piece
        else:
            lines.append(piece)
    return [line.rstrip() for line in lines]
