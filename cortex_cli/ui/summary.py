"""The closing summary of a run: how it ended, in what time, what failed, and what ran when."""

from collections.abc import Iterator

from rich.text import Text

from cortex_cli.kinds import ActionState
from cortex_cli.report import PlanEstimate
from cortex_cli.ui.entry import LABEL, entry
from cortex_cli.ui.line import Line
from cortex_cli.ui.outcome import Outcome, outcome
from cortex_cli.ui.run_timeline import timeline
from cortex_cli.ui.run_view import RunView
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.theme import STATE_STYLES, STATE_WORDS, Theme
from cortex_cli.ui.words import counted, listed

_MOST_FAILURES = 10
_MOST_WARNINGS = 5
_MOST_LINKS = 6
_WHOLE_LINE = 10_000
_HEADS = {
    "agent_completed": (ActionState.COMPLETED, "completed in"),
    "agent_failed": (ActionState.FAILED, "failed after"),
    "agent_paused": (ActionState.QUEUED, "paused after"),
    "agent_cancelled": (ActionState.CANCELLED, "cancelled after"),
}


def summary(view: RunView, theme: Theme, width: int) -> list[Text]:
    """The lines of the summary, `width` columns wide (at least 40).

    Only commands to copy may be longer: they are never cut.
    """
    past = outcome(view)
    bars = timeline(view, past, theme, width)
    blank = [Text()]
    return [
        head(view, past, theme, width),
        *_facts(view, past, theme, width),
        *_troubles(view, past, theme, width),
        *([*blank, *bars] if bars else []),
        *_ways_on(view, theme),
    ]


def head(view: RunView, past: Outcome, theme: Theme, width: int) -> Text:
    """How the run ended, after which time and why."""
    state, verb = _HEADS.get(view.ended_as, (ActionState.CANCELLED, "has not ended after"))
    style = STATE_STYLES[state]
    line = Line(theme, width).add(theme.glyph(state), style).gap(1)
    ending = f" {verb} {seconds_text(past.seconds)}"
    line.add(view.root.name or "run", "bold", max(8, line.left - len(ending)))
    line.add(ending, style)
    if view.termination is not None and width >= 60:
        line.gap(2).add(view.termination.replace("_", " "), "dim")
    return line.text


def _facts(view: RunView, past: Outcome, theme: Theme, width: int) -> Iterator[Text]:
    counts = [f"{count:,} {STATE_WORDS[state]}" for state, count in past.counts.items()]
    if counts:
        cached = [f"{past.cached:,} of them from the cache"] if past.cached else []
        yield from entry(theme, width, "actions", ", ".join([*counts, *cached]))
    if view.root.iteration > 1:
        yield from entry(theme, width, "loop", counted(view.root.iteration, "iteration"))
    if past.estimate is not None:
        yield from entry(theme, width, "time", _against(past, past.estimate))
    if len(past.chain) > 1:
        yield from entry(theme, width, "critical", _chain_text(past, theme))
    if past.usage is not None:
        tokens = f"{past.usage.input_tokens:,} tokens read, {past.usage.output_tokens:,} written"
        cost = f", ${past.cost:,.4f}" if past.cost is not None else ""
        yield from entry(theme, width, "models", tokens + cost)


def _against(past: Outcome, estimate: PlanEstimate) -> str:
    """The achieved time against what the plan promised and what could not be beaten."""
    promised, least = estimate.scheduled_seconds, estimate.lower_bound_seconds
    if past.is_bounded:
        return f"{seconds_text(past.seconds)}; by its timeouts at most {seconds_text(promised)}"
    return (
        f"{seconds_text(past.seconds)}; estimated {_compared(past.seconds, promised)}, "
        f"lower bound {_compared(past.seconds, least)}"
    )


def _compared(seconds: float, with_seconds: float) -> str:
    ratio = f" ({seconds / with_seconds:.2f}x)" if with_seconds > 0 else ""
    return f"{seconds_text(with_seconds)}{ratio}"


def _chain_text(past: Outcome, theme: Theme) -> str:
    names = [row.name for row in past.chain]
    if len(names) > _MOST_LINKS:
        half = _MOST_LINKS // 2
        names = [*names[:half], f"{len(names) - 2 * half:,} more", *names[-half:]]
    return f" {theme.glyphs.arrow} ".join(names)


def _troubles(view: RunView, past: Outcome, theme: Theme, width: int) -> Iterator[Text]:
    if view.end is not None and view.end.error is not None:
        yield from entry(theme, width, "error", view.end.error, "red")
    for place, row in enumerate(past.failed[:_MOST_FAILURES]):
        tries = f" ({row.attempt} attempts)" if row.attempt > 1 else ""
        text = f"{row.label}{tries}: {row.error}"
        yield from entry(theme, width, "" if place else "failed", text, "red")
    if len(past.failed) > _MOST_FAILURES:
        more = f"{len(past.failed) - _MOST_FAILURES:,} more actions failed"
        yield from entry(theme, width, "", more, "red")
    for (state, reason), labels in past.reasons.items():
        why = "" if reason == state else f"{reason.replace('_', ' ')}: "
        text = why + listed(labels)
        yield from entry(theme, width, STATE_WORDS[state], text, STATE_STYLES[state])
    for label, message in list(view.warnings)[-_MOST_WARNINGS:]:
        text = f"{label}: {message}" if label else message
        yield from entry(theme, width, "warning", text, "yellow")
    if view.warning_count > _MOST_WARNINGS:
        more = f"{counted(view.warning_count - _MOST_WARNINGS, 'earlier warning')}"
        yield from entry(theme, width, "", more, "yellow")


def _ways_on(view: RunView, theme: Theme) -> Iterator[Text]:
    """A command to copy, on one line however long it is."""
    if view.end is not None and view.end.resume is not None:
        yield Text()
        line = Line(theme, _WHOLE_LINE).gap(2).column("resume", LABEL, "dim").gap(1)
        yield line.add(view.end.resume, "bold").text
