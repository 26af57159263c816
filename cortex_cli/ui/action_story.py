"""What has happened to one action: its waits and their causes, its attempts, what came of it."""

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from cortex_cli.events import Usage
from cortex_cli.kinds import ActionType, EdgeKind
from cortex_cli.ui.excerpt import Excerpt
from cortex_cli.ui.rows import Row

_SLOT_HOLDERS = frozenset({ActionType.TOOL, ActionType.RELIC, ActionType.LLM})


class WaitCause(StrEnum):
    """What an action has waited for: the model that wrote it, what it depends on, or the queue."""

    PLANNING = "planning"
    DEPENDENCY = "dependency"
    SLOT = "slot"
    POOL = "pool"
    RATE = "rate"
    RETRY = "retry"
    APPROVAL = "approval"
    BUDGET = "budget"

    @property
    def is_queue(self) -> bool:
        """Whether the action was ready, and waited for its turn."""
        return self not in {WaitCause.PLANNING, WaitCause.DEPENDENCY}


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of waiting, in seconds since 1970."""

    cause: WaitCause
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return max(0.0, self.end - self.start)


class Attempt(msgspec.Struct, kw_only=True):
    """One attempt, in seconds since 1970; `end` and `error` are None where there was none."""

    number: int
    start: float
    target: str | None = None
    end: float | None = None
    error: str | None = None
    error_type: str | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class ActionStory:
    """One action of one iteration; the events' sequence numbers tell what came before what.

    `after` maps the ids that it comes after to the kinds of these edges, `released_by` is the one of
    them that ended last before it was ready, `freed_by` the action whose end gave it its slot.
    `started` and `ended` are the sequence numbers of its first start and its end, 0 if none. `until`
    is the time of the run's last event, where it has not ended by then.
    """

    row: Row
    parent: "ActionStory | None" = None
    children: "list[ActionStory]" = field(default_factory=list["ActionStory"])
    after: dict[str, EdgeKind] = field(default_factory=dict[str, EdgeKind])
    waits: list[Wait] = field(default_factory=list[Wait])
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    released_by: "ActionStory | None" = None
    freed_by: "ActionStory | None" = None
    ready_at: float | None = None
    until: float | None = None
    started: int = 0
    ended: int = 0
    queued: int = 0
    waiting: tuple[WaitCause, float] | None = None
    parameters: Excerpt | None = None
    output: Excerpt | None = None
    usage: Usage | None = None
    model: str = ""

    @property
    def label(self) -> str:
        """The ids that lead to it."""
        return self.row.label

    @property
    def holds_slot(self) -> bool:
        """Whether it takes a slot while it runs."""
        is_leaf = self.row.type in _SLOT_HOLDERS and not self.children
        return is_leaf and not self.row.is_detached

    @property
    def has_run(self) -> bool:
        """Whether an attempt of it has begun."""
        return self.started > 0

    @property
    def is_over(self) -> bool:
        """Whether it has come to its end."""
        return self.row.state.is_final

    @property
    def seconds(self) -> float:
        """From its first start to its end, or as far as events tell; 0 if it never ran."""
        return self.row.elapsed(self.until or 0.0) or 0.0

    def waited(self, cause: WaitCause) -> float:
        """Seconds that it has waited for that cause."""
        return sum(wait.seconds for wait in self.waits if wait.cause is cause)

    def wait_for(self, cause: WaitCause, at: float) -> None:
        """A wait begins, and with it another ends."""
        self.stop_waiting(at)
        self.waiting = (cause, at)

    def stop_waiting(self, at: float) -> None:
        """The wait, if there is one, has ended."""
        if self.waiting is not None:
            cause, start = self.waiting
            if at > start:
                self.waits.append(Wait(cause=cause, start=start, end=at))
            self.waiting = None

    def end_attempt(self, at: float, error: str | None = None, kind: str | None = None) -> None:
        """The attempt that runs, if one does, has ended."""
        if self.attempts and self.attempts[-1].end is None:
            last = self.attempts[-1]
            last.end, last.error, last.error_type = at, error, kind
