"""The top of a report: what ran, how it ended, and its figures at a glance."""

from collections.abc import Iterator
from datetime import tzinfo

from cortex_cli.kinds import ActionState
from cortex_cli.ui.about_run import moment
from cortex_cli.ui.html_text import text
from cortex_cli.ui.run_report import RunReport
from cortex_cli.ui.run_usage import tokens
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.theme import STATE_WORDS


def head_html(report: RunReport, zone: tzinfo | None) -> str:
    """Name, state, facts, cards, and the command that goes on with the run."""
    reason = f"<span>{text(report.reason.replace('_', ' '))}</span>" if report.reason else ""
    started = "" if report.started_at is None else moment(report.started_at, zone)
    facts = {
        "run": report.execution_id,
        "manifest": report.manifest or "",
        "started": started,
        "iterations": str(report.iterations) if report.iterations > 1 else "",
    }
    shown = "".join(
        f"<span>{name} <b>{text(value)}</b></span>" for name, value in facts.items() if value
    )
    go = ""
    if report.resume is not None:
        go = f'<p class="go">Go on with <code>{text(report.resume, 4_000)}</code></p>'
    return (
        f'<header><div class="top"><h1>{text(report.name or "run")}</h1>'
        f'<span class="pill {report.state.value}">{report.state.value}</span></div>'
        f'<div class="facts">{shown}{reason}</div>{go}'
        f'<dl class="cards">{"".join(_cards(report))}</dl></header>\n'
    )


def _cards(report: RunReport) -> Iterator[str]:
    yield _card("Time", seconds_text(report.duration_seconds), _planned(report))
    yield _actions(report)
    composite = {_parent(action.action) for action in report.actions if action.depth}
    work = sum(action.seconds for action in report.actions if action.action not in composite)
    if report.duration_seconds > 0 and work > 0:
        ratio = work / report.duration_seconds
        yield _card("Side by side", f"{ratio:.1f}x", f"{seconds_text(work)} of work")
    queued = [wait for wait in report.waits if wait.cause.is_queue]
    if queued:
        most = max(queued, key=lambda wait: wait.seconds)
        total = seconds_text(sum(wait.seconds for wait in queued))
        yield _card("Waited its turn", total, f"most of it: {most.cause.value}")
    if report.cached:
        yield _card("From the cache", f"{len(report.cached):,}", "outputs used again")
    if report.used is not None:
        total = report.used.total
        cost = f"${total.cost_usd:,.4f}, " if total.cost_usd else ""
        words = f"{cost}{total.input_tokens:,} read, {total.output_tokens:,} written"
        yield _card("Tokens", f"{tokens(total):,}", words)


def _parent(label: str) -> str:
    """The action around another, or the list that an item is of."""
    return label.rpartition("[")[0] if label.endswith("]") else label.rpartition("/")[0]


def _planned(report: RunReport) -> str:
    plan = report.against_plan
    if plan is None or plan.scheduled_seconds <= 0:
        return ""
    planned = seconds_text(plan.scheduled_seconds)
    return f"at most {planned} by timeouts" if plan.is_bound else f"planned {planned}"


def _actions(report: RunReport) -> str:
    total = sum(report.counts.values())
    words = [
        f"{count:,} {STATE_WORDS[state]}"
        for state, count in report.counts.items()
        if state is not ActionState.COMPLETED
    ]
    done = report.counts.get(ActionState.COMPLETED, 0)
    share = "".join(_shares(report, total)) if total else ""
    svg = f'<svg class="share" aria-hidden="true">{share}</svg>'
    figure = f"{total:,}" if done == total else f"{done:,} of {total:,}"
    return _card("Actions", figure, ", ".join(words) or "all completed", svg)


def _shares(report: RunReport, total: int) -> Iterator[str]:
    at = 0.0
    for state in (ActionState.COMPLETED, *report.counts):
        if state is ActionState.COMPLETED and at > 0:
            continue
        width = 100 * report.counts.get(state, 0) / total
        fill = f'<rect class="{state.value}" fill="currentColor"'
        yield f'{fill} x="{at:.3f}%" width="{width:.3f}%" height="6" rx="1"/>'
        at += width


def _card(title: str, figure: str, words: str, more: str = "") -> str:
    return f"<div><dt>{title}</dt><dd>{text(figure)}</dd><p>{text(words)}</p>{more}</div>"
