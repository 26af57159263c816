"""The runner: performs what the scheduler decides, and tells it what came of it.

One runner serves one run with all that is nested in it. Everything here is called from the
run's own tasks, one at a time, and nothing awaits between a fact and its consequences: what the
end of an action makes ready has started by the time that end has been dealt with.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, assert_never

import anyio

from cortex_cli.engine.attempts import Attempts, as_action_error, timed_out
from cortex_cli.engine.bus import Bus
from cortex_cli.engine.context import RunFacts
from cortex_cli.engine.decide import decide
from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.ports import Clock, RunSpec
from cortex_cli.engine.retry import Random
from cortex_cli.engine.timers import Timers
from cortex_cli.engine.workers import WorkerPool
from cortex_cli.errors import ActionError, CortexError
from cortex_cli.events import ActionQueued, ActionQueuedData
from cortex_cli.kinds import (
    ActionType,
    CancelReason,
    QueueReason,
    SkipReason,
    TerminationReason,
)
from cortex_cli.plan.commands import Cancel, Check, Close, Command, Queue, Skip, Start
from cortex_cli.plan.conditions import compile_condition, evaluate
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.simulate import items_of

DEEPEST = 32
_SKIPPED_FOR = {
    CancelReason.ABORTED: SkipReason.ABORTED,
    CancelReason.TIMEOUT: SkipReason.ABORTED,
    CancelReason.CANCELLED: SkipReason.CANCELLED,
    CancelReason.GRACE_ENDED: SkipReason.CANCELLED,
    CancelReason.DEADLINE: SkipReason.DEADLINE,
}


class Runner:
    """Runs one agent or workflow, once."""

    def __init__(
        self, spec: RunSpec, inputs: Mapping[str, Any], bus: Bus, clock: Clock, random: Random
    ) -> None:
        """Call it inside the event loop. ManifestError if the inputs do not fit."""
        self.bus = bus
        self.facts = RunFacts(execution_id=bus.execution_id, started_at=clock.wall())
        self._clock = clock
        self._random = random
        self._records: list[ActionRecord] = []
        self._loops: list[Loop] = []
        self._nested: dict[int, Loop] = {}
        self._root = Loop(self, spec, inputs)
        self._scheduler = Scheduler(spec.protocol.slots)
        self._timers = Timers(clock)
        self._ended = anyio.Event()
        self._is_begun = False

    def now(self) -> float:
        """Seconds on the run's clock."""
        return self._clock.now()

    async def run(self) -> None:
        """Run to the last event.

        When the calling task is cancelled, what runs is ended, all is published as cancelled,
        and the cancellation goes on its way.
        """
        try:
            async with anyio.create_task_group() as tasks:
                self._attempts = Attempts(
                    bus=self.bus,
                    clock=self._clock,
                    random=self._random,
                    scheduler=self._scheduler,
                    pool=WorkerPool(tasks, self._timers),
                    timers=self._timers,
                    settle=self._settle,
                    halt=self.cancel,
                )
                tasks.start_soon(self._timers.run)
                self._is_begun = True
                self._open(self._root)
                self._settle()
                await self._ended.wait()
                tasks.cancel_scope.cancel()
        except anyio.get_cancelled_exc_class():
            self.cancel()
            raise

    def cancel(self) -> None:
        """End the run: cancel what runs, skip what waits. Does nothing once it has ended."""
        if self._is_begun and not self._ended.is_set():
            self._abort(self._root, TerminationReason.CANCELLED)
            self._settle()

    def _abort(self, loop: Loop, reason: TerminationReason) -> None:
        if loop.reason is None:
            loop.reason = reason
        is_deadline = reason is TerminationReason.DEADLINE
        skip = SkipReason.DEADLINE if is_deadline else SkipReason.CANCELLED
        cancel = CancelReason.DEADLINE if is_deadline else CancelReason.CANCELLED
        self._scheduler.abort(loop.group, skip, cancel)

    def _settle(self) -> None:
        """Perform commands until there are none."""
        while commands := self._scheduler.take():
            for command in commands:
                self._perform(command)
        if not self._ended.is_set() and self._is_over():
            self._root.finish()
            self._ended.set()

    def _is_over(self) -> bool:
        is_closed = self._scheduler.is_closed(self._root.group)
        return is_closed and not self._scheduler.background_left

    def _perform(self, command: Command) -> None:
        match command:
            case Start(action):
                self._start(self._records[action])
            case Check(action):
                self._check(self._records[action])
            case Queue(action):
                data = ActionQueuedData(reason=QueueReason.SLOT)
                self._records[action].emit(ActionQueued, data)
            case Skip(action, reason):
                record = self._records[action]
                record.ledger.note_skipped(record, reason)
            case Cancel(action, reason):
                self._cancel(self._records[action], reason)
            case Close(group):
                self._close(self._loops[group])
            case _:
                assert_never(command)

    def _start(self, record: ActionRecord) -> None:
        # What was performed before, of the same commands, may have ended the group since.
        stopping = self._scheduler.stopping(record.number)
        if stopping is not None:
            record.ledger.note_skipped(record, _SKIPPED_FOR[stopping])
            self._scheduler.cancelled(record.number)
            return
        match record.action.type:
            case ActionType.AGENT | ActionType.WORKFLOW:
                self._start_nested(record)
            case ActionType.INTERNAL:
                self._compute(record)
            case ActionType.DECISION:
                self._decide(record)
            case ActionType.TOOL | ActionType.RELIC | ActionType.LLM:
                self._attempts.begin(record)

    def _compute(self, record: ActionRecord) -> None:
        try:
            call = self._attempts.announce(record)
        except ActionError as error:
            self._attempts.fail(record, error)
            return
        self._attempts.complete(record, dict(call.parameters))

    def _decide(self, record: ActionRecord) -> None:
        try:
            self._attempts.announce(record)
            value, not_chosen = decide(record.action, record.ledger.context)
        except ActionError as error:
            self._attempts.fail(record, error)
            return
        numbers = tuple(record.ledger.number_of(name) for name in not_chosen)
        self._attempts.complete(record, value, numbers)

    def _check(self, record: ActionRecord) -> None:
        if not self._scheduler.is_checking(record.number):
            return
        condition = compile_condition(record.action.condition or "")
        try:
            holds = evaluate(condition, record.ledger.context.lookup)
        except ActionError as error:
            self._attempts.fail_for_good(record, error)
            return
        if holds:
            self._scheduler.passed(record.number)
        else:
            self._scheduler.refused(record.number)

    def _cancel(self, record: ActionRecord, reason: CancelReason) -> None:
        if record.is_ended:
            return
        # What is nested has had its own commands by now; its Close ends the action.
        if record.number in self._nested:
            record.cancel_reason = reason
        else:
            self._attempts.stop(record, reason)

    def _start_nested(self, record: ActionRecord) -> None:
        try:
            call = self._attempts.announce(record)
            if len(record.ledger.stamp.path) >= DEEPEST:
                message = f"calls are nested deeper than {DEEPEST}"
                raise ActionError(message, error_type="depth", retryable=False)
            spec = record.ledger.spec.targets.nested(record.action)
            loop = self._nested[record.number] = Loop(self, spec, call.parameters, record)
        except CortexError as error:
            self._attempts.fail(record, as_action_error(error))
            return
        timeout = record.action.timeout
        if timeout is not None:
            record.timer = self._timers.after(timeout, partial(self._time_out, record))
        self._open(loop)

    def _open(self, loop: Loop) -> None:
        """Put a loop's plan before the scheduler."""
        spec, outlook = loop.spec, loop.outlook
        parent = None if loop.parent is None else loop.parent.number
        cap = None if parent is None else spec.protocol.nested_cap
        fail_fast = spec.protocol.fail_fast
        loop.group = self._scheduler.open(parent=parent, cap=cap, fail_fast=fail_fast)
        loop.ledger.first = len(self._records)
        self._loops.append(loop)
        loop.begin()
        for number, action in enumerate(outlook.graph.actions, loop.ledger.first):
            self._records.append(ActionRecord(number, action, loop.ledger))
        self._scheduler.extend(
            loop.group, items_of(outlook.graph, outlook.tails, loop.ledger.first)
        )
        self._scheduler.seal(loop.group)
        limit = spec.protocol.max_execution_time_seconds
        loop.deadline = self._timers.after(limit, partial(self._deadline, loop))

    def _deadline(self, loop: Loop) -> None:
        self._abort(loop, TerminationReason.DEADLINE)
        self._settle()

    def _time_out(self, record: ActionRecord) -> None:
        record.timer = None
        loop = self._nested[record.number]
        loop.reason = TerminationReason.CANCELLED
        loop.is_timed_out = True
        self._scheduler.abort(loop.group, SkipReason.ABORTED, CancelReason.TIMEOUT)
        self._settle()

    def _close(self, loop: Loop) -> None:
        if loop.deadline is not None:
            loop.deadline.stop()
        loop.close(has_failed=self._scheduler.has_failed(loop.group))
        if loop.parent is None:
            grace = loop.spec.protocol.fire_and_forget_grace_seconds
            self._timers.after(grace, self._end_background)
        else:
            loop.finish()
            self._return(loop, loop.parent)

    def _return(self, loop: Loop, record: ActionRecord) -> None:
        """Give the result of a nested run to the action that runs it."""
        del self._nested[record.number]
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
