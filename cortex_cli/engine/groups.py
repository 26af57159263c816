"""The groups of actions of a run: plans of loops, root and nested, and lists of items.

Each is opened with the scheduler, has its actions recorded under the scheduler's numbers, and
gives its result to the action that it belongs to once the scheduler has closed it.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from cortex_cli.engine.approvals import needs_approval
from cortex_cli.engine.attempts import Attempts, as_action_error, timed_out
from cortex_cli.engine.budgets import forgive, open_budget, over_budget, run_out
from cortex_cli.engine.collector import undisturbed
from cortex_cli.engine.conversations import failure_of, refuse_secrets
from cortex_cli.engine.items import Items, item_actions, publish
from cortex_cli.engine.ledger import ActionRecord, Ledger, Surroundings
from cortex_cli.engine.loop import NESTED_ENDS, SUCCESSES, Loop
from cortex_cli.engine.plans import Plans
from cortex_cli.engine.reporter import add_usage
from cortex_cli.engine.takeover import Takeover
from cortex_cli.engine.timers import Alarm, Timers
from cortex_cli.engine.unseen_notes import note_stopped
from cortex_cli.errors import ActionError, CortexError
from cortex_cli.kinds import CancelReason, SkipReason, StopCause, TerminationReason
from cortex_cli.plan.commands import Exhaust
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.simulate import items_of
from cortex_cli.plan.states import Item, Outcome
from cortex_cli.plan.traits import Traits, traits_of
from cortex_cli.protocol.action import Action

DEEPEST = 32

_ENDS = {
    TerminationReason.DEADLINE: (SkipReason.DEADLINE, CancelReason.DEADLINE),
    TerminationReason.APPROVAL_NEEDED: (SkipReason.PAUSED, CancelReason.PAUSED),
    TerminationReason.ACTION_FAILED: (SkipReason.ABORTED, CancelReason.ABORTED),
}
_OVER_BUDGET = CancelReason.BUDGET_EXHAUSTED


class Host(Surroundings, Protocol):
    """The run whose groups these are: what it takes over, and which actions it leaves out."""

    takeover: Takeover | None
    left_out: frozenset[str]


class Groups:
    """Opens and closes the groups of one run; `records` are its actions by the scheduler's number."""

    def __init__(
        self,
        around: Host,
        attempts: Attempts,
        scheduler: Scheduler,
        timers: Timers,
        settle: Callable[[], None],
    ) -> None:
        """`settle` performs what the scheduler makes of a fact."""
        self._takeover = around.takeover
        self._left_out = around.left_out
        self.records: list[ActionRecord] = []
        self._around = around
        self._attempts = attempts
        self._scheduler = scheduler
        self._timers = timers
        self._settle = settle
        self._opened: list[Loop | Items] = []
        self._by_owner: dict[int, Loop | Items] = {}
        self._plans = Plans(self, attempts, scheduler, around.takeover, settle)
        self.turns = self._plans.turns
        attempts.heal = self._plans.note_failed
        self.will_mend = self._plans.will_mend

    def owns(self, record: ActionRecord) -> bool:
        """Whether the action waits for a group of its own."""
        return record.number in self._by_owner

    def note_cancelled(self, record: ActionRecord, reason: CancelReason) -> None:
        """An action that waits for a group of its own is to end, and so is that group."""
        record.cancel_reason = reason
        self.turns.stop_closed()

    def open(self, loop: Loop) -> None:
        """Begin a loop: put its plan before the scheduler, or have one written."""
        if self._takeover is not None:
            self._takeover.enter(loop.ledger.stamp.path)
        limit = loop.spec.protocol.max_execution_time_seconds
        about = (Alarm.DEADLINE, (loop.ledger.stamp.path, ""))
        loop.deadline = self._timers.after(limit, partial(self._pass_deadline, loop), about)
        if loop.makes_plans:
            loop.begin()
            self._plans.begin(loop)
            return
        self.open_group(loop)
        loop.ledger.first = len(self.records)
        loop.begin()
        with undisturbed():
            records = self._join(loop)
        if loop.planning is None:
            self._scheduler.seal(loop.group)
        else:
            self._plans.adopt(loop, records)

    def open_group(self, loop: Loop) -> None:
        """Put an empty plan of a loop before the scheduler, to which actions are added."""
        if loop.group >= 0:
            loop.group = self._scheduler.follow(loop.group)
        else:
            self._open_first(loop)
        self._opened.append(loop)

    def _open_first(self, loop: Loop) -> None:
        protocol = loop.spec.protocol
        parent = None if loop.parent is None else loop.parent.number
        loop.group = self._scheduler.open(
            parent=parent,
            cap=None if parent is None else protocol.nested_cap,
            fail_fast=protocol.fail_fast,
            shared=protocol.shared,
        )
        open_budget(loop, self._scheduler, self._takeover)

    def _join(self, loop: Loop) -> list[ActionRecord]:
        outlook = loop.outlook
        records = self._record(outlook.graph.actions, outlook.traits, loop.ledger)
        items = items_of(outlook.graph, outlook.tails, loop.ledger.first)
        if loop.parent is None and self._left_out:
            items = [
                self._select(record, item) for record, item in zip(records, items, strict=True)
            ]
        self.extend(loop.group, items, records)
        return records

    def start_nested(self, record: ActionRecord) -> None:
        """Begin an attempt of an agent or workflow action."""
        try:
            call = self._attempts.announce(record)
            if len(record.ledger.stamp.path) >= DEEPEST:
                message = f"calls are nested deeper than {DEEPEST}"
                raise ActionError(message, error_type="depth", retryable=False)
            if record.action.is_conversation:
                refuse_secrets(call)
            spec = record.ledger.spec.targets.nested(record.action)
            loop = Loop(self._around, spec, call.parameters, record)
        except CortexError as error:
            self._attempts.fail(record, as_action_error(error))
            return
        self._by_owner[record.number] = loop
        timeout = record.action.timeout
        if timeout is not None:
            about = (Alarm.TIMEOUT, record.key)
            record.timer = self._timers.after(timeout, partial(self._time_out, record, loop), about)
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
        aliases = record.traits.aliases
        traits = [traits_of(action, aliases) for action in actions]
        records = self._record(actions, traits, record.ledger)
        for place, value in enumerate(values):
            records[place].item = (value, place)
        self.extend(group, [Item(its) for its in traits], records)
        self._scheduler.seal(group)

    def close(self, group: int) -> None:
        """All actions of a group have ended: give its result to the action that it belongs to."""
        closed = self._opened[group]
        if isinstance(closed, Items):
            self._close_items(closed)
        elif closed.planning is not None:
            self._plans.close(closed)
        else:
            closed.end_iteration(closed.ledger.counts)
            self.finish(closed)

    def abort(self, loop: Loop, reason: TerminationReason) -> None:
        """End a loop for this reason, unless it ends for another already."""
        if loop.reason is None:
            loop.reason = reason
        skip, cancel = _ENDS.get(reason, (SkipReason.CANCELLED, CancelReason.CANCELLED))
        self._scheduler.abort(loop.group, skip, cancel)
        self.turns.stop_closed()

    def wind_down(self, loop: Loop, error: CortexError) -> None:
        """Begin nothing more; what runs goes on to its end, though nobody can write that down."""
        loop.reason = loop.reason or TerminationReason.STATE_LOST
        loop.lost_to = str(error)
        self._attempts.is_ending = True
        for number in self._by_owner:
            self.records[number].cancel_reason = CancelReason.CANCELLED
        self._scheduler.wind_down(loop.group, SkipReason.CANCELLED)
        self.turns.stop_closed()

    def exhaust(self, exhausted: Exhaust) -> None:
        """Begin nothing more in a loop whose budget does not have what is needed."""
        loop = self.loop_of(exhausted.group)
        self.run_out(loop, over_budget(loop, self._needing(exhausted), exhausted))

    def _needing(self, exhausted: Exhaust) -> str:
        if exhausted.action is not None:
            path, name = self.records[exhausted.action].key
            return f"'{'/'.join((*path, name))}'"
        path = () if exhausted.turn is None else self.loop_of(exhausted.turn).ledger.stamp.path
        return f"the next turn of '{'/'.join(path)}'" if path else "the next turn of the model"

    def loop_of(self, group: int) -> Loop:
        """The loop that has put a plan before the scheduler as that group."""
        loop = self._opened[group]
        assert isinstance(loop, Loop), "only loops have plans"
        return loop

    def running(self, path: tuple[str, ...]) -> Loop | None:
        """The loop at a path that has not ended; None if there is none."""
        running = [self._opened[0], *self._by_owner.values()]
        loops = (one for one in running if isinstance(one, Loop))
        return next((loop for loop in loops if loop.ledger.stamp.path == path), None)

    def run_out(self, loop: Loop, why: str) -> None:
        """Begin nothing more in a loop, whose budget is exhausted: `why` is for people."""
        note_stopped(loop.ledger, StopCause.BUDGET_EXHAUSTED, why)
        run_out(loop, why, [(self.records[n], opened) for n, opened in self._by_owner.items()])
        self._scheduler.wind_down(loop.group, SkipReason.BUDGET_EXHAUSTED)

    def _select(self, record: ActionRecord, item: Item) -> Item:
        if record.action.id not in self._left_out:
            return item
        record.ledger.note_skipped(record, SkipReason.NOT_SELECTED)
        return replace(item, ended=Outcome.OK)

    def extend(self, group: int, items: Sequence[Item], records: Sequence[ActionRecord]) -> None:
        """Have actions join a group."""
        if records and records[0].ledger.approval_rules:
            ledger = records[0].ledger
            items = [
                replace(item, needs_approval=True) if needs_approval(one.action, ledger) else item
                for one, item in zip(records, items, strict=True)
            ]
        if self._takeover is None:
            self._scheduler.extend(group, items)
            return
        self._scheduler.extend(group, self._takeover.apply(records, items))

    def record(self, actions: Sequence[Action], ledger: Ledger) -> list[ActionRecord]:
        """The records of actions that join a plan while it runs."""
        return self._record(actions, [traits_of(action) for action in actions], ledger)

    def _record(
        self, actions: Sequence[Action], traits: Iterable[Traits], ledger: Ledger
    ) -> list[ActionRecord]:
        numbers = range(len(self.records), len(self.records) + len(actions))
        records = [
            ActionRecord(number, action, its, ledger)
            for number, action, its in zip(numbers, actions, traits, strict=True)
        ]
        self.records += records
        return records

    def _pass_deadline(self, loop: Loop) -> None:
        note_stopped(loop.ledger, StopCause.DEADLINE)
        self.abort(loop, TerminationReason.DEADLINE)
        self._settle()

    def _time_out(self, record: ActionRecord, loop: Loop) -> None:
        record.timer = None
        note_stopped(loop.ledger, StopCause.TIMEOUT)
        loop.reason = TerminationReason.CANCELLED
        loop.is_timed_out = True
        self._scheduler.abort(loop.group, SkipReason.ABORTED, CancelReason.TIMEOUT)
        self.turns.stop_closed()
        self._settle()

    def _close_items(self, items: Items) -> None:
        record = items.owner
        del self._by_owner[record.number]
        if record.cancel_reason is _OVER_BUDGET and record.ledger.spending.cut.isdisjoint(
            items.ids
        ):
            record.cancel_reason = None
        if record.cancel_reason is not None:
            self._attempts.cancel(record)
        elif self._scheduler.has_failed(items.group):
            self._attempts.fail_for_good(record, items.failure())
        else:
            self._attempts.complete(record, items.outputs())

    def finish(self, loop: Loop) -> None:
        """All plans of a loop have ended: give its result to the action that it belongs to."""
        if loop.deadline is not None:
            loop.deadline.stop()
        owner = loop.parent
        if owner is not None:
            forgive(loop, owner)
        if owner is not None and owner.cancel_reason is not None and loop.reason is None:
            loop.reason = NESTED_ENDS.get(owner.cancel_reason, TerminationReason.CANCELLED)
        loop.close(has_failed=self._scheduler.has_failed(loop.group))
        if loop.parent is None:
            grace = loop.spec.protocol.fire_and_forget_grace_seconds
            self._timers.after(grace, self._end_background, (Alarm.GRACE, None))
        else:
            loop.finish()
            self._return(loop, loop.parent)

    def _return(self, loop: Loop, record: ActionRecord) -> None:
        """Give the result of a nested run to the action that runs it."""
        del self._by_owner[record.number]
        if record.timer is not None:
            record.timer.stop()
            record.timer = None
        record.usage = add_usage(record.usage, loop.ledger.usage)
        if record.cancel_reason is not None:
            self._attempts.cancel(record)
        elif loop.is_timed_out:
            self._attempts.fail(record, timed_out(record))
        elif loop.reason in SUCCESSES:
            self._attempts.complete(record, loop.outputs)
        else:
            self._attempts.fail(record, failure_of(loop))

    def _end_background(self) -> None:
        root = self._opened[0]
        assert isinstance(root, Loop), "the first that is opened is the run itself"
        note_stopped(root.ledger, StopCause.GRACE_ENDED)
        self._scheduler.cancel_background(CancelReason.GRACE_ENDED)
        self._settle()
