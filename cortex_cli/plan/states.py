"""What the scheduler knows of actions and groups while they run."""

from collections.abc import Iterable
from enum import Enum
from typing import Self

import msgspec

from cortex_cli.kinds import CancelReason, EdgeKind, QueueReason, RunIf, SkipReason
from cortex_cli.plan.limits import Key, Limit
from cortex_cli.plan.purse import Needs, Purse
from cortex_cli.plan.shares import units_taken
from cortex_cli.plan.traits import Traits

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

    @classmethod
    def of(cls, reason: SkipReason) -> "Outcome":
        """What it means that an action is skipped for that reason."""
        return cls.BLOCKED if reason.blocks else cls.SKIPPED


QUEUING = frozenset({Phase.READY, Phase.PRICING})
_LIVELY = QUEUING | {Phase.CHECKING, Phase.RUNNING, Phase.BACKING_OFF, Phase.ASKING}
WINDING_DOWN = {SkipReason.BUDGET_EXHAUSTED: CancelReason.BUDGET_EXHAUSTED}
"""Why what waits to be tried again is cancelled, by why the rest is skipped."""

# Looking up a member of an enumeration takes as long as a call, before Python 3.12.
_WAITING = Phase.WAITING
_OK, _SKIPPED = Outcome.OK, Outcome.SKIPPED
_BARRIER = EdgeKind.BARRIER
_FAILURE, _SUCCESS = RunIf.FAILURE, RunIf.SUCCESS


class Item(msgspec.Struct, frozen=True, gc=False):
    """An action as the scheduler needs it.

    `waits` holds the number and kind of each edge that leads to it; `tail` is the longest
    remaining path from its start to the end of its plan, in seconds. `ended` is what its end
    means, where it has ended before it joins.
    """

    traits: Traits
    waits: Iterable[tuple[int, EdgeKind]] = ()
    tail: float = 0.0
    needs_approval: bool = False
    ended: Outcome | None = None


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
        "is_ending",
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
        self.is_ending = False
        self.is_closed = False
        self.ending: CancelReason | None = None
        self.nodes: list[Node] = []
        self.unfinished = 0
        self.purses: tuple[Purse, ...] = () if parent is None else parent.group.purses
        self.caps: tuple[Limit, ...] = () if parent is None else parent.group.caps
        self.limits: dict[str, tuple[Limit, ...]] = (
            {} if parent is None else dict(parent.group.limits)
        )

    def next(self, number: int) -> "Group":
        """The group of a further iteration: it has the same caps, limits and purses."""
        group = Group(number, self.parent, fail_fast=self.fail_fast)
        group.caps, group.limits, group.purses = self.caps, self.limits, self.purses
        return group

    def add_limit(self, name: str, limit: Limit) -> None:
        """Share something out among the group's actions, and those nested in them."""
        self.limits[name] = (limit, *self.limits.get(name, ()))

    def claims(self, action: Traits, *, is_detached: bool) -> tuple[Claim, ...]:
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


class Node(msgspec.Struct, eq=False):
    """One action; `open_*` count the edges that still hold it, the rest how those before ended.

    `children` wait for its end and for how it ends; `others`, by the kind of the edge and whether
    it is soft, for its end alone or for the end of any like it. `key` orders what is ready.
    `is_detached`: nothing waits for it, or for what it is nested in. `waits_for`: what it has been
    said to wait for once it was ready.
    """

    number: int
    group: Group
    traits: Traits
    priority: float
    tail: float
    key: Key
    is_leaf: bool
    is_background: bool
    is_detached: bool
    wait_for_all: bool
    needs_approval: bool
    phase: Phase
    outcome: Outcome
    claims: tuple[Claim, ...] = ()
    children: "list[Node]" = []
    others: "list[tuple[Node, EdgeKind, bool]]" = []
    nested: tuple[Group, ...] = ()
    has_started: bool = False
    cancelling: CancelReason | None = None
    waits_for: QueueReason | None = None
    open_hard: int = 0
    open_soft: int = 0
    ok: int = 0
    skipped: int = 0
    blocked: int = 0
    soft: int = 0
    soft_ok: int = 0
    soft_blocked: int = 0

    @classmethod
    def of(cls, number: int, group: Group, item: Item) -> Self:
        """An action that joins a group; nested in another, it goes before and after with that."""
        traits = item.traits
        priority, tail, parent = traits.priority, item.tail, group.parent
        if parent is not None:
            priority, tail = priority + parent.priority, tail + parent.tail
        is_leaf, is_background = traits.holds_slot, traits.is_background
        is_detached = is_background or group.is_detached
        ended = item.ended
        return cls(
            number,
            group,
            traits,
            priority,
            tail,
            (-priority, -tail, number),
            is_leaf,
            is_background,
            is_detached,
            traits.wait_for_all,
            item.needs_approval,
            _WAITING if ended is None else Phase.ENDED,
            ended or _OK,
            group.claims(traits, is_detached=is_detached) if is_leaf else (),
        )

    @property
    def is_lively(self) -> bool:
        """Whether it is under way by itself; one that waits for what is nested in it is not."""
        return self.phase in _LIVELY and (self.is_leaf or self.phase is not Phase.RUNNING)

    def price(self, needs: Needs) -> None:
        """Have it reserve so much of each budget, beside what it takes of other things."""
        own = self.group.purses
        taken = tuple(claim for claim in self.claims if claim[0] not in own)
        purses = ((purse, needs.get(purse.kind, 0.0)) for purse in own)
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

    def release(self, outcome: Outcome, kind: EdgeKind, *, soft: bool) -> None:
        """Take one edge away."""
        if soft:
            self.open_soft -= 1
        else:
            self.open_hard -= 1
        self.count(outcome, kind, soft=soft)

    def is_decided_early(self) -> bool:
        """Whether it need not wait for the soft edges that are still open (PROTOCOL 2.3 and 2.4)."""
        return self.blocked > 0 if self.traits.run_if is _FAILURE else self.soft_ok > 0

    def verdict(self) -> SkipReason | None:
        """Why a decidable action is skipped; None if it may run, once its condition allows it."""
        run_if = self.traits.run_if
        if run_if is _SUCCESS and not (self.blocked or self.skipped or self.soft):
            return None
        if self.blocked and run_if is not _SUCCESS:
            return None
        if self.blocked > self.soft_blocked or (self.soft_blocked and not self.soft_ok):
            return SkipReason.UPSTREAM_FAILED
        if (self.soft and not self.soft_ok) or (self.skipped and not self.ok):
            return SkipReason.UPSTREAM_SKIPPED
        return SkipReason.NOTHING_FAILED if run_if is _FAILURE else None
