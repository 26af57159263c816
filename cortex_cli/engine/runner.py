"""The runner: performs what the scheduler decides, and tells it what came of it.

One runner serves one run with all that is nested in it. Everything here is called from the
run's own tasks, one at a time, and nothing awaits between a fact and its consequences: what the
end of an action makes ready has started by the time that end has been dealt with.
"""

from collections.abc import Callable
from functools import partial
from typing import assert_never

import anyio

from cortex_cli.engine.adaptive import AdaptiveLimit
from cortex_cli.engine.approvals import Approvals
from cortex_cli.engine.attempts import Attempts
from cortex_cli.engine.budgets import price
from cortex_cli.engine.bus import Bus
from cortex_cli.engine.caching import Caching
from cortex_cli.engine.context import RunFacts
from cortex_cli.engine.failures import Failures
from cortex_cli.engine.groups import Groups
from cortex_cli.engine.job import Pool, Result
from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.ports import Clock, Decider, RunRequest, RunSpec
from cortex_cli.engine.retry import Random
from cortex_cli.engine.slots import AdaptingSlots
from cortex_cli.engine.starts import Starts
from cortex_cli.engine.takeover import Takeover
from cortex_cli.engine.timers import Alarm, Timers
from cortex_cli.engine.unseen_notes import note_stopped
from cortex_cli.engine.workers import WorkerPool
from cortex_cli.errors import CortexError
from cortex_cli.events import ActionQueued, ActionQueuedData
from cortex_cli.kinds import (
    CancelReason,
    ProtocolMode,
    QueueReason,
    SkipReason,
    StopCause,
    TerminationReason,
)
from cortex_cli.plan.commands import (
    Ask,
    Cancel,
    Check,
    Close,
    Defer,
    Exhaust,
    Price,
    Queue,
    Restore,
    Skip,
    Start,
    Write,
)
from cortex_cli.plan.scheduler import Scheduler

_TURN = 1_000
_Rare = Ask | Restore | Close | Price | Exhaust | Write | Defer
_WAITING_FOR = {reason: ActionQueuedData(reason=reason) for reason in QueueReason}


