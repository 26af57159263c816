"""What the scheduler knows of actions and groups while they run."""

from collections.abc import Iterable
from enum import Enum

import msgspec

from cortex_cli.kinds import (
    ActionMode,
    ActionType,
    CancelReason,
    EdgeKind,
    QueueReason,
    RunIf,
    SkipReason,
)
from cortex_cli.plan.conditions import Condition, compile_condition
from cortex_cli.plan.limits import Limit
from cortex_cli.plan.purse import Needs, Purse
from cortex_cli.plan.shares import units_taken
from cortex_cli.protocol.action import Action

Claim = tuple[Limit, float]
"""So many units of something."""


class Phase(Enum):
    """Where an action is, as the scheduler sees it."""

    WAITING = 0
    CHECKING = 1
    READY = 2
    RUNNING = 3
    BACKING_OFF = 4
    ENDED = 5
    ASKING = 6
    UNANSWERED = 7
    PRICING = 8


class Outcome(Enum):
    """What the end of an action means for those that depend on it."""

    OK = 0
    SKIPPED = 1
    BLOCKED = 2


# Looking up a member of an enumeration takes as long as a call, before Python 3.12.
_WAITING = Phase.WAITING
_OK, _SKIPPED = Outcome.OK, Outcome.SKIPPED
_BARRIER = EdgeKind.BARRIER
_FAILURE, _SUCCESS = RunIf.FAILURE, RunIf.SUCCESS
_FIRE_AND_FORGET = ActionMode.FIRE_AND_FORGET


class Item(msgspec.Struct, frozen=True, gc=False):
    """An action as the scheduler needs it.

    `waits` holds the number and kind of each edge that leads to it; `tail` is the longest
    remaining path from its start to the end of its plan, in seconds. `ended` is what its end
    means, where it has ended before it joins.
    """

    action: Action
    waits: Iterable[tuple[int, EdgeKind]] = ()
    tail: float = 0.0
    needs_approval: bool = False
    ended: Outcome | None = None

    @property
    def is_background(self) -> bool:
        """Whether nothing waits for the action."""
        return self.action.mode is _FIRE_AND_FORGET

    @property
    def has_condition(self) -> bool:
        """Whether a condition decides on the action; one about `item` is each item's own."""
        text = self.action.condition
        if text is None or self.action.for_each is None:
            return text is not None
        return not is_about_item(compile_condition(text))


def is_about_item(condition: Condition) -> bool:
    """Whether a condition has another value for each item of a `for_each`."""
    return any(root in {"item", "index"} for root, _ in condition.paths)


class Group:
    """The actions of one plan; `caps`, `limits` and `purses` are its own and those around it.

    `ending` is why what is to be tried again is ended instead, once nothing more is begun.
    """

    __slots__ = (
        "caps",
        "ending",
        "fail_fast",
        "has_failed",
        "is_closed",
        "is_detached",
        "is_open",
        "limits",
        "nodes",
        "number",
        "parent",
        "purses",
        "unfinished",
    )

    def __init__(self, number: int, parent: "Node | None", *, fail_fast: bool) -> None:
        self.number = number
        self.parent = parent
        self.fail_fast = fail_fast
        self.has_failed = False
        self.is_detached = parent is not None and parent.is_detached
        self.is_open = True
        self.is_closed = False
        self.ending: CancelReason | None = None
        self.nodes: list[Node] = []
        self.unfinished = 0
        self.purses: tuple[Purse, ...] = () if parent is None else parent.group.purses
        self.caps: tuple[Limit, ...] = () if parent is None else parent.group.caps
        self.limits: dict[str, tuple[Limit, ...]] = (
            {} if parent is None else dict(parent.group.limits)
        )

    def add_limit(self, name: str, limit: Limit) -> None:
        """Share something out among the group's actions, and those nested in them."""
        self.limits[name] = (limit, *self.limits.get(name, ()))

    def claims(self, action: Action, *, is_detached: bool) -> tuple[Claim, ...]:
        """What a leaf action takes while it runs, and of each how many units."""
        caps = () if is_detached else tuple((cap, 1.0) for cap in self.caps)
        if not self.limits:
            return caps
        taken = tuple(
            (limit, units)
            for name, units in units_taken(action, self.limits).items()
            for limit in self.limits[name]
        )
        return (*caps, *taken)


