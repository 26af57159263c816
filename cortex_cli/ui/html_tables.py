"""The tables of a report: path, waits, estimates, models, errors, warnings."""

from collections.abc import Iterable, Iterator

from cortex_cli.events import Usage
from cortex_cli.kinds import ActionState
from cortex_cli.ui.html_text import block, fold, table, text
from cortex_cli.ui.run_report import CauseOfWaits, RunReport, Spent
from cortex_cli.ui.show_sections import LEAST_TOLD, WAIT_WORDS, began
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.words import counted, listed

MOST_LINKS = 60
MOST_ERRORS = 50
MOST_MODELS = 20


def path(report: RunReport) -> str:
    """The critical path as it was; of a long one both ends."""
    links = list(report.critical_path)
    half = MOST_LINKS // 2
    items = [
        f"<li><em>{seconds_text(link.seconds)}</em><b>{text(link.action)}</b>"
        f"<p>{text(began(link))}</p></li>"
        for link in links
    ]
    if len(items) > MOST_LINKS:
        gap = f'<li class="gap">{len(items) - 2 * half:,} more</li>'
        items = [*items[:half], gap, *items[-half:]]
    return f'<ol class="path">{"".join(items)}</ol>' if items else ""


def waits(report: RunReport) -> str:
    """The causes, with the seconds of all actions together, and who waited longest."""
    return table(
        ["waited", "in all", "longest"],
        [
            [
                f"{text(WAIT_WORDS[wait.cause])}<br><small>{_by_whom(wait)}</small>",
                seconds_text(wait.seconds),
                f"{text(wait.longest)}<br><small>{seconds_text(wait.longest_seconds)}</small>",
            ]
            for wait in report.waits
        ],
        figures=(1,),
    )


def _by_whom(wait: CauseOfWaits) -> str:
    on_path = wait.on_path_seconds
    more = f", {seconds_text(on_path)} on the critical path" if on_path >= LEAST_TOLD else ""
    return f"{counted(wait.actions, 'action')}{more}"


def misses(report: RunReport) -> str:
    """The estimates that were furthest off."""
    plan = report.against_plan
    return table(
        ["action", "estimated", "took", ""],
        [
            [
                f"{text(miss.action)}<br><small>{text(miss.estimate_source)}</small>",
                seconds_text(miss.estimate_seconds),
                seconds_text(miss.seconds),
                f"{miss.seconds / miss.estimate_seconds:.2f}x" if miss.estimate_seconds else "",
            ]
            for miss in (plan.misses if plan else ())
        ],
        figures=(1, 2, 3),
    )


def models(report: RunReport) -> str:
    """What models have read, written and cost: by model, by action."""
    if report.used is None:
        return ""
    heads = ["read", "written", "cost"]
    models = _spent(report.used.by_model, "unknown")
    actions = _spent(report.used.by_action, "the run itself")
    return table(["model", *heads], models, (1, 2, 3)) + table(
        ["action", *heads], actions, (1, 2, 3)
    )


def _spent(spent: Iterable[Spent], nameless: str) -> Iterator[list[str]]:
    for one in list(spent)[:MOST_MODELS]:
        yield [text(one.name or nameless), *_figures(one.usage)]


def _figures(usage: Usage) -> list[str]:
    cost = f"${usage.cost_usd:,.4f}" if usage.cost_usd else ""
    return [f"{usage.input_tokens:,}", f"{usage.output_tokens:,}", cost]


def errors(report: RunReport) -> str:
    """What failed, with the whole error; what was skipped and cancelled for which reason."""
    failed = [action for action in report.actions if action.state is ActionState.FAILED]
    shown = [
        fold(
            action.action,
            block(action.error or ""),
            counted(action.attempts, "attempt") if action.attempts != 1 else "",
            is_open=place < 5,
        )
        for place, action in enumerate(failed[:MOST_ERRORS])
    ]
    if len(failed) > MOST_ERRORS:
        shown.append(f'<p class="note">{len(failed) - MOST_ERRORS:,} more actions failed</p>')
    if report.error is not None:
        shown.insert(0, f'<p class="failed">{text(report.error, 2_000)}</p>')
    return "".join([*shown, *_stopped(report)]) if shown else "".join(_stopped(report))


def _stopped(report: RunReport) -> Iterator[str]:
    reasons: dict[tuple[ActionState, str], list[str]] = {}
    for action in report.actions:
        if action.state in {ActionState.SKIPPED, ActionState.CANCELLED} and action.reason in _BAD:
            reasons.setdefault((action.state, action.reason or ""), []).append(action.action)
    for (state, reason), labels in reasons.items():
        why = f"{state.value}, {reason.replace('_', ' ')}: {listed(labels)}"
        yield f'<p class="note">{text(why)}</p>'


def warnings(report: RunReport) -> str:
    """The last of them."""
    return "".join(f'<p class="note">{text(warning, 2_000)}</p>' for warning in report.warnings)


# What is skipped because a condition says so is no trouble.
_BAD = frozenset({"upstream_failed", "aborted", "cancelled", "deadline", "timeout", "grace_ended"})
