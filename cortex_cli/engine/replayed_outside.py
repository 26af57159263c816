"""What comes from outside in a replay: nobody is asked, nothing is random, and what was said is known."""

from dataclasses import replace
from typing import assert_never

from cortex_cli.engine.approvals import Asking
from cortex_cli.engine.job import Job
from cortex_cli.engine.ports import Answer, Question, Reporter, RunRequest
from cortex_cli.engine.recorded import Recorded
from cortex_cli.events import ApprovalRequested, LlmToken, Progress, Thought, WarningRaised

Said = Progress | LlmToken | Thought | WarningRaised


class _SomeoneAsked:
    """Who would have been asked: the record has the answers."""

    def __init__(self, *, is_there: bool) -> None:
        self.is_there = is_there

    async def ask(self, question: Question) -> Answer | None:
        """Never called."""
        raise AssertionError(question.text)


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


def with_someone(request: RunRequest, record: Recorded) -> RunRequest:
    """The request with the person who was there, if one was, and without a cache."""
    if request.approver is None:
        return replace(request, cache=None)
    is_there = any(isinstance(event, ApprovalRequested) for event in record.events)
    return replace(request, approver=_SomeoneAsked(is_there=is_there), cache=None)


def is_taken_back(job: Job) -> bool:
    """Whether it was a question that nobody needs an answer to any more."""
    return job.is_stopped and isinstance(job.handler, Asking)
