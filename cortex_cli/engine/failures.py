"""The last step of mending: a person says what to do about an action that has failed.

The order is fixed: an action's own attempts, its fallback targets, patches by a model, then a
person. Until that one has answered, the action has not ended, so that nothing is skipped because
of it; it holds no slot meanwhile. Where nobody can be asked the failure stands at once.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cortex_cli.engine.attempts import Attempts
from cortex_cli.engine.job import Broken, Done, Halted, Job, Result, Stopped, TimedOut
from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.engine.past import PastFailure
from cortex_cli.engine.people import Answer, Decider, Failure
from cortex_cli.engine.ports import ActionCall, RunSpec
from cortex_cli.engine.reporter import ActionReporter
from cortex_cli.errors import ActionError
from cortex_cli.events import (
    ActionQueued,
    ActionQueuedData,
    ActionRetrying,
    ActionRetryingData,
    ApprovalGiven,
    ApprovalGivenData,
    ApprovalRequested,
    ApprovalRequestedData,
)
from cortex_cli.kinds import OnFailure, QueueReason, WayOn


@dataclass(frozen=True, slots=True)
class Choosing:
    """The handler of questions about failures."""

    decider: Decider
    failure: Failure

    async def run(self, call: ActionCall) -> Answer | None:
        """Ask what to do; a retry is an approval, whose text names the way."""
        del call
        failure = self.failure
        try:
            decision = await self.decider.decide(failure)
        except ActionError as error:
            message = f"{failure.error}; and nobody could be asked what to do: {error}"
            raise ActionError(message, error_type=failure.error_type) from error
        if decision is None:
            return None
        is_retry = decision.way is WayOn.RETRY
        return Answer(approved=is_retry, by=decision.by, text=decision.way.value)


@dataclass(slots=True, kw_only=True)
class Failures:
    """Asks about failures, one job a question, and does what the answers say.

    `decider` is None where nobody can be asked. `will_mend`: whether a model is to patch the plan
    first; `stop` ends the run because of an action. `given_up` are the paths of the runs in which
    a person has let a failure stand: what runs them is not asked about again.
    """

    attempts: Attempts
    decider: Decider | None
    will_mend: Callable[[ActionRecord], bool]
    stop: Callable[[ActionRecord], None]
    settle: Callable[[], None]
    given_up: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])

    def ask(self, record: ActionRecord, error: ActionError) -> bool:
        """Ask what to do about an action whose last attempt has failed; False: it stays failed."""
        asked = self._asked(record, error)
        if asked is None:
            return False
        self._submit(record, *asked)
        self.attempts.scheduler.backing_off(record.number)
        return True

    def ask_again(self, record: ActionRecord, past: PastFailure) -> None:
        """The run ended before an answer came: ask once more, or let the failure stand."""
        record.failure = None
        error = ActionError(past.error, error_type=past.error_type)
        asked = None if past.is_settled else self._asked(record, error, was_open=True)
        if asked is None:
            self.attempts.fail_for_good(record, error)
        else:
            self._submit(record, *asked)

    def _asked(
        self, record: ActionRecord, error: ActionError, *, was_open: bool = False
    ) -> tuple[Decider, Failure] | None:
        """Who is asked about a failure, and what; None if nobody is."""
        path = record.ledger.stamp.path
        inside = (*path, record.action.id)
        if inside in self.given_up:
            self.given_up.discard(inside)
            self.given_up.add(path)
            return None
        if self.decider is None or not self._is_meant(record, error):
            return None
        failure = _failure(record, error, was_open=was_open)
        return (self.decider, failure) if self.decider.can_decide(failure) else None

    def _is_meant(self, record: ActionRecord, error: ActionError) -> bool:
        """Whether a person may keep the action from failing."""
        spec = record.ledger.spec
        return (
            _is_healing(spec)
            and record.action.on_failure is OnFailure.FAIL
            and not spec.protocol.fail_fast
            and error.error_type != "denied"
            and not self.attempts.is_ending
            and self.attempts.scheduler.may_wait(record.number)
            and not self.will_mend(record)
        )

    def _submit(self, record: ActionRecord, decider: Decider, failure: Failure) -> None:
        action = record.action
        record.emit(ActionQueued, ActionQueuedData(reason=QueueReason.APPROVAL))
        asked = ApprovalRequestedData(
            question=failure.text,
            effect=action.world_effect,
            parameters=dict(failure.parameters),
            error=failure.error,
            error_type=failure.error_type,
        )
        record.emit(ApprovalRequested, asked)
        call = ActionCall(
            action=action,
            parameters=failure.parameters,
            path=failure.path,
            report=ActionReporter(record.ledger.spec.protocol, record),
        )
        job = Job(Choosing(decider, failure), call, partial(self._answered, record, failure))
        record.asking = job
        self.attempts.submit(job)

    def _answered(self, record: ActionRecord, failure: Failure, result: Result) -> None:
        record.asking = None
        if not record.is_ended:
            match result:
                case Done(Answer() as answer):
                    self._take(record, failure, answer)
                case Broken(error):
                    self.attempts.fail_for_good(record, error)
                case Halted():
                    self.attempts.halt()
                case Done() | Stopped() | TimedOut():
                    self.attempts.fail_for_good(record, _error_of(failure))
        self.settle()

    def _take(self, record: ActionRecord, failure: Failure, answer: Answer) -> None:
        given = ApprovalGivenData(approved=answer.approved, by=answer.by, answer=answer.text)
        record.emit(ApprovalGiven, given)
        if answer.approved:
            self._begin_anew(record, failure)
            return
        self.given_up.add(failure.path)
        self.attempts.fail_for_good(record, _error_of(failure))
        if answer.text == WayOn.STOP.value:
            self.stop(record)

    def _begin_anew(self, record: ActionRecord, failure: Failure) -> None:
        data = ActionRetryingData(
            attempt=record.attempt,
            error=failure.error,
            error_type=failure.error_type,
            delay_seconds=0.0,
        )
        record.emit(ActionRetrying, data)
        record.begin_anew()
        # It waits as what has been tried, or, in a run that goes on, as what may not begin yet.
        self.attempts.scheduler.retry_due(record.number)
        self.attempts.scheduler.approved(record.number)


def _failure(record: ActionRecord, error: ActionError, *, was_open: bool) -> Failure:
    parameters: Mapping[str, Any] = {}
    # Those that can't be resolved may be what it has failed for.
    with suppress(ActionError):
        parameters = record.resolve(record.action.parameters)
    masker = record.ledger.bus.masker
    return Failure(
        path=record.ledger.stamp.path,
        action=record.action,
        parameters=parameters,
        error=str(error) if masker is None else masker.mask(str(error)),
        error_type=error.error_type,
        attempts=record.attempt,
        was_open=was_open,
    )


def _error_of(failure: Failure) -> ActionError:
    return ActionError(failure.error, error_type=failure.error_type)


def _is_healing(spec: RunSpec) -> bool:
    """Whether failures of a run are mended: where that is said, and of plans that a model makes."""
    said = spec.protocol.self_healing
    return spec.outlook is None if said is None else said
