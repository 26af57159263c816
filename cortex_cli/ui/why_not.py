"""Why an action was skipped or cancelled, back to the action that it all began with."""

from collections.abc import Iterator

from cortex_cli.kinds import ActionState, ActionType, CancelReason, SkipReason
from cortex_cli.ui.action_story import ActionStory
from cortex_cli.ui.run_story import RunStory
from cortex_cli.ui.words import listed

_AS_A_WHOLE = {
    SkipReason.CANCELLED: "The run was cancelled before it began.",
    SkipReason.DEADLINE: "The run reached its deadline before it began.",
    SkipReason.BUDGET_EXHAUSTED: "The budget of the run was exhausted before it began.",
}
_ENDINGS = {
    CancelReason.CANCELLED: "The run was cancelled while it ran.",
    CancelReason.DEADLINE: "The run reached its deadline while it ran.",
    CancelReason.BUDGET_EXHAUSTED: "The budget of the run was exhausted before its next call.",
    CancelReason.TIMEOUT: "The action around it reached its timeout while it ran.",
    CancelReason.GRACE_ENDED: "The run was over, and the time that is left to background work, too.",
}


def root_cause(story: RunStory, action: ActionStory) -> ActionStory | None:
    """The action that kept this one from running: the first on the way up that ended by itself.

    None where nothing did; for one that was aborted, the failure before it.
    """
    row = action.row
    if row.reason == SkipReason.ABORTED:
        return _failed_before(story, action)
    if row.reason != SkipReason.UPSTREAM_FAILED:
        return None
    seen = {action}
    here: ActionStory | None = action
    while here is not None and here.row.reason == SkipReason.UPSTREAM_FAILED:
        here = _blocker(story, here)
        if here in seen:
            return None
        if here is not None:
            seen.add(here)
    return here


def _blocker(story: RunStory, action: ActionStory) -> ActionStory | None:
    """Of what it comes after, the first that failed, else that was cancelled or kept from running."""
    blocking = [source for source in story.sources(action) if _blocks(source)]
    order = (ActionState.FAILED, ActionState.CANCELLED, ActionState.SKIPPED)
    return min(
        blocking, key=lambda source: (order.index(source.row.state), source.ended), default=None
    )


def _blocks(source: ActionStory) -> bool:
    state, reason = source.row.state, source.row.reason
    if state is ActionState.SKIPPED:
        return SkipReason(reason).blocks
    return state in {ActionState.FAILED, ActionState.CANCELLED}


def _failed_before(story: RunStory, action: ActionStory) -> ActionStory | None:
    failed = [
        other
        for other in story
        if other.row.state is ActionState.FAILED and 0 < other.ended < action.ended
    ]
    return max(failed, key=lambda other: other.ended, default=None)


def why_skipped(story: RunStory, action: ActionStory, condition: str | None) -> Iterator[str]:
    """The sentences on a skipped action; `condition` is the text of its condition, if known."""
    reason = SkipReason(action.row.reason)
    match reason:
        case SkipReason.UPSTREAM_FAILED:
            yield from _upstream_failed(story, action)
        case SkipReason.UPSTREAM_SKIPPED:
            names = [source.row.id for source in story.sources(action)]
            yield f"It was skipped because all that it comes after was skipped: {listed(names)}."
            yield from _first_skip(story, action)
        case SkipReason.CONDITION_FALSE:
            text = f": {condition}" if condition else ""
            yield f"It was skipped because its condition was false{text}."
        case SkipReason.NOT_CHOSEN:
            yield _not_chosen(story, action)
        case SkipReason.NOTHING_FAILED:
            yield "It was skipped because it runs only if something fails, and nothing failed."
        case SkipReason.ABORTED:
            yield _aborted(story, action, "It was skipped")
        case _:
            yield _AS_A_WHOLE[reason]


def why_cancelled(story: RunStory, action: ActionStory) -> Iterator[str]:
    """The sentences on a cancelled action."""
    reason = CancelReason(action.row.reason)
    if reason is CancelReason.ABORTED:
        yield _aborted(story, action, "It was cancelled")
    else:
        yield _ENDINGS[reason]


def _upstream_failed(story: RunStory, action: ActionStory) -> Iterator[str]:
    blocker, cause = _blocker(story, action), root_cause(story, action)
    if blocker is None:
        yield "It was skipped because something that it depends on did not complete."
        return
    yield f"It was skipped because {blocker.row.id}, which it comes after, {_ended(blocker)}."
    if cause is not None and cause is not blocker:
        yield f"It all began with {cause.row.id}, which {_ended(cause)}."
    if cause is not None and cause.row.error:
        yield f"The error of {cause.row.id}: {cause.row.error}"


def _ended(action: ActionStory) -> str:
    if action.row.state is ActionState.FAILED:
        return f"failed ({action.row.error_type})"
    return f"was {action.row.state.value} ({action.row.reason.replace('_', ' ')})"


def _first_skip(story: RunStory, action: ActionStory) -> Iterator[str]:
    """The skip that the others follow from."""
    here, seen = action, {action}
    while here.row.reason == SkipReason.UPSTREAM_SKIPPED:
        above = [source for source in story.sources(here) if source not in seen]
        if not above:
            return
        here = min(above, key=lambda source: source.ended)
        seen.add(here)
    if here.row.state is ActionState.SKIPPED:
        reason = here.row.reason.replace("_", " ")
        yield f"The first of them, {here.row.id}, was skipped for the reason: {reason}."


def _not_chosen(story: RunStory, action: ActionStory) -> str:
    decisions = [s for s in story.sources(action) if s.row.type is ActionType.DECISION]
    decision = max(decisions, key=lambda source: source.ended, default=None)
    if decision is None:
        return "It was skipped because a decision chose another case."
    value = f": it gave {decision.output.text[:200]!r}" if decision.output else ""
    return f"It was skipped because the decision {decision.row.id} chose another case{value}."


def _aborted(story: RunStory, action: ActionStory, what: str) -> str:
    cause = _failed_before(story, action)
    if cause is None:
        return f"{what} because the run was ended as a whole."
    return f"{what} because {cause.label} failed, and with it the run as a whole: {cause.row.error}"
