"""Every fact of a run that anyone can see: one frozen class per `event_type`, in one union.

An event's fields are its wire form (PROTOCOL 5): `encode` writes one JSON object, `decode` reads
it back as the same class. The payload, `event.data`, is typed and also a read-only mapping:
`event.data.output` and `event.data["output"]` are the same; `payloads` has its classes.
"""

from datetime import datetime
from typing import Literal

import msgspec

from cortex_cli.payloads import (
    ActionCancelledData,
    ActionCompletedData,
    ActionFailedData,
    ActionQueuedData,
    ActionRetryingData,
    ActionSkippedData,
    ActionStartedData,
    AgentEndedData,
    AgentStartedData,
    ApprovalGivenData,
    ApprovalRequestedData,
    IterationCompletedData,
    IterationStartedData,
    LimitChangedData,
    LlmTokenData,
    PlanExtendedData,
    PlanGeneratedData,
    PlanPatchedData,
    ProgressData,
    TerminationData,
    ThoughtData,
    WarningData,
)
from cortex_cli.payloads import Payload as Payload
from cortex_cli.payloads import StateCounts as StateCounts
from cortex_cli.payloads import Usage as Usage
from cortex_cli.unseen import Unseen


class EventHeader(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
    tag_field="event_type",
):
    """What all events have; `timestamp` is RFC 3339 in UTC with milliseconds.

    `sequence` is 1, 2, 3 … without a gap in a run; `path` holds the ids of the actions that
    enclose the nested run in which it happened, outermost first. `unseen` is for replays: what
    has happened since the event before, and none tells of.
    """

    schema: Literal[1]
    sequence: int
    timestamp: str
    execution_id: str
    iteration: int
    path: tuple[str, ...]
    unseen: tuple[Unseen, ...] = ()

    @property
    def event_type(self) -> str:
        """The snake-case name of the kind of event, as on the wire."""
        return str(self.__struct_config__.tag)

    @property
    def seconds(self) -> float:
        """The timestamp as seconds since 1970, with the wire's milliseconds."""
        return datetime.fromisoformat(self.timestamp).timestamp()


class RunEvent(EventHeader, frozen=True, kw_only=True):
    """An event about a run as a whole, or about an action where one is named."""

    action_id: str | None = None
    action_name: str | None = None


class ActionEvent(EventHeader, frozen=True, kw_only=True):
    """An event about one action; `action_name` is for people."""

    action_id: str
    action_name: str


class AgentStarted(RunEvent, frozen=True, kw_only=True, tag="agent_started"):
    """A run begins."""

    data: AgentStartedData


class IterationStarted(RunEvent, frozen=True, kw_only=True, tag="iteration_started"):
    """A turn of the loop begins."""

    data: IterationStartedData


class PlanGenerated(RunEvent, frozen=True, kw_only=True, tag="plan_generated"):
    """A plan is there."""

    data: PlanGeneratedData


class PlanExtended(RunEvent, frozen=True, kw_only=True, tag="plan_extended"):
    """The plan has grown."""

    data: PlanExtendedData


class PlanPatched(RunEvent, frozen=True, kw_only=True, tag="plan_patched"):
    """A part of the plan was replaced."""

    data: PlanPatchedData


class LimitChanged(RunEvent, frozen=True, kw_only=True, tag="limit_changed"):
    """An adapting limit has moved."""

    data: LimitChangedData


class WarningRaised(RunEvent, frozen=True, kw_only=True, tag="warning"):
    """Something to know."""

    data: WarningData


class IterationCompleted(RunEvent, frozen=True, kw_only=True, tag="iteration_completed"):
    """All actions of the iteration have ended."""

    data: IterationCompletedData


class Termination(RunEvent, frozen=True, kw_only=True, tag="termination"):
    """The loop has ended."""

    data: TerminationData


class ActionQueued(ActionEvent, frozen=True, kw_only=True, tag="action_queued"):
    """An action is ready and waits."""

    data: ActionQueuedData


class ActionStarted(ActionEvent, frozen=True, kw_only=True, tag="action_started"):
    """An attempt has begun."""

    data: ActionStartedData


class ActionRetrying(ActionEvent, frozen=True, kw_only=True, tag="action_retrying"):
    """An attempt has failed and another follows."""

    data: ActionRetryingData


class Progress(ActionEvent, frozen=True, kw_only=True, tag="progress"):
    """An action says how far it is."""

    data: ProgressData


class ActionCompleted(ActionEvent, frozen=True, kw_only=True, tag="action_completed"):
    """An action has ended well: final."""

    data: ActionCompletedData


class ActionFailed(ActionEvent, frozen=True, kw_only=True, tag="action_failed"):
    """An action has ended with an error: final."""

    data: ActionFailedData


class ActionSkipped(ActionEvent, frozen=True, kw_only=True, tag="action_skipped"):
    """An action will not start: final."""

    data: ActionSkippedData


class ActionCancelled(ActionEvent, frozen=True, kw_only=True, tag="action_cancelled"):
    """An action was ended from outside: final."""

    data: ActionCancelledData


class ApprovalRequested(ActionEvent, frozen=True, kw_only=True, tag="approval_requested"):
    """An action waits for a person."""

    data: ApprovalRequestedData


class ApprovalGiven(ActionEvent, frozen=True, kw_only=True, tag="approval_given"):
    """A person has answered."""

    data: ApprovalGivenData


class Thought(RunEvent, frozen=True, kw_only=True, tag="thought"):
    """A model thinks aloud."""

    data: ThoughtData


class LlmToken(RunEvent, frozen=True, kw_only=True, tag="llm_token"):
    """A piece of a model's answer."""

    data: LlmTokenData


class AgentCompleted(RunEvent, frozen=True, kw_only=True, tag="agent_completed"):
    """The run has succeeded: its last event."""

    data: AgentEndedData


class AgentFailed(RunEvent, frozen=True, kw_only=True, tag="agent_failed"):
    """The run has failed: its last event."""

    data: AgentEndedData


class AgentPaused(RunEvent, frozen=True, kw_only=True, tag="agent_paused"):
    """The run waits for a person: its last event."""

    data: AgentEndedData


class AgentCancelled(RunEvent, frozen=True, kw_only=True, tag="agent_cancelled"):
    """The run was cancelled: its last event."""

    data: AgentEndedData


AgentEnded = AgentCompleted | AgentFailed | AgentPaused | AgentCancelled
ActionEnded = ActionCompleted | ActionFailed | ActionSkipped | ActionCancelled

Event = (
    AgentStarted
    | IterationStarted
    | PlanGenerated
    | PlanExtended
    | PlanPatched
    | LimitChanged
    | WarningRaised
    | IterationCompleted
    | Termination
    | ActionQueued
    | ActionStarted
    | ActionRetrying
    | Progress
    | ActionCompleted
    | ActionFailed
    | ActionSkipped
    | ActionCancelled
    | ApprovalRequested
    | ApprovalGiven
    | Thought
    | LlmToken
    | AgentCompleted
    | AgentFailed
    | AgentPaused
    | AgentCancelled
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """One line of JSON, without the line end; values in it must be JSON data."""
    return _encoder.encode(event)


def decode(line: bytes | str) -> Event:
    """The event that `encode` wrote; msgspec.ValidationError for anything else."""
    return _decoder.decode(line)
