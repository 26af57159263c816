"""Events for tests of what takes events: one of each kind, or as many as are wanted."""

from typing import Any

from cortex_cli.events import (
    ActionCancelled,
    ActionCancelledData,
    ActionCompleted,
    ActionCompletedData,
    ActionEvent,
    ActionFailed,
    ActionFailedData,
    ActionQueued,
    ActionQueuedData,
    ActionRetrying,
    ActionRetryingData,
    ActionSkipped,
    ActionSkippedData,
    ActionStarted,
    ActionStartedData,
    AgentCancelled,
    AgentCompleted,
    AgentEndedData,
    AgentFailed,
    AgentPaused,
    AgentStarted,
    AgentStartedData,
    ApprovalGiven,
    ApprovalGivenData,
    ApprovalRequested,
    ApprovalRequestedData,
    Event,
    IterationCompleted,
    IterationCompletedData,
    IterationStarted,
    IterationStartedData,
    LimitChanged,
    LimitChangedData,
    LlmToken,
    LlmTokenData,
    Payload,
    PlanExtended,
    PlanExtendedData,
    PlanGenerated,
    PlanGeneratedData,
    PlanPatched,
    PlanPatchedData,
    Progress,
    ProgressData,
    StateCounts,
    Termination,
    TerminationData,
    Thought,
    ThoughtData,
    Usage,
    WarningData,
    WarningRaised,
)
from cortex_cli.kinds import (
    ActionMode,
    ActionType,
    CancelReason,
    QueueReason,
    SkipReason,
    TerminationReason,
)
from cortex_cli.report import PlanEstimate, PlanReport

_AWKWARD = {"ü": [1, 2.5, None, True, {"$(id)": "\x1b[2J\u202e\x00"}], "": -(2**70)}
_ENDED = AgentEndedData(counts=StateCounts(completed=1), duration=1.5, outputs=_AWKWARD)
_STARTED = ActionStartedData(
    type=ActionType.TOOL, mode=ActionMode.ASYNC, target=None, attempt=1, parameters=_AWKWARD
)
_COMPLETED = ActionCompletedData(
    output=_AWKWARD, duration_seconds=0.25, usage=Usage(input_tokens=3)
)
_ONE_OF_EACH: list[tuple[type[Any], Payload]] = [
    (
        AgentStarted,
        AgentStartedData(agent_name="a", max_iterations=1, inputs=_AWKWARD, estimate=None),
    ),
    (IterationStarted, IterationStartedData(iteration=1, max_iterations=2)),
    (PlanGenerated, PlanGeneratedData(report=PlanReport(agent="a", estimate=PlanEstimate()))),
    (PlanExtended, PlanExtendedData(actions=(), edges=())),
    (PlanPatched, PlanPatchedData(replaced=("a",), actions=(), edges=(), reason="r")),
    (LimitChanged, LimitChangedData(which="slots", before=5, after=4.5, why="w")),
    (WarningRaised, WarningData(message="m")),
    (Thought, ThoughtData(text="t")),
    (LlmToken, LlmTokenData(token="t", model="m", cumulative_tokens=1)),
    (ActionQueued, ActionQueuedData(reason=QueueReason.SLOT)),
    (ApprovalRequested, ApprovalRequestedData(question="q", effect="external", parameters={})),
    (ApprovalGiven, ApprovalGivenData(approved=True, by="b")),
    (ActionStarted, _STARTED),
    (ActionRetrying, ActionRetryingData(attempt=1, error="e", error_type="t", delay_seconds=1)),
    (Progress, ProgressData(message="m", fraction=0.5)),
    (ActionCompleted, _COMPLETED),
    (ActionFailed, ActionFailedData(error="e", error_type="t", attempts=1, duration_seconds=1)),
    (ActionSkipped, ActionSkippedData(reason=SkipReason.ABORTED)),
    (ActionCancelled, ActionCancelledData(reason=CancelReason.TIMEOUT)),
    (IterationCompleted, IterationCompletedData(counts=StateCounts())),
    (Termination, TerminationData(reason=TerminationReason.PLAN_COMPLETED)),
    (AgentCompleted, _ENDED),
    (AgentFailed, _ENDED),
    (AgentPaused, _ENDED),
    (AgentCancelled, _ENDED),
]


_ABOUT_ACTIONS = frozenset(ActionEvent.__subclasses__())


def one_of_each(execution_id: str = "run") -> list[Event]:
    """An event of each kind, numbered from 1, with values that are awkward to store."""
    return [
        _event(kind, data, number, execution_id)
        for number, (kind, data) in enumerate(_ONE_OF_EACH, 1)
    ]


def warning(sequence: int) -> Event:
    """A short event with that number."""
    return _event(WarningRaised, WarningData(message=str(sequence)), sequence, "run")


def completed(sequence: int, output: Any) -> Event:
    """The event with that number of an action that has this output."""
    data = ActionCompletedData(output=output, duration_seconds=0.5)
    return _event(ActionCompleted, data, sequence, "run")


def _event(kind: Any, data: Payload, sequence: int, execution_id: str) -> Event:
    fields = {"action_id": "act", "action_name": "Act"} if kind in _ABOUT_ACTIONS else {}
    return kind(
        schema=1,
        sequence=sequence,
        timestamp="2024-01-01T00:00:00.000Z",
        execution_id=execution_id,
        iteration=1,
        path=("outer",),
        data=data,
        **fields,
    )
