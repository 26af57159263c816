"""What comes from outside in a replay: nobody is asked, nothing is random, and what was said is known."""

from dataclasses import replace
from typing import assert_never

from cortex_cli.engine.job import Job
from cortex_cli.engine.people import Answer, Decision, Failure, Question
from cortex_cli.engine.ports import Reporter, RunRequest
from cortex_cli.engine.recorded import Recorded
from cortex_cli.errors import ActionError
from cortex_cli.events import (
    ActionCancelled,
    ActionFailed,
    ActionQueued,
    ActionStarted,
    ApprovalRequested,
    LlmToken,
    Progress,
    Thought,
    WarningRaised,
)
from cortex_cli.kinds import QueueReason

Said = Progress | LlmToken | Thought | WarningRaised


class _SomeoneAsked:
    """Who would have been asked: the record has the answers."""

    def __init__(self, record: Recorded, *, is_there: bool) -> None:
        self.is_there = is_there
        self._record = record

    async def ask(self, question: Question) -> Answer | None:
        """Never called."""
        raise AssertionError(question.text)

    def can_decide(self, failure: Failure) -> bool:
        """Whether the record has the question."""
        key = failure.path, failure.action.id
        found = self._record.next_of(key, ActionQueued, ActionFailed)
        return isinstance(found, ActionQueued) and found.data.reason is QueueReason.APPROVAL

    async def decide(self, failure: Failure) -> Decision | None:
        """Never called."""
        raise AssertionError(failure.text)


class LeastDelay:
    """The shortest wait that jitter leaves: that of the record is never shorter."""

    def random(self) -> float:
        """As near to 1 as a delay needs it."""
        return 1.0


def repeat(event: Said, report: Reporter) -> None:
    """Have an action say once more what it said."""
    match event:
        case Progress(data=data):
            report.progress(
                data.message, fraction=data.fraction, current=data.current, total=data.total
            )
        case LlmToken(data=data):
            report.token(data.token, data.model)
        case Thought(data=data):
            report.thought(data.text)
        case WarningRaised(data=data):
            report.warn(data.message)
        case _:
            assert_never(event)


def asked_about(record: Recorded, job: Job) -> ActionError | None:
    """The error of an attempt after which a person was asked what to do; None if nobody was.

    What the action has used in all is told of with it, where it was not tried again.
    """
    key = job.call.path, job.call.action.id
    asked = record.next_of(key, ActionQueued, ApprovalRequested)
    if not isinstance(asked, ActionQueued) or asked.data.reason is not QueueReason.APPROVAL:
        return None
    question = record.next_of(key, ApprovalRequested)
    end = record.next_of(key, ActionStarted, ActionFailed, ActionCancelled)
    if isinstance(end, ActionFailed | ActionCancelled) and end.data.usage:
        job.call.report.usage(end.data.usage)
    error, error_type = question.data.error, question.data.error_type
    return ActionError(error, error_type=error_type, retryable=False)


def with_someone(request: RunRequest, record: Recorded) -> RunRequest:
    """The request with the person who was there, if one was, and without a cache."""
    if request.approver is None:
        return replace(request, cache=None)
    is_there = any(isinstance(event, ApprovalRequested) for event in record.events)
    someone = _SomeoneAsked(record, is_there=is_there)
    return replace(request, approver=someone, answers=someone, cache=None)
