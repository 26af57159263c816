"""The groups of actions of a run: plans of loops, root and nested, and lists of items.

Each is opened with the scheduler, has its actions recorded under the scheduler's numbers, and
gives its result to the action that it belongs to once the scheduler has closed it.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from cortex_cli.engine.attempts import Attempts, as_action_error, timed_out
from cortex_cli.engine.collector import undisturbed
from cortex_cli.engine.items import Items, item_actions, publish
from cortex_cli.engine.ledger import ActionRecord, Ledger, Surroundings
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.timers import Timers
from cortex_cli.errors import ActionError, CortexError
from cortex_cli.kinds import CancelReason, SkipReason, TerminationReason
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.simulate import items_of
from cortex_cli.plan.states import Item
from cortex_cli.plan.traits import Traits, traits_of
from cortex_cli.protocol.action import Action

DEEPEST = 32


class Groups:
    """Opens and closes the groups of one run; `records` are its actions by the scheduler's number."""

    def __init__(
        self,
        around: Surroundings,
        attempts: Attempts,
        scheduler: Scheduler,
        timers: Timers,
        settle: Callable[[], None],
    ) -> None:
        """`settle` performs what the scheduler makes of a fact."""
        self.records: list[ActionRecord] = []
        self._around = around
        self._attempts = attempts
        self._scheduler = scheduler
        self._timers = timers
        self._settle = settle
        self._opened: list[Loop | Items] = []
        self._by_owner: dict[int, Loop | Items] = {}

    def owns(self, record: ActionRecord) -> bool:
        """Whether the action waits for a group of its own."""
        return record.number in self._by_owner

    def open(self, loop: Loop) -> None:
        """Put a loop's plan before the scheduler."""
        spec, outlook = loop.spec, loop.outlook
        parent = None if loop.parent is None else loop.parent.number
        cap = None if parent is None else spec.protocol.nested_cap
        fail_fast = spec.protocol.fail_fast
        loop.group = self._scheduler.open(parent=parent, cap=cap, fail_fast=fail_fast)
        self._opened.append(loop)
        loop.ledger.first = len(self.records)
        loop.begin()
        with undisturbed():
            self._record(outlook.graph.actions, outlook.traits, loop.ledger)
            items = items_of(outlook.graph, outlook.tails, loop.ledger.first)
            self._scheduler.extend(loop.group, items)
        self._scheduler.seal(loop.group)
        limit = spec.protocol.max_execution_time_seconds
        loop.deadline = self._timers.after(limit, partial(self._pass_deadline, loop))

    def start_nested(self, record: ActionRecord) -> None:
        """Begin an attempt of an agent or workflow action."""
        try:
            call = self._attempts.announce(record)
            if len(record.ledger.stamp.path) >= DEEPEST:
                message = f"calls are nested deeper than {DEEPEST}"
                raise ActionError(message, error_type="depth", retryable=False)
            spec = record.ledger.spec.targets.nested(record.action)
            loop = Loop(self._around, spec, call.parameters, record)
        except CortexError as error:
            self._attempts.fail(record, as_action_error(error))
            return
        self._by_owner[record.number] = loop
        timeout = record.action.timeout
        if timeout is not None:
            record.timer = self._timers.after(timeout, partial(self._time_out, record, loop))
        self.open(loop)

    def start_items(self, record: ActionRecord) -> None:
        """Begin an action with `for_each`: its items join the plan."""
        try:
            values = self._attempts.announce_items(record)
        except ActionError as error:
            self._attempts.fail_for_good(record, error)
            return
        actions = item_actions(record.action, len(values))
        fail_fast = record.ledger.spec.protocol.fail_fast
        group = self._scheduler.open(parent=record.number, fail_fast=fail_fast)
        items = Items(record, group, tuple(action.id for action in actions))
        self._opened.append(items)
        self._by_owner[record.number] = items
        publish(record, actions)
        first = len(self.records)
        self._record(actions, map(traits_of, actions), record.ledger)
        for place, value in enumerate(values):
            self.records[first + place].item = (value, place)
        self._scheduler.extend(group, [Item(action) for action in actions])
        self._scheduler.seal(group)

    def close(self, group: int) -> None:
        """All actions of a group have ended: give its result to the action that it belongs to."""
        closed = self._opened[group]
        if isinstance(closed, Items):
            self._close_items(closed)
        else:
            self._close_loop(closed)

    def abort(self, loop: Loop, reason: TerminationReason) -> None:
        """End a loop for this reason, unless it ends for another already."""
        if loop.reason is None:
            loop.reason = reason
        is_deadline = reason is TerminationReason.DEADLINE
        skip = SkipReason.DEADLINE if is_deadline else SkipReason.CANCELLED
        cancel = CancelReason.DEADLINE if is_deadline else CancelReason.CANCELLED
        self._scheduler.abort(loop.group, skip, cancel)

    def _record(self, actions: Sequence[Action], traits: Iterable[Traits], ledger: Ledger) -> None:
        numbers = range(len(self.records), len(self.records) + len(actions))
        for number, action, its in zip(numbers, actions, traits, strict=True):
            self.records.append(ActionRecord(number, action, its, ledger))

    def _pass_deadline(self, loop: Loop) -> None:
        self.abort(loop, TerminationReason.DEADLINE)
        self._settle()

    def _time_out(self, record: ActionRecord, loop: Loop) -> None:
        record.timer = None
        loop.reason = TerminationReason.CANCELLED
        loop.is_timed_out = True
        self._scheduler.abort(loop.group, SkipReason.ABORTED, CancelReason.TIMEOUT)
        self._settle()

    def _close_items(self, items: Items) -> None:
        record = items.owner
        del self._by_owner[record.number]
        if record.cancel_reason is not None:
            self._attempts.cancel(record)
        elif self._scheduler.has_failed(items.group):
            self._attempts.fail_for_good(record, items.failure())
        else:
            self._attempts.complete(record, items.outputs())

    def _close_loop(self, loop: Loop) -> None:
        if loop.deadline is not None:
            loop.deadline.stop()
        owner = loop.parent
        if owner is not None and owner.cancel_reason is not None and loop.reason is None:
            is_deadline = owner.cancel_reason is CancelReason.DEADLINE
            ended = TerminationReason.DEADLINE if is_deadline else TerminationReason.CANCELLED
            loop.reason = ended
        loop.close(has_failed=self._scheduler.has_failed(loop.group))
        if loop.parent is None:
            grace = loop.spec.protocol.fire_and_forget_grace_seconds
            self._timers.after(grace, self._end_background)
        else:
            loop.finish()
            self._return(loop, loop.parent)

    def _return(self, loop: Loop, record: ActionRecord) -> None:
        """Give the result of a nested run to the action that runs it."""
        del self._by_owner[record.number]
        if record.timer is not None:
            record.timer.stop()
            record.timer = None
        record.add_usage(loop.ledger.usage)
        if record.cancel_reason is not None:
            self._attempts.cancel(record)
        elif loop.is_timed_out:
            self._attempts.fail(record, timed_out(record))
        elif loop.reason is TerminationReason.PLAN_COMPLETED:
            self._attempts.complete(record, loop.outputs)
        else:
            message, error_type = loop.error
            self._attempts.fail(record, ActionError(message, error_type=error_type))

    def _end_background(self) -> None:
        self._scheduler.cancel_background(CancelReason.GRACE_ENDED)
        self._settle()
