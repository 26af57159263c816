"""Phrases that more than one display uses."""

from collections.abc import Iterable

from cortex_cli.events import ProgressData, StateCounts
from cortex_cli.kinds import QueueReason
from cortex_cli.report import PlannedAction

QUEUE_WORDS = {
    QueueReason.SLOT: "waits for a slot",
    QueueReason.POOL: "waits for a resource",
    QueueReason.RATE: "waits for its rate limit",
    QueueReason.RETRY: "will be tried again",
    QueueReason.APPROVAL: "waits for approval",
    QueueReason.BUDGET: "waits for budget",
}
_MOST_NAMES = 5


def counted(number: int, noun: str) -> str:
    """`1 action`, `3,000 actions`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """The first five names, and how many more there are: `a, b, c, d, e and 12 more`."""
    all_names = list(names)
    more = len(all_names) - _MOST_NAMES
    shown = ", ".join(all_names[:_MOST_NAMES])
    return f"{shown} and {more:,} more" if more > 0 else shown


def calls_text(action: PlannedAction) -> str:
    """What an action calls: `tool fetch`, `llm with 2 tools`."""
    tools = counted(len(action.may_call), "tool") if action.may_call else ""
    called = f"{action.type} {action.target or ''}".rstrip()
    return f"{called} with {tools}" if tools else called


def counts_text(counts: StateCounts) -> str:
    """`7 completed, 1 failed`; states that no action is in are left out."""
    parts = [
        f"{number:,} {state}"
        for state in counts.__struct_fields__
        if (number := int(getattr(counts, state)))
    ]
    return ", ".join(parts) or "no actions"


def progress_text(progress: ProgressData) -> str:
    """How far something says it is: `62%`, `3/10`, `3`, or nothing."""
    if progress.fraction is not None:
        return f"{max(0.0, min(1.0, progress.fraction)):.0%}"
    if progress.current is None:
        return ""
    return f"{progress.current:g}" + ("" if progress.total is None else f"/{progress.total:g}")