class Node:
    """One action; `open_*` count the edges that still hold it, the rest how those before ended.

    `is_background`: nothing waits for it. `is_detached`: it, or what it is nested in, is such.
    `waits_for`: what it has been said to wait for once it was ready. `is_priced`: what it needs of
    a budget is asked each time that it is ready.
    """

    __slots__ = (
        "blocked",
        "cancelling",
        "children",
        "claims",
        "group",
        "has_condition",
        "has_started",
        "is_background",
        "is_detached",
        "is_leaf",
        "is_priced",
        "key",
        "needs_approval",
        "nested",
        "number",
        "ok",
        "on_failure",
        "open_hard",
        "open_soft",
        "outcome",
        "phase",
        "priority",
        "run_if",
        "skipped",
        "soft",
        "soft_blocked",
        "soft_ok",
        "tail",
        "wait_for_all",
        "waits_for",
    )

    def __init__(
        self, number: int, group: Group, item: Item, base_priority: float, base_tail: float
    ) -> None:
        action = item.action
        self.number = number
        self.group = group
        self.priority = action.priority + base_priority
        self.tail = item.tail + base_tail
        self.key = (-self.priority, -self.tail, number)
        self.is_leaf = action.holds_slot
        self.is_priced = bool(group.purses) and action.type is ActionType.LLM
        self.is_background = item.is_background
        self.is_detached = self.is_background or group.is_detached
        self.has_started = False
        self.has_condition = action.condition is not None and item.has_condition
        self.run_if = action.run_if
        self.on_failure = action.on_failure
        self.wait_for_all = action.wait_for_all
        self.cancelling: CancelReason | None = None
        self.phase = _WAITING if item.ended is None else Phase.ENDED
        self.outcome = item.ended or _OK
        self.needs_approval = item.needs_approval
        self.waits_for: QueueReason | None = None
        self.claims: tuple[Claim, ...] = (
            group.claims(action, is_detached=self.is_detached) if self.is_leaf else ()
        )
        self.children: list[tuple[Node, EdgeKind, bool]] = []
        self.nested: tuple[Group, ...] = ()
        self.open_hard = self.open_soft = 0
        self.ok = self.skipped = self.blocked = 0
        self.soft = self.soft_ok = self.soft_blocked = 0

    def price(self, needs: Needs) -> None:
        """Have it reserve so much of each budget, beside what it takes of other things."""
        taken = tuple(claim for claim in self.claims if not isinstance(claim[0], Purse))
        purses = ((purse, needs.get(purse.kind, 0.0)) for purse in self.group.purses)
        self.claims = (*taken, *((purse, units) for purse, units in purses if units))

    def count(self, outcome: Outcome, kind: EdgeKind, *, soft: bool) -> None:
        """Note how an action that this one waits for has ended."""
        if kind is _BARRIER:
            return
        self.soft += soft
        if outcome is _OK:
            self.ok += 1
            self.soft_ok += soft
        elif outcome is _SKIPPED:
            self.skipped += 1
        else:
            self.blocked += 1
            self.soft_blocked += soft

    def release(self, outcome: Outcome, kind: EdgeKind, *, soft: bool) -> bool:
        """Take one edge away; whether the action may be decidable by that."""
        if self.phase is not _WAITING:
            return False
        if soft:
            self.open_soft -= 1
            self.count(outcome, kind, soft=True)
        else:
            self.open_hard -= 1
            if outcome is not _OK:
                self.count(outcome, kind, soft=False)
            elif kind is not _BARRIER:
                self.ok += 1
        return not self.open_hard

    def is_decidable(self) -> bool:
        """Whether enough has ended to say what becomes of the action (PROTOCOL 2.3 and 2.4)."""
        if self.open_hard:
            return False
        if not self.open_soft:
            return True
        return self.blocked > 0 if self.run_if is _FAILURE else self.soft_ok > 0

    def verdict(self) -> SkipReason | None:
        """Why a decidable action is skipped; None if it may run, once its condition allows it."""
        if self.blocked and self.run_if is not _SUCCESS:
            return None
        if self.blocked > self.soft_blocked or (self.soft_blocked and not self.soft_ok):
            return SkipReason.UPSTREAM_FAILED
        if (self.soft and not self.soft_ok) or (self.skipped and not self.ok):
            return SkipReason.UPSTREAM_SKIPPED
        return SkipReason.NOTHING_FAILED if self.run_if is _FAILURE else None
