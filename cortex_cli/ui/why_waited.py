"""What an action has waited for before it began, in sentences."""

from collections.abc import Iterator

from cortex_cli.kinds import ActionMode, EdgeKind
from cortex_cli.ui.action_story import ActionStory, WaitCause
from cortex_cli.ui.stopwatch import seconds_text

_LEAST_TOLD = 0.001
_ENDS = {
    EdgeKind.DEPENDS_ON: "on which it depends",
    EdgeKind.DATA: "whose output it uses",
    EdgeKind.BARRIER: "which is sync and holds back what is declared after it",
}
_QUEUES = {
    WaitCause.POOL: "for a resource that others held",
    WaitCause.RATE: "for its rate limit",
    WaitCause.APPROVAL: "for approval",
    WaitCause.BUDGET: "for budget",
}


def why_waited(action: ActionStory) -> Iterator[str]:
    """Dependencies first, then what the queue was for; one sentence where it waited for nothing."""
    row = action.row
    last = action.released_by
    if last is not None:
        yield _dependency(action, last)
    elif action.is_over and not action.after:
        yield f"It depends on nothing, so it was ready {_when(action)}."
    if row.mode is ActionMode.FIRE_AND_FORGET and action.has_run:
        yield "It is fire and forget: it holds no slot, and nothing waited for it."
    yield from _queues(action)


def _when(action: ActionStory) -> str:
    writing = action.waited(WaitCause.PLANNING)
    if writing < _LEAST_TOLD:
        return "at once"
    return f"once a model had written it, {seconds_text(writing)} after it began its plan"


def _dependency(action: ActionStory, last: ActionStory) -> str:
    kind = _ENDS[action.after.get(last.row.id, EdgeKind.DEPENDS_ON)]
    number = len(action.after)
    place = (
        f"; of the {number:,} actions that it comes after, this ended last" if number > 1 else ""
    )
    waited = action.waited(WaitCause.DEPENDENCY)
    how = (
        f"It waited {seconds_text(waited)} for" if waited >= _LEAST_TOLD else "It came right after"
    )
    return f"{how} {last.row.id}, {kind}{place}."


def _queues(action: ActionStory) -> Iterator[str]:
    waited = action.waited(WaitCause.SLOT)
    if waited >= _LEAST_TOLD:
        by = f"; {action.freed_by.label} gave up the one that it got" if action.freed_by else ""
        yield f"All slots were taken: it waited {seconds_text(waited)} for one{by}."
    for cause, words in _QUEUES.items():
        if (waited := action.waited(cause)) >= _LEAST_TOLD:
            yield f"It waited {seconds_text(waited)} {words}."
