"""The critical path as it really was: from the last end back to the start of the run; pure.

Before each action stands what it waited for last: the dependency that ended last, or, if it then
waited for a slot, the action that gave it up. Where an action has a nested run or items, the path
goes through these.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cortex_cli.ui.action_story import ActionStory, WaitCause
from cortex_cli.ui.run_story import RunStory


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An action on the path: `after` which other, None at the start, and what it waited for last.

    `waited` are the seconds of that wait, `slot_of` is who gave up a slot for it. `idle` are the
    seconds between the end of `after` and its start, in which nothing on the path ran.
    """

    action: ActionStory
    cause: WaitCause | None
    waited: float
    slot_of: ActionStory | None
    after: ActionStory | None
    idle: float

    @property
    def explains_idle(self) -> WaitCause | None:
        """What passed the idle time; None for what no event tells: planning, starting up."""
        return None if self.cause is WaitCause.DEPENDENCY else self.cause


def walk_back(story: RunStory) -> list[Link]:
    """The path in the order in which it ran; no links if no action has run."""
    links: list[Link] = []
    last = _last(action for action in story if action.parent is None)
    while last is not None:
        action = _innermost(last)
        link = _link(story, action)
        links.append(link)
        last = link.after
    return links[::-1]


def _last(actions: Iterable[ActionStory]) -> ActionStory | None:
    """The one that ended last of those that something waits for."""
    counted = [a for a in actions if a.has_run and a.ended and not a.row.is_detached]
    return max(counted, key=lambda action: action.ended, default=None)


def _innermost(action: ActionStory) -> ActionStory:
    while (inner := _last(action.children)) is not None:
        action = inner
    return action


def _link(story: RunStory, action: ActionStory) -> Link:
    after, by = _before(story, action)
    start = action.row.started_at or 0.0
    before = story.view.started_at if after is None else after.row.ended_at
    cause, waited = _last_wait(by)
    if cause is WaitCause.DEPENDENCY and after is None:
        cause, waited = None, 0.0
    idle = max(0.0, start - (start if before is None else before))
    slot_of = by.freed_by if cause is WaitCause.SLOT else None
    return Link(action=action, cause=cause, waited=waited, slot_of=slot_of, after=after, idle=idle)


def _before(story: RunStory, action: ActionStory) -> tuple[ActionStory | None, ActionStory]:
    """The action that had to end first, and the one, itself or around it, that waited for it."""
    by = action
    while True:
        # Invariant: every step goes to an earlier event, so the walk ends.
        freed = by.freed_by
        if freed is not None and 0 < freed.ended < by.started:
            return freed, by
        after = _that_ran(by.released_by) or _of_earlier_iteration(story, by)
        if after is not None or by.parent is None:
            return after, by
        by = by.parent


def _that_ran(action: ActionStory | None) -> ActionStory | None:
    """The action, or what it waited for if it was skipped."""
    while action is not None and not action.has_run:
        action = action.released_by
    return action


def _of_earlier_iteration(story: RunStory, action: ActionStory) -> ActionStory | None:
    scope = action.row.scope
    if scope.iteration == 1:
        return None
    return _last(
        other
        for other in story
        if other.row.scope is not scope
        and other.row.scope.path == scope.path
        and other.ended < action.started
    )


def _last_wait(action: ActionStory) -> tuple[WaitCause | None, float]:
    """The wait that ended last before the first start, and its seconds."""
    start = action.row.started_at or 0.0
    waits = [wait for wait in action.waits if wait.end <= start]
    return (waits[-1].cause, waits[-1].seconds) if waits else (None, 0.0)
