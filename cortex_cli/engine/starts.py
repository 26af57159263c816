"""How an action begins: with an attempt, a nested run, a list of items, or with what it comes to."""

from collections.abc import Callable
from typing import Any

from cortex_cli.engine.attempts import Attempts
from cortex_cli.engine.decide import decide
from cortex_cli.engine.groups import Groups
from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.kinds import ActionType, CancelReason, SkipReason
from cortex_cli.plan.conditions import compile_condition, evaluate
from cortex_cli.plan.scheduler import Scheduler

# Looking up a member of an enumeration takes as long as a call, before Python 3.12.
_TOOL = ActionType.TOOL
_SKIPPED_FOR = {
    CancelReason.ABORTED: SkipReason.ABORTED,
    CancelReason.TIMEOUT: SkipReason.ABORTED,
    CancelReason.CANCELLED: SkipReason.CANCELLED,
    CancelReason.GRACE_ENDED: SkipReason.CANCELLED,
    CancelReason.DEADLINE: SkipReason.DEADLINE,
    CancelReason.PAUSED: SkipReason.PAUSED,
    CancelReason.BUDGET_EXHAUSTED: SkipReason.BUDGET_EXHAUSTED,
}


class Starts:
    """Begins the actions of one run, and decides what is to be decided before that."""

    def __init__(
        self,
        attempts: Attempts,
        groups: Groups,
        scheduler: Scheduler,
        now: Callable[[], float],
    ) -> None:
        """`now` gives the seconds on the run's clock."""
        self._attempts = attempts
        self._groups = groups
        self._scheduler = scheduler
        self._now = now

    def start(self, record: ActionRecord) -> None:
        """Begin an attempt, or what the action is instead of one."""
        # What was performed before, of the same commands, may have ended the group since.
        stopping = self._scheduler.stopping(record.number)
        if stopping is not None:
            record.ledger.note_skipped(record, _SKIPPED_FOR[stopping])
            self._scheduler.cancelled(record.number)
            return
        if record.traits.is_repeated:
            self._groups.start_items(record)
            return
        if record.traits.feed is not None:
            self._fetch(record, record.traits.feed)
        elif record.traits.type is _TOOL:
            # The most common by far, and a match compares one value after another.
            self._attempts.begin(record)
        else:
            self._begin(record)

    def _begin(self, record: ActionRecord) -> None:
        match record.traits.type:
            case ActionType.LLM if record.action.is_conversation:
                self._groups.start_nested(record)
            case ActionType.TOOL | ActionType.RELIC | ActionType.LLM:
                self._attempts.begin(record)
            case ActionType.AGENT | ActionType.WORKFLOW:
                self._groups.start_nested(record)
            case ActionType.INTERNAL:
                self._compute(record)
            case ActionType.DECISION:
                self._decide(record)

    def _fetch(self, record: ActionRecord, feed: str) -> None:
        """Fetch the value of a feed, or take again one that is not too old."""
        fed = record.ledger.fed
        if fed.is_fresh(feed, record.traits.interval, self._now()):
            self._compute(record, lambda _: fed.values[feed], cached=True)
        elif record.traits.type is ActionType.INTERNAL:
            self._attempts.begin(record)
        else:
            self._begin(record)

    def _compute(
        self,
        record: ActionRecord,
        output: Callable[[ActionCall], Any] = lambda call: dict(call.parameters),
        *,
        cached: bool = False,
    ) -> None:
        try:
            call = self._attempts.announce(record)
        except ActionError as error:
            self._attempts.fail(record, error)
            return
        self._attempts.complete(record, output(call), cached=cached)

    def _decide(self, record: ActionRecord) -> None:
        ledger, action = record.ledger, record.action
        try:
            self._attempts.announce(record)
            value, then = decide(action, record.lookup)
        except ActionError as error:
            # Nothing was chosen, so nothing that it chooses may run.
            self._attempts.fail_for_good(record, error, ledger.not_chosen(action))
            return
        self._attempts.complete(record, value, ledger.not_chosen(action, then))

    def check(self, record: ActionRecord) -> None:
        """Tell the scheduler whether the condition of an action holds."""
        if not self._scheduler.is_checking(record.number):
            return
        condition = compile_condition(record.action.condition or "")
        try:
            holds = evaluate(condition, record.lookup)
        except ActionError as error:
            self._attempts.fail_for_good(record, error)
            return
        if holds:
            self._scheduler.passed(record.number)
        else:
            self._scheduler.refused(record.number)
