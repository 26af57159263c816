"""What `cortex show RUN` prints: how the run ended, what took its time, what it gave and cost."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any, cast

import msgspec
from rich.text import Text

from cortex_cli.kinds import ActionState
from cortex_cli.ui.about_run import RunState, moment
from cortex_cli.ui.entry import LABEL, entry, section
from cortex_cli.ui.excerpt import excerpt
from cortex_cli.ui.line import Line
from cortex_cli.ui.outcome import outcome
from cortex_cli.ui.run_report import AgainstPlan, RunReport
from cortex_cli.ui.run_story import RunStory
from cortex_cli.ui.run_timeline import timeline
from cortex_cli.ui.show_sections import misses, models, path, slowest, waits
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.theme import STATE_STYLES, STATE_WORDS, Theme
from cortex_cli.ui.walk_back import walk_back
from cortex_cli.ui.words import counted, listed

MOST_BARS = 40

_WHOLE_LINE = 10_000
_MOST_FAILURES = 20
_MOST_WARNINGS = 10
_OUTPUT_CHARACTERS = 2_000
_HEADS = {
    RunState.RUNNING: (ActionState.RUNNING, "has been running for"),
    RunState.COMPLETED: (ActionState.COMPLETED, "completed in"),
    RunState.FAILED: (ActionState.FAILED, "failed after"),
    RunState.PAUSED: (ActionState.QUEUED, "paused after"),
    RunState.CANCELLED: (ActionState.CANCELLED, "cancelled after"),
    RunState.INTERRUPTED: (ActionState.CANCELLED, "interrupted after"),
}


def show_run(
    story: RunStory, report: RunReport, theme: Theme, width: int, zone: tzinfo | None
) -> Iterator[Text]:
    """The lines, `width` columns wide (at least 40); `zone` is that of the times, None the machine's.

    Only the command that goes on with the run may be longer: it is never cut.
    """
    yield _head(report, theme, width)
    yield from _facts(report, theme, width, zone)
    yield from section("Time line", _bars(story, theme, width))
    taken = sum(link.seconds - link.retry_seconds for link in report.critical_path)
    note = f"{seconds_text(taken)} of work in {seconds_text(report.duration_seconds)}"
    yield from section(
        "Critical path, as it was", path(report, theme, width), note if width >= 60 else ""
    )
    yield from section("Waits", waits(report, theme, width))
    yield from section("Slowest", slowest(report, theme, width))
    yield from section("Estimates and what became of them", misses(report, theme, width))
    yield from section("Models", models(report, theme, width))
    yield from section("Outputs", _outputs(report, theme, width))
    yield from section("Errors", _errors(report, theme, width))
    yield from section("Warnings", _warnings(report, theme, width))
    if report.resume is not None:
        yield Text()
        line = Line(theme, _WHOLE_LINE).gap(2).column("resume", LABEL, "dim").gap(1)
        yield line.add(report.resume, "bold").text


def _head(report: RunReport, theme: Theme, width: int) -> Text:
    state, verb = _HEADS[report.state]
    style = STATE_STYLES[state]
    line = Line(theme, width).add(theme.glyph(state), style).gap(1)
    ending = f" {verb} {seconds_text(report.duration_seconds)}"
    line.add(report.name or "run", "bold", max(8, line.left - len(ending)))
    line.add(ending, style)
    if report.reason is not None and width >= 60:
        line.gap(2).add(report.reason.replace("_", " "), "dim")
    return line.text


def _facts(report: RunReport, theme: Theme, width: int, zone: tzinfo | None) -> Iterator[Text]:
    counts = [f"{count:,} {STATE_WORDS[state]}" for state, count in report.counts.items()]
    plan = report.against_plan
    facts = {
        "run": report.execution_id,
        "manifest": report.manifest or "",
        "started": "" if report.started_at is None else moment(report.started_at, zone),
        "loop": counted(report.iterations, "iteration") if report.iterations > 1 else "",
        "inputs": _inputs(report),
        "actions": ", ".join(counts),
        "time": "" if plan is None else against(report.duration_seconds, plan),
        "cached": _named(report.cached),
        "retried": _named(report.retried),
    }
    for label, text in facts.items():
        if text:
            yield from entry(theme, width, label, text)


def _named(actions: tuple[str, ...]) -> str:
    return f"{counted(len(actions), 'action')}: {listed(actions)}" if actions else ""


def _inputs(report: RunReport) -> str:
    shown = [
        f"{name}={excerpt(value, 200).text}" for name, value in list(report.inputs.items())[:20]
    ]
    return ", ".join(shown)


def against(seconds: float, plan: AgainstPlan) -> str:
    """The time that was taken against what the plan promised and what could not be beaten."""
    if plan.is_bound:
        most = seconds_text(plan.scheduled_seconds)
        return f"{seconds_text(seconds)}; by its timeouts at most {most}"
    return (
        f"{seconds_text(seconds)}; planned {_compared(seconds, plan.scheduled_seconds)}, "
        f"lower bound {_compared(seconds, plan.lower_bound_seconds)}"
    )


def _compared(seconds: float, with_seconds: float) -> str:
    ratio = f" ({seconds / with_seconds:.2f}x)" if with_seconds > 0 else ""
    return f"{seconds_text(with_seconds)}{ratio}"


def _bars(story: RunStory, theme: Theme, width: int) -> list[Text]:
    rows = [link.action.row for link in walk_back(story)]
    return timeline(story.view, replace(outcome(story.view), chain=rows), theme, width, MOST_BARS)


def _outputs(report: RunReport, theme: Theme, width: int) -> Iterator[Text]:
    for name, value in named(report.outputs).items():
        if value is None:
            continue
        shown = excerpt(value, _OUTPUT_CHARACTERS)
        yield from entry(theme, width, name, shown.text if shown.is_text else _compact(value))


def named(outputs: Any) -> Mapping[str, Any]:
    """Outputs by name; a single one that has none is under an empty name."""
    return cast(Mapping[str, Any], outputs) if isinstance(outputs, Mapping) else {"": outputs}


def _compact(value: object) -> str:
    return excerpt(msgspec.json.encode(value).decode(), _OUTPUT_CHARACTERS).text


def _errors(report: RunReport, theme: Theme, width: int) -> Iterator[Text]:
    failed = [action for action in report.actions if action.state is ActionState.FAILED]
    for action in failed[:_MOST_FAILURES]:
        tries = f" ({action.attempts} attempts)" if action.attempts > 1 else ""
        text = f"{action.action}{tries}: {action.error or ''}"
        yield from entry(theme, width, "failed", text, "red")
    if len(failed) > _MOST_FAILURES:
        more = f"{counted(len(failed) - _MOST_FAILURES, 'more action')} failed"
        yield from entry(theme, width, "", more, "red")
    reasons: dict[tuple[ActionState, str], list[str]] = {}
    for action in report.actions:
        if action.state in {ActionState.SKIPPED, ActionState.CANCELLED}:
            reasons.setdefault((action.state, action.reason or ""), []).append(action.action)
    for (state, reason), labels in reasons.items():
        why = "" if reason == state else f"{reason.replace('_', ' ')}: "
        yield from entry(theme, width, state.value, why + listed(labels), STATE_STYLES[state])
    if report.error is not None:
        yield from entry(theme, width, "run", report.error, "red")


def _warnings(report: RunReport, theme: Theme, width: int) -> Iterator[Text]:
    for message in report.warnings[:_MOST_WARNINGS]:
        yield from entry(theme, width, "warning", message, "yellow")
    if len(report.warnings) > _MOST_WARNINGS:
        more = counted(len(report.warnings) - _MOST_WARNINGS, "more warning")
        yield from entry(theme, width, "", more, "yellow")
