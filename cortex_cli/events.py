"""Every fact of a run that anyone can see: one frozen class per `event_type`, in one union.

An event's fields are its wire form (PROTOCOL 5): `encode` writes one JSON object, `decode` reads
it back as the same class. The payload, `event.data`, is typed and also a read-only mapping:
`event.data.output` and `event.data["output"]` are the same.
"""

from abc import ABCMeta
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from cortex_cli.kinds import (
    ActionMode,
    ActionType,
    CancelReason,
    QueueReason,
    SkipReason,
    TerminationReason,
)
from cortex_cli.report import PlannedAction, PlannedEdge, PlanReport


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The data of an event; reads like a mapping of its fields, by their names on the wire."""

    def __getitem__(self, key: str) -> Any:
        """The field `key`; KeyError if the event has none of that name."""
        names = self.__struct_encode_fields__
        if key not in names:
            raise KeyError(key)
        return getattr(self, self.__struct_fields__[names.index(key)])

    def get(self, key: str, default: Any = None) -> Any:
        """The field `key`, or `default` if the event has none of that name."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return self.__struct_encode_fields__

    def values(self) -> list[Any]:
        """The values of the fields, in order."""
        return [getattr(self, field) for field in self.__struct_fields__]

    def items(self) -> list[tuple[str, Any]]:
        """Names and values of the fields, in order."""
        return list(zip(self.keys(), self.values(), strict=True))

    def __iter__(self) -> Iterator[str]:
        """The names of the fields, in order."""
        return iter(self.__struct_encode_fields__)

    def __len__(self) -> int:
        """How many fields there are."""
        return len(self.__struct_fields__)

    def __contains__(self, key: object) -> bool:
        """Whether the event has a field of that name."""
        return key in self.__struct_encode_fields__


cast(ABCMeta, Mapping).register(Payload)


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens read and written by models, and what they cost in US dollars if that is known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


class StateCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many actions ended in each final state."""

    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0


class AgentStartedData(Payload, frozen=True, kw_only=True):
    """What the run is about to do; `estimate` is its scheduled seconds, None without a plan."""

    agent_name: str
    max_iterations: int
    inputs: dict[str, Any]
    estimate: float | None


class IterationStartedData(Payload, frozen=True, kw_only=True):
    """`iteration` counts from 1."""

    iteration: int
    max_iterations: int


class ThoughtData(Payload, frozen=True, kw_only=True):
    """A model's reasoning, or a piece of it."""

    text: str


class LlmTokenData(Payload, frozen=True, kw_only=True):
    """One piece of a model's answer; `cumulative_tokens` counts this answer's pieces so far."""

    token: str
    model: str
    cumulative_tokens: int


class PlanGeneratedData(Payload, frozen=True, kw_only=True):
    """The plan of this iteration; `complete` is False while the model still writes it."""

    report: PlanReport
    complete: bool = True


class PlanExtendedData(Payload, frozen=True, kw_only=True):
    """Actions that joined the running plan."""

    actions: tuple[PlannedAction, ...]
    edges: tuple[PlannedEdge, ...]
    complete: bool = False


class PlanPatchedData(Payload, frozen=True, kw_only=True):
    """Actions that were replaced while the plan ran: ids out, actions in, and why."""

    replaced: tuple[str, ...]
    actions: tuple[PlannedAction, ...]
    edges: tuple[PlannedEdge, ...]
    reason: str


class ActionQueuedData(Payload, frozen=True, kw_only=True):
    """What a ready action waits for."""

    reason: QueueReason


class ActionStartedData(Payload, frozen=True, kw_only=True):
    """One attempt has begun; `attempt` counts from 1, secrets in `parameters` are masked."""

    type: ActionType
    mode: ActionMode
    target: str | None
    attempt: int
    parameters: dict[str, Any]


class ActionRetryingData(Payload, frozen=True, kw_only=True):
    """`attempt` has failed; the next begins after `delay_seconds`."""

    attempt: int
    error: str
    error_type: str
    delay_seconds: float


class ProgressData(Payload, frozen=True, kw_only=True):
    """How far an action says it is: `fraction` is 0 to 1, or `current` of `total`."""

    message: str = ""
    fraction: float | None = None
    current: float | None = None
    total: float | None = None


class ActionCompletedData(Payload, frozen=True, kw_only=True):
    """`duration_seconds` is from the first start to the end, over all attempts."""

    output: Any
    duration_seconds: float
    attempts: int = 1
    cached: bool = False
    usage: Usage | None = None


class ActionFailedData(Payload, frozen=True, kw_only=True):
    """The error of the last attempt; attempts is 0 if none was started."""

    error: str
    error_type: str
    attempts: int
    duration_seconds: float


class ActionSkippedData(Payload, frozen=True, kw_only=True):
    """Why the action never started."""

    reason: SkipReason


class ActionCancelledData(Payload, frozen=True, kw_only=True):
    """Why the action was ended before its own end."""

    reason: CancelReason
    duration_seconds: float = 0.0


class ApprovalRequestedData(Payload, frozen=True, kw_only=True):
    """What a person is asked."""

    question: str
    effect: str
    parameters: dict[str, Any]


class ApprovalGivenData(Payload, frozen=True, kw_only=True):
    """Who answered what."""

    approved: bool
    by: str
    answer: str | None = None


class LimitChangedData(Payload, frozen=True, kw_only=True):
    """A limit that adapts has moved."""

    which: str
    before: float = msgspec.field(name="from")
    after: float = msgspec.field(name="to")
    why: str


class WarningData(Payload, frozen=True, kw_only=True):
    """Something the user should know that does not end the run."""

    message: str


class IterationCompletedData(Payload, frozen=True, kw_only=True):
    """How the actions of the iteration ended."""

    counts: StateCounts


class TerminationData(Payload, frozen=True, kw_only=True):
    """Why the run ends."""

    reason: TerminationReason


class AgentEndedData(Payload, frozen=True, kw_only=True):
    """The last word on a run: `duration` in seconds, `cost` in US dollars (None if unknown).

    `error` and `error_type` are None where nothing went wrong; `resume` is the command that goes
    on, where there is one.
    """

    counts: StateCounts
    duration: float
    outputs: Any = None
    usage: Usage = Usage()
    cost: float | None = None
    error: str | None = None
    error_type: str | None = None
    resume: str | None = None


class EventHeader(msgspec.Struct, frozen=True, kw_only=True, tag_field="event_type"):
    """What all events have; `timestamp` is RFC 3339 in UTC with milliseconds.

    `sequence` is 1, 2, 3 … without a gap in a run; `path` holds the ids of the actions that
    enclose the nested run in which it happened, outermost first.
    """

    schema: Literal[1]
    sequence: int
    timestamp: str
    execution_id: str
    iteration: int
    path: tuple[str, ...]

    @property
    def event_type(self) -> str:
        """The snake-case name of the kind of event, as on the wire."""
        return str(self.__struct_config__.tag)

    @property
    def seconds(self) -> float:
        """The timestamp as seconds since 1970, with the wire's milliseconds."""
        return datetime.fromisoformat(self.timestamp).timestamp()


class RunEvent(EventHeader, frozen=True, kw_only=True, omit_defaults=True):
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