class Runner:
    """Runs one agent or workflow, once."""

    def __init__(
        self, spec: RunSpec, request: RunRequest, bus: Bus, clock: Clock, random: Random
    ) -> None:
        """Call it inside the event loop. ManifestError if the inputs do not fit."""
        self.bus = bus
        past = request.past
        started_at = request.started_at
        if started_at is None:
            started_at = past.started_at if past is not None and past.is_own else clock.wall()
        self.facts = RunFacts(
            execution_id=bus.execution_id,
            started_at=started_at,
            run_dir=None if request.run_dir is None else str(request.run_dir),
        )
        self.run_dir = request.run_dir
        self.left_out = request.left_out
        self.resume = request.resume
        self.takeover = None
        self._caching = Caching(request.cache, clock.wall) if request.cache else None
        self.now = clock.now
        self._clock = clock
        self._random = random
        self._root = Loop(self, spec, request.inputs)
        self._scheduler = self._make_scheduler(spec.protocol.slots)
        is_autonomous = spec.protocol.mode is ProtocolMode.AUTONOMOUS
        self._approver = request.answers if is_autonomous else request.approver
        self._can_ask = self._approver is not None and self._approver.is_there
        if past is not None:
            self.takeover = Takeover(past, can_ask=self._can_ask)
        self._timers = self._make_timers()
        self._ended = anyio.Event()
        self._is_begun = self._is_cancelled = self._is_finished = False

    async def run(self) -> None:
        """Run to the last event.

        When the calling task is cancelled, what runs is ended, all is published as cancelled,
        and the cancellation goes on its way.
        """
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._timers.run)
                self.bus.open(self._timers.soon(), self._lose_state)
                self._set_out(WorkerPool(tasks, self._timers))
                await self._ended.wait()
                tasks.cancel_scope.cancel()
        except anyio.get_cancelled_exc_class():
            self.cancel()
            raise

    def _set_out(self, pool: Pool) -> None:
        """Begin with the first event; `pool` performs the attempts."""
        self._attempts = Attempts(
            bus=self.bus,
            clock=self._clock,
            random=self._random,
            scheduler=self._scheduler,
            pool=pool,
            timers=self._timers,
            settle=self._settle,
            halt=self.cancel,
            observe=self._observer(),
            run_dir=self.run_dir,
            caching=self._caching,
            can_ask=self._can_ask,
        )
        self._approvals = Approvals(
            attempts=self._attempts, approver=self._approver, settle=self._settle
        )
        self._groups = Groups(self, self._attempts, self._scheduler, self._timers, self._settle)
        self._failures = Failures(
            attempts=self._attempts,
            decider=self._approver if isinstance(self._approver, Decider) else None,
            will_mend=self._groups.will_mend,
            stop=self._stop_for,
            settle=self._settle,
            given_up=set() if self.takeover is None else set(self.takeover.past.given_up),
        )
        self._attempts.rescue = self._failures.ask
        self._records = self._groups.records
        self._starts = Starts(self._attempts, self._groups, self._scheduler, self.now)
        self._is_begun = True
        self._groups.open(self._root)
        if self._is_cancelled:
            self._groups.abort(self._root, TerminationReason.CANCELLED)
        self._settle()

    def _make_timers(self) -> Timers:
        return Timers(self._clock)

    def _make_scheduler(self, slots: int) -> Scheduler:
        return Scheduler(slots)

    def _observer(self) -> Callable[[Result], None] | None:
        protocol = self._root.spec.protocol
        if protocol.max_parallel_actions != "auto" or not protocol.allow_parallel_actions:
            return None
        limit = AdaptiveLimit(protocol.slots)
        return AdaptingSlots(limit, self._scheduler, self._root.ledger, self._clock).observe

    def cancel(self) -> None:
        """End the run: cancel what runs, skip what waits. Does nothing once it has ended.

        Before the run has begun, it is remembered: the run begins, and ends at once.
        """
        if not self._is_cancelled:
            self._is_cancelled = True
            note_stopped(self._root.ledger, StopCause.CANCELLED)
            if self._is_begun and not self._is_finished:
                self._groups.abort(self._root, TerminationReason.CANCELLED)
                self._settle()

    def _lose_state(self, error: CortexError) -> None:
        self._groups.wind_down(self._root, error)
        self._settle()

    def _settle(self) -> None:
        """Perform commands until there are none, or others must have their turn first."""
        performed = 0
        records, start = self._records, self._starts.start
        while commands := self._scheduler.take():
            for command in commands:
                if isinstance(command, Start):
                    start(records[command.action])
                elif isinstance(command, Queue):
                    records[command.action].emit(ActionQueued, _WAITING_FOR[command.reason])
                else:
                    self._perform(command)
            performed += len(commands)
            if performed > _TURN:
                # A long chain of what only computes must not keep timers and viewers waiting.
                self._timers.after(0.0, self._settle, (Alarm.TURN, None))
                return
        if self._approvals.waiting and self._scheduler.is_stuck:
            self._root.waits_for = tuple(sorted(self._approvals.waiting))
            self._groups.abort(self._root, TerminationReason.APPROVAL_NEEDED)
            self._settle()
        elif self._root.is_closed and not (self._is_finished or self._scheduler.background_left):
            self._is_finished = True
            self._root.finish()
            self.bus.when_durable(lambda _: self._ended.set())

    def _perform(self, command: _Rare | Check | Skip | Cancel) -> None:
        match command:
            case Check(action):
                self._starts.check(self._records[action])
            case Skip(action, reason):
                self._skip(self._records[action], reason)
            case Cancel(action, reason):
                self._cancel(self._records[action], reason)
            case Ask() | Restore() | Close() | Price() | Exhaust() | Write() | Defer():
                self._perform_rare(command)
            case _:
                assert_never(command)

    def _perform_rare(self, command: _Rare) -> None:
        match command:
            case Ask(action):
                self._ask(self._records[action])
            case Restore(limit, units, seconds):
                restore = partial(self._restore, limit, units)
                self._timers.after(seconds, restore)
            case Close(group):
                self._groups.close(group)
            case Price(action):
                self._price(self._records[action])
            case Exhaust():
                self._groups.exhaust(command)
            case Write(group):
                self._groups.turns.begin(group)
            case Defer(group, reason):
                self._defer(group, reason)

    def _price(self, record: ActionRecord) -> None:
        price(record, self._scheduler, self._settle)

    def _defer(self, group: int, reason: QueueReason) -> None:
        self._groups.turns.defer(group, reason)

    def _ask(self, record: ActionRecord) -> None:
        if record.is_ended:
            return
        if record.failure is not None:
            self._failures.ask_again(record, record.failure)
        else:
            self._approvals.ask(record)

    def _stop_for(self, record: ActionRecord) -> None:
        """A person ends the run because of what has failed."""
        if record.ledger is not self._root.ledger:
            self._root.trouble = record.ledger.first_error
        self._groups.abort(self._root, TerminationReason.ACTION_FAILED)

    def _restore(self, limit: int, units: float) -> None:
        self._scheduler.restored(limit, units)
        self._settle()

    def _skip(self, record: ActionRecord, reason: SkipReason) -> None:
        record.ledger.note_skipped(record, reason)
        question = record.job or record.asking
        if question is not None:
            # It was still being asked whether it may run, or what to do about its failure.
            question.stop()

    def _cancel(self, record: ActionRecord, reason: CancelReason) -> None:
        if record.is_ended:
            return
        # What is nested gets its own commands after this one; its Close ends the action.
        if self._groups.owns(record):
            self._groups.note_cancelled(record, reason)
        else:
            self._attempts.stop(record, reason)
