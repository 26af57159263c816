"""What a view remembers of one action, and of one plan with the actions in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cortex_cli.events import ActionStartedData, ProgressData
from cortex_cli.kinds import BLOCKING_SKIPS, ActionMode, ActionState, ActionType, QueueReason
from cortex_cli.report import PlanEstimate, PlannedAction

# Estimates from these sources are bounds, not expectations: work rarely takes its whole timeout.
_FOR_NOW = frozenset(reason.value for reason in BLOCKING_SKIPS)
BOUNDS = frozenset({"timeout_seconds", "default"})
_GUESS_SECONDS = 5.0
_LEAST_WEIGHT = 0.001


@dataclass(slots=True, eq=False, kw_only=True)
class Scope:
    """The plan of one iteration of one run, nested (`path` is not empty) or not.

    `attempt` is that of the action that runs it. `started_at` is when its plan began to be there,
    or else when the iteration began. `sources` maps an action's id to the ids that it comes after.
    `work` and `done` are the weights of all its actions and of those that have ended, `ended` is
    how many those are; `bounded` is how many of its actions have no estimate but their timeout.
    """

    path: tuple[str, ...]
    parent: "Row | None" = None
    name: str = ""
    attempt: int = 0
    iteration: int = 1
    max_iterations: int = 1
    rows: "dict[str, Row]" = field(default_factory=dict[str, "Row"])
    sources: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    waves: int = 0
    estimate: PlanEstimate | None = None
    complete: bool = True
    started_at: float = 0.0
    work: float = 0.0
    done: float = 0.0
    ended: int = 0
    bounded: int = 0


@dataclass(slots=True, eq=False, kw_only=True)
class Row:
    """One action of one iteration. Times are the event's seconds since 1970, None if not yet.

    `order` sorts rows as a tree, each beneath its parent. `attempt_at` is when the current attempt
    began, `started_at` when the first did; `seconds` is the duration as the event gives it.
    `reason` says why it was skipped or cancelled, `error` why it (or its last attempt) failed.
    """

    scope: Scope
    id: str
    name: str
    number: int
    order: tuple[int, ...]
    planned_at: float
    plan: PlannedAction | None = None
    type: ActionType | None = None
    mode: ActionMode = ActionMode.ASYNC
    target: str | None = None
    state: ActionState = ActionState.PENDING
    attempt: int = 0
    queued_at: float | None = None
    started_at: float | None = None
    attempt_at: float | None = None
    ended_at: float | None = None
    retry_at: float | None = None
    seconds: float | None = None
    cached: bool = False
    queue_reason: QueueReason | None = None
    reason: str = ""
    error: str = ""
    error_type: str = ""
    question: str = ""
    progress: ProgressData | None = None
    output: str = ""

    def describe(self, action: PlannedAction) -> None:
        """Take in what the plan says of it."""
        self.plan = action
        self.name, self.type, self.mode = action.name, action.type, action.mode
        self.target = action.target

    def begin(self, attempt: ActionStartedData, at: float) -> None:
        """An attempt begins at that time."""
        self.type, self.mode, self.target = attempt.type, attempt.mode, attempt.target
        self.attempt = attempt.attempt
        self.attempt_at = at
        self.started_at = at if self.started_at is None else self.started_at
        self.retry_at = self.queue_reason = self.progress = None

    @property
    def gets_another_chance(self) -> bool:
        """Whether it has not ended for good, should the run go on."""
        if self.state is ActionState.SKIPPED:
            return self.reason in _FOR_NOW
        return self.state is ActionState.CANCELLED or not self.state.is_final

    @property
    def depth(self) -> int:
        """How far it is indented: 0 for an action of the run itself."""
        return len(self.order) - 1

    @property
    def label(self) -> str:
        """The ids that lead to it: `summarize_papers/read`."""
        return "/".join((*self.scope.path, self.id))

    @property
    def is_detached(self) -> bool:
        """Whether nothing waits for it (`fire_and_forget`)."""
        return self.mode is ActionMode.FIRE_AND_FORGET

    @property
    def is_bounded(self) -> bool:
        """Whether only its timeout says how long it may take."""
        return self.plan is not None and self.plan.estimate_source in BOUNDS

    @property
    def weight(self) -> float:
        """What it counts for in the progress of its plan: its expected seconds, roughly."""
        if self.is_detached:
            return 0.0
        expected = self.plan.estimate_seconds if self.plan else 0.0
        return max(min(expected, _GUESS_SECONDS) if self.is_bounded else expected, _LEAST_WEIGHT)

    def sources(self) -> Iterator["Row"]:
        """The rows that it comes after, as far as they are known."""
        for source in self.scope.sources.get(self.id, ()):
            if (row := self.scope.rows.get(source)) is not None:
                yield row

    def released_by(self) -> "Row | None":
        """The one that ended last of those that it waited for, None if it waited for none."""
        ended = [row for row in self.sources() if row.ended_at is not None and self.waited(row)]
        return max(ended, key=lambda row: row.ended_at or 0.0, default=None)

    def waited(self, source: "Row") -> bool:
        """Whether `source` had ended when this one started."""
        return self.started_at is None or (source.ended_at or 0.0) <= self.started_at

    def elapsed(self, now: float) -> float | None:
        """Seconds that it took, or that it has run so far; None if it never started."""
        if self.seconds is not None and self.state.is_final:
            return self.seconds if self.started_at is not None else None
        return None if self.started_at is None else max(0.0, now - self.started_at)
