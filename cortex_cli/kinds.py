"""The enumerations of the protocol: one word for each thing, used everywhere."""

from enum import StrEnum


class ManifestKind(StrEnum):
    """What a manifest file declares."""

    AGENT = "Agent"
    WORKFLOW = "Workflow"
    TOOL = "Tool"
    RELIC = "Relic"


class ActionType(StrEnum):
    """What kind of thing an action runs."""

    TOOL = "tool"
    AGENT = "agent"
    RELIC = "relic"
    WORKFLOW = "workflow"
    LLM = "llm"
    DECISION = "decision"
    INTERNAL = "internal"

    @property
    def is_leaf(self) -> bool:
        """Whether the action does work itself, and so holds a slot while it runs."""
        return self not in _NESTED


_NESTED = frozenset({ActionType.AGENT, ActionType.WORKFLOW})


class ActionMode(StrEnum):
    """How an action stands to the actions declared around it."""

    ASYNC = "async"
    SYNC = "sync"
    FIRE_AND_FORGET = "fire_and_forget"


class ActionState(StrEnum):
    """Where an action is in its life; the last four are final."""

    PENDING = "pending"
    WAITING_FOR_DEPENDENCIES = "waiting_for_dependencies"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Whether no further state can follow."""
        return self in FINAL_STATES


FINAL_STATES = frozenset(
    {ActionState.COMPLETED, ActionState.FAILED, ActionState.CANCELLED, ActionState.SKIPPED}
)


class RunIf(StrEnum):
    """Which outcome of its dependencies an action wants."""

    SUCCESS = "success"
    FAILURE = "failure"
    ALWAYS = "always"


class OnFailure(StrEnum):
    """What the failure of an action means for its run."""

    FAIL = "fail"
    CONTINUE = "continue"
    ABORT = "abort"


class Backoff(StrEnum):
    """How the delay between attempts grows."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    CONSTANT = "constant"


class BuiltInFeed(StrEnum):
    """The context feeds that cortex has the values of itself."""

    TIME = "time"
    SYSTEM = "system"


class Effect(StrEnum):
    """What repeating an action would do to the world."""

    NONE = "none"
    IDEMPOTENT = "idempotent"
    EXTERNAL = "external"


class OnInterrupted(StrEnum):
    """What a resumed run does with an action that it finds in flight."""

    RERUN = "rerun"
    FAIL = "fail"
    ASK = "ask"


class EdgeKind(StrEnum):
    """Why one action comes after another."""

    DEPENDS_ON = "depends_on"
    DATA = "data"
    BARRIER = "barrier"


class ProtocolMode(StrEnum):
    """How much a run asks of a person."""

    DEFAULT = "default"
    AUTONOMOUS = "autonomous"
    STRICT = "strict"


class SkipReason(StrEnum):
    """Why an action never started."""

    CONDITION_FALSE = "condition_false"
    NOT_CHOSEN = "not_chosen"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_SKIPPED = "upstream_skipped"
    NOTHING_FAILED = "nothing_failed"
    ABORTED = "aborted"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    PAUSED = "paused"
    NOT_SELECTED = "not_selected"
    BUDGET_EXHAUSTED = "budget_exhausted"

    @property
    def blocks(self) -> bool:
        """Whether what depends on the skipped action is held to have failed upstream."""
        return self in BLOCKING_SKIPS


BLOCKING_SKIPS = frozenset(
    {
        SkipReason.UPSTREAM_FAILED,
        SkipReason.ABORTED,
        SkipReason.CANCELLED,
        SkipReason.DEADLINE,
        SkipReason.PAUSED,
        SkipReason.BUDGET_EXHAUSTED,
    }
)


class CancelReason(StrEnum):
    """Why a running action was ended before its own end."""

    ABORTED = "aborted"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    PAUSED = "paused"
    TIMEOUT = "timeout"
    GRACE_ENDED = "grace_ended"
    BUDGET_EXHAUSTED = "budget_exhausted"


class QueueReason(StrEnum):
    """What a ready action waits for."""

    SLOT = "slot"
    POOL = "pool"
    RATE = "rate"
    RETRY = "retry"
    APPROVAL = "approval"
    BUDGET = "budget"


class WayOn(StrEnum):
    """What a person has done about an action that has failed."""

    RETRY = "retry"
    SKIP = "skip"
    STOP = "stop"


class TerminationReason(StrEnum):
    """Why a run ended."""

    PLAN_COMPLETED = "plan_completed"
    GOAL_ACHIEVED = "goal_achieved"
    ACTION_FAILED = "action_failed"
    NO_PROGRESS = "no_progress"
    MAX_ITERATIONS = "max_iterations"
    DEADLINE = "deadline"
    BUDGET_EXHAUSTED = "budget_exhausted"
    APPROVAL_NEEDED = "approval_needed"
    INPUT_NEEDED = "input_needed"
    STATE_LOST = "state_lost"
    CANCELLED = "cancelled"


class TurnEnding(StrEnum):
    """How a turn of a model that plans has ended; halted: with the task that hosts the run."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    HALTED = "halted"


class StopCause(StrEnum):
    """What ends a run, or what is left of it, from outside."""

    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    TIMEOUT = "timeout"
    BUDGET_EXHAUSTED = "budget_exhausted"
    GRACE_ENDED = "grace_ended"


class Severity(StrEnum):
    """How bad a problem is: only an error keeps a manifest from running."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Pinning(StrEnum):
    """Which tools of a server are pinned when it is asked what it offers."""

    NEW = "new"
    ALL = "all"
    NONE = "none"
