"""Approvals: which actions a person must let run, and what becomes of the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cortex_cli.engine.attempts import Attempts
from cortex_cli.engine.job import Broken, Done, Halted, Job, Result, Stopped, TimedOut
from cortex_cli.engine.ledger import ActionRecord, Ledger
from cortex_cli.engine.ports import ActionCall, Answer, Approver, Question
from cortex_cli.engine.reporter import ActionReporter
from cortex_cli.errors import ActionError
from cortex_cli.events import (
    ActionQueued,
    ActionQueuedData,
    ApprovalGiven,
    ApprovalGivenData,
    ApprovalRequested,
    ApprovalRequestedData,
)
from cortex_cli.kinds import ActionType, Effect, QueueReason
from cortex_cli.protocol.action import Action

Rule = bool | tuple[ActionType | Effect, ...]


def needs_approval(action: Action, ledger: Ledger) -> bool:
    """Whether a person must let the action run: its own run asks for that, or one around it.

    Of an action with `for_each` it is the items that need it.
    """
    if action.for_each is not None:
        return False
    return any(_is_meant(action, rule) for rule in ledger.approval_rules)


def _is_meant(action: Action, rule: Rule) -> bool:
    """`true` means every leaf that does something to the world."""
    if isinstance(rule, bool):
        return rule and action.type.is_leaf and action.world_effect is not Effect.NONE
    return action.type in rule or action.world_effect in rule


@dataclass(frozen=True, slots=True)
class Asking:
    """The handler of questions."""

    approver: Approver
    was_interrupted: bool

    async def run(self, call: ActionCall) -> Any:
        """Ask whether the action of the call may run."""
        return await self.approver.ask(_question(call, was_interrupted=self.was_interrupted))


def _question(call: ActionCall, *, was_interrupted: bool) -> Question:
    return Question(
        path=call.path,
        action=call.action,
        parameters=call.parameters,
        was_interrupted=was_interrupted,
    )


@dataclass(slots=True, kw_only=True)
class Approvals:
    """Asks, one job a question, and tells the scheduler the answers.

    `approver` is None where nobody can be asked. `waiting` holds the paths of the actions that
    nobody has answered for.
    """

    attempts: Attempts
    approver: Approver | None
    settle: Callable[[], None]
    waiting: list[str] = field(default_factory=list[str])

    def ask(self, record: ActionRecord) -> None:
        """Ask whether an action may run."""
        action = record.action
        try:
            parameters = record.resolve(action.parameters)
        except ActionError as error:
            self.attempts.fail_for_good(record, error)
            return
        call = ActionCall(
            action=action,
            parameters=parameters,
            path=record.ledger.stamp.path,
            report=ActionReporter(record.ledger.spec.protocol, record),
        )
        question = _question(call, was_interrupted=record.was_interrupted)
        record.emit(ActionQueued, ActionQueuedData(reason=QueueReason.APPROVAL))
        asked = ApprovalRequestedData(
            question=question.text, effect=action.world_effect, parameters=parameters
        )
        record.emit(ApprovalRequested, asked)
        if self.approver is None:
            self._note_unanswered(record)
            return
        asking = Asking(self.approver, record.was_interrupted)
        job = record.job = Job(asking, call, partial(self._answered, record))
        self.attempts.submit(job)

    def _answered(self, record: ActionRecord, result: Result) -> None:
        record.job = None
        if not record.is_ended:
            match result:
                case Done(output):
                    self._take(record, output)
                case Broken(error):
                    self.attempts.fail_for_good(record, error)
                case Stopped() | TimedOut():
                    self._note_unanswered(record)
                case Halted():
                    self.attempts.halt()
        self.settle()

    def _take(self, record: ActionRecord, answer: Answer | None) -> None:
        if answer is None:
            self._note_unanswered(record)
            return
        given = ApprovalGivenData(approved=answer.approved, by=answer.by, answer=answer.text)
        record.emit(ApprovalGiven, given)
        if answer.approved:
            self.attempts.scheduler.approved(record.number)
            return
        message = f"{answer.by} said no" + (f": {answer.text}" if answer.text else "")
        error = ActionError(message, error_type="denied", retryable=False)
        self.attempts.fail_for_good(record, error)

    def _note_unanswered(self, record: ActionRecord) -> None:
        self.waiting.append("/".join((*record.ledger.stamp.path, record.action.id)))
        self.attempts.scheduler.unanswered(record.number)
