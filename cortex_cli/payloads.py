"""What the events of a run carry: one frozen class for each kind of data.

A payload is typed and also a read-only mapping of its fields, by their names on the wire.
"""

from abc import ABCMeta
from collections.abc import Iterator, Mapping
from typing import Any, cast

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


class Payload(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tokens read and written by models, and what they cost in US dollars if that is known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


class StateCounts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How many actions ended in each final state."""

    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0


class AgentStartedData(Payload, frozen=True, kw_only=True):
    """What the run is about to do; `estimate` is its scheduled seconds, None without a plan.

    `is_conversation` is there where the run is that of a model that calls tools in its own way.
    """

    agent_name: str
    max_iterations: int
    inputs: dict[str, Any]
    estimate: float | None
    is_conversation: bool | msgspec.UnsetType = msgspec.UNSET


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


Part = tuple[int, int]
"""Where a model has written something: the turn of the iteration, and the part of it, from 1."""


class RefusedPart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A part of a plan that does not run: its text, and why; `is_action`: it could have been one.

    `written` is that action, where the text is not its JSON.
    """

    text: str
    reason: str
    is_action: bool
    part: Part
    written: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class PlanGeneratedData(Payload, frozen=True, kw_only=True):
    """The plan of this iteration; `complete` is False while the model still writes it.

    `written` has the actions of the report as the model wrote them, in the same order, and
    `answer` its final answer; both are empty for a plan that no model writes. `parts` says where
    each was written; it is (0, 0) for what has joined the plan before the run was resumed.
    """

    report: PlanReport
    complete: bool = True
    written: list[dict[str, Any]] = []
    answer: Any = None
    parts: list[Part] | msgspec.UnsetType = msgspec.UNSET


class PlanExtendedData(Payload, frozen=True, kw_only=True):
    """Actions that joined the running plan; `complete`: no more do.

    `written` has them as the model wrote them, empty if none did, and `parts` where. With the end
    of a plan that a model writes come its final `answer`, and the `usage` of writing it.
    """

    actions: tuple[PlannedAction, ...]
    edges: tuple[PlannedEdge, ...]
    complete: bool = False
    written: list[dict[str, Any]] = []
    answer: Any = None
    usage: Usage | None = None
    parts: list[Part] | msgspec.UnsetType = msgspec.UNSET


class PlanPatchedData(Payload, frozen=True, kw_only=True):
    """Actions that were replaced while the plan ran: ids out, actions in, and why.

    `written` has the new ones as the model wrote them, and `parts` where.
    """

    replaced: tuple[str, ...]
    actions: tuple[PlannedAction, ...]
    edges: tuple[PlannedEdge, ...]
    reason: str
    written: list[dict[str, Any]] = []
    parts: list[Part] | msgspec.UnsetType = msgspec.UNSET


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
    operation: str | None = None


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
    """The error of the last attempt; attempts is 0 if none was started.

    `usage` is left out where no model was asked.
    """

    error: str
    error_type: str
    attempts: int
    duration_seconds: float
    usage: Usage | msgspec.UnsetType = msgspec.UNSET


class ActionSkippedData(Payload, frozen=True, kw_only=True):
    """Why the action never started."""

    reason: SkipReason


class ActionCancelledData(Payload, frozen=True, kw_only=True):
    """Why the action was ended before its own end; `usage` as of one that failed."""

    reason: CancelReason
    duration_seconds: float = 0.0
    usage: Usage | msgspec.UnsetType = msgspec.UNSET


class ApprovalRequestedData(Payload, frozen=True, kw_only=True):
    """What a person is asked; `error` is there where an action has failed, and what to do is asked."""

    question: str
    effect: str
    parameters: dict[str, Any]
    error: str | msgspec.UnsetType = msgspec.UNSET
    error_type: str | msgspec.UnsetType = msgspec.UNSET


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
    """Something the user should know that does not end the run.

    `refused` is the part of a plan that the warning is about, in full.
    """

    message: str
    refused: RefusedPart | msgspec.UnsetType = msgspec.UNSET


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
