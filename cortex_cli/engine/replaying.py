"""A run made once more from its record: nothing is called, and every event must be the same.

The runner and the scheduler decide as ever. What came from outside, ends of attempts, what was
said on the way, answers, alarms of clocks, is taken from the record: whenever the run has nothing
more to do by itself, the next event of the record says what must have happened.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, assert_never

from cortex_cli.engine.budgets import warn_of_price
from cortex_cli.engine.bus import Bus
from cortex_cli.engine.caching import CachedOutput
from cortex_cli.engine.failures import Choosing
from cortex_cli.engine.job import Broken, Done, Job, Result, Stopped
from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.masking import Masker
from cortex_cli.engine.past import Key
from cortex_cli.engine.ports import Answer, RunRequest, RunSpec
from cortex_cli.engine.recorded import Recorded
from cortex_cli.engine.replayed_endings import Endings
from cortex_cli.engine.replayed_jobs import Jobs, key_of
from cortex_cli.engine.replayed_outside import LeastDelay, Said, asked_about, repeat, with_someone
from cortex_cli.engine.replayed_plans import Known, Variables, replayed
from cortex_cli.engine.replayed_turns import ReplayedTurns
from cortex_cli.engine.replayed_waits import Alarms, Gate, GatedScheduler
from cortex_cli.engine.replayed_writing import Writings, planner_at
from cortex_cli.engine.runner import Runner
from cortex_cli.engine.timers import Alarm, Timers
from cortex_cli.engine.writing import Writing
from cortex_cli.errors import ActionError
from cortex_cli.events import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionQueued,
    ActionRetrying,
    ActionSkipped,
    ActionStarted,
    AgentStarted,
    ApprovalGiven,
    Event,
    IterationCompleted,
    LimitChanged,
    LlmToken,
    PlanExtended,
    PlanGenerated,
    Progress,
    Thought,
    WarningRaised,
)
from cortex_cli.kinds import CancelReason, QueueReason, StopCause
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.turn import is_turn
from cortex_cli.report import PlanReport
from cortex_cli.unseen import RunStopped, TurnBegun

if TYPE_CHECKING:
    from cortex_cli.unseen import Unseen

_Ended = ActionCompleted | ActionFailed | ActionRetrying | ActionCancelled


class Replay(Runner):
    """One part of a run that is replayed, from its first event to the last that the record has."""

    def __init__(
        self, spec: RunSpec, request: RunRequest, record: Recorded, variables: Variables
    ) -> None:
        """ManifestError if the inputs do not fit."""
        self._record = record
        self._alarms = Alarms(record)
        self._jobs = Jobs()
        self._endings = Endings(self, record, self._alarms, self._jobs)
        self._writings = Writings(record, self._alarms, self.running)
        self._unseen: tuple[int, deque[Unseen]] = -1, deque()
        after = 0 if request.past is None else request.past.sequence
        first = record.events[0]
        bus = Bus(first.execution_id, record, record, Masker(), after=after)
        request = with_someone(request, record)
        known = Known(
            reports=self._report_at,
            variables=variables,
            planner=partial(planner_at, record),
            is_conversation=self._is_conversation,
            refusal=self._refusal,
        )
        super().__init__(replayed(spec, known), request, bus, record, LeastDelay())

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Hand every event of the record to the listener, once the run has come to it."""
        is_shown = self._root.spec.protocol.stream_action_results
        events, record = self._record.events, self._record

        def pass_on(event: Event) -> None:
            # Shown without its output where the protocol wants that: as it has been made.
            listener(events[record.place - 1] if is_shown else event)

        self.bus.listen(pass_on)

    def begin(self) -> None:
        """Come to all events before the first that something outside has led to."""
        if any(isinstance(fact, RunStopped) for fact in self._record.events[0].unseen):
            self.cancel()
        self._set_out(self)

    def submit(self, job: Job) -> None:
        """Keep a job until the record has its end."""
        if isinstance(job.handler, Writing):
            self._writings.begin(job, job.handler)
        else:
            self._jobs.keep(job)

    def step(self) -> bool:
        """Have happen what leads to the next event; False once all have come.

        MissError if nothing does, or if another event comes.
        """
        event = self._record.expected
        if event is None:
            return False
        if not (self._alarms.ring(Alarm.TURN) or self._redo(event) or self._cause(event)):
            raise self._record.stuck()
        return True

    def _redo(self, event: Event) -> bool:
        """Have happen next of what no event tells of by itself; whether there was any of it left."""
        facts = self._facts(event)
        if not facts:
            return False
        fact = facts.popleft()
        if isinstance(fact, RunStopped):
            is_redone = self._endings.redo(fact)
        else:
            is_waiting = isinstance(fact, TurnBegun)
            is_redone = (is_waiting and self._let_turn(fact.path)) or self._writings.redo(fact)
        if not is_redone:
            raise self._record.stuck()
        self._settle()
        return True

    def _facts(self, event: Event) -> "deque[Unseen]":
        """What has happened before the next event, and not yet here."""
        if self._unseen[0] != self._record.place:
            self._unseen = self._record.place, deque(event.unseen)
        return self._unseen[1]

    def _go_on_between(self) -> bool:
        """What comes between two commands, and not of what happens outside; whether an action goes on.

        A budget is found to be exhausted, or what has waited begins before others are told to wait.
        """
        event = self._record.expected
        fact = None if event is None else next(iter(self._facts(event)), None)
        if isinstance(event, ActionStarted) and fact is None:
            key = key_of(event)
            return self._gated.let_waiting(lambda number: self._records[number].key == key)
        if event is not None and isinstance(fact, RunStopped):
            self._run_out_between(event, fact)
        return False

    def _run_out_between(self, event: Event, fact: RunStopped) -> None:
        if fact.cause is StopCause.BUDGET_EXHAUSTED:
            self._facts(event).popleft()
            if not self._endings.redo(fact):
                raise self._record.stuck()

    def running(self, path: tuple[str, ...]) -> Loop | None:
        """The loop at a path that has not ended; None if there is none."""
        return self._groups.running(path)

    def run_out(self, loop: Loop, why: str) -> None:
        """The budget of a loop is exhausted."""
        self._groups.run_out(loop, why)

    def stop(self, key: Key) -> bool:
        """Stop an action whose next call the budget had not enough for; False if it isn't there."""
        job = self._jobs.of(key)
        record = next((r for r in self._records if r.job is job and job is not None), None)
        if record is None or record.cancel_reason is not None:
            return False
        self._attempts.stop(record, CancelReason.BUDGET_EXHAUSTED)
        return True

    def _make_timers(self) -> Timers:
        return self._alarms

    def _observer(self) -> Callable[[Result], None]:
        return self._change_limits

    def _change_limits(self, _: Result) -> None:
        while isinstance(event := self._record.expected, LimitChanged):
            self._scheduler.resize(int(event.data.after))
            self._root.ledger.emit(LimitChanged, event.data)

    def _make_scheduler(self, slots: int) -> Scheduler:
        self._gated = GatedScheduler(slots, Gate(self._waits_next), self._go_on_between)
        self._turns = ReplayedTurns(self._record, self._loop_of)
        self._gated.gated_turns.asked = self._turns.warn_of_price
        return self._gated

    def _price(self, record: ActionRecord) -> None:
        event = self._record.expected
        if isinstance(event, WarningRaised) and event.path == record.key[0]:
            warn_of_price(record.ledger, record.action.target or "default")
        self._gated.price(record.number)

    def _defer(self, group: int, reason: QueueReason) -> None:
        if not self._turns.repeat_wait(group, reason):
            super()._defer(group, reason)

    def _let_turn(self, path: tuple[str, ...]) -> bool:
        """Have a turn begin that waits, as its run is to say something."""
        loop = self._groups.running(path)
        is_let = loop is not None and self._gated.let_turn(loop.group)
        self._settle()
        return is_let

    def _waits_next(self, number: int, reason: QueueReason) -> bool:
        if is_turn(number):
            return self._turns.waits(self._gated.group_of(number), reason)
        key = self._records[number].key
        # One that was ended just as it was to start has neither waited nor started.
        found = self._record.next_of(key, ActionStarted, ActionQueued, ActionSkipped)
        return isinstance(found, ActionQueued) and found.data.reason is reason

    def _loop_of(self, group: int) -> Loop:
        return self._groups.loop_of(group)

    def _report_at(self, path: tuple[str, ...]) -> PlanReport | None:
        plans = (e for e in self._record.ahead() if isinstance(e, PlanGenerated))
        return next((e.data.report for e in plans if e.path == path), None)

    def _is_conversation(self, path: tuple[str, ...]) -> bool:
        begins = (e for e in self._record.ahead() if isinstance(e, AgentStarted))
        return next((bool(e.data.is_conversation) for e in begins if e.path == path), False)

    def _refusal(self, key: Key, target: str | None) -> ActionError | None:
        """The error of an attempt that could not begin: the next event tells of it."""
        event = self._record.expected
        if not isinstance(event, ActionFailed | ActionRetrying) or key_of(event) != key:
            return None
        if event.unseen:
            # It has begun, and something has happened since.
            return None
        used = event.data.usage if isinstance(event, ActionFailed) else None
        return None if used else self._error(event, target)

    def _cause(self, event: Event) -> bool:
        is_said = event.action_id is None and not isinstance(event, IterationCompleted)
        if is_said and (self._let_turn(event.path) or self._writings.cause(event)):
            return True
        match event:
            case Progress() | LlmToken() | Thought() | WarningRaised():
                return self._say(event)
            case ActionStarted() | ActionQueued():
                return self._let(key_of(event))
            case ActionCompleted() | ActionFailed() | ActionRetrying() | ActionCancelled():
                return self._end(event)
            case _:
                return self._cause_seldom(event)

    def _cause_seldom(self, event: Event) -> bool:
        match event:
            case ActionSkipped():
                return self._endings.end_for(key_of(event), event.data.reason)
            case ApprovalGiven(data=data):
                answer = Answer(approved=data.approved, by=data.by, text=data.answer)
                return self._jobs.finish(key_of(event), Done(answer))
            case IterationCompleted(path=path) | PlanExtended(path=path):
                return self._writings.drop(path)
            case LimitChanged():
                # It comes of how an attempt ends, and is told before that.
                end = next((e for e in self._record.ahead() if isinstance(e, _Ended)), None)
                return end is not None and self._end(end)
            case _:
                return False

    def _say(self, event: Said) -> bool:
        job = self._jobs.of(key_of(event))
        if job is None:
            return False
        repeat(event, job.call.report)
        return True

    def _end(self, event: _Ended) -> bool:
        key = key_of(event)
        is_cancelled = isinstance(event, ActionCancelled)
        job = self._jobs.of(key, is_stopped=is_cancelled)
        if is_cancelled and (job is None or not job.is_stopped):
            return self._endings.end_for(key, event.data.reason)
        if job is None:
            return False
        usage = None if isinstance(event, ActionRetrying) else event.data.usage or None
        if usage is not None and not isinstance(job.handler, Choosing):
            job.call.report.usage(usage)
        return self._jobs.finish(key, self._result(event, job), job)

    def _result(self, event: _Ended, job: Job) -> Result:
        match event:
            case ActionCompleted(data=data):
                return Done(CachedOutput(data.output) if data.cached else data.output)
            case ActionFailed() | ActionRetrying():
                return Broken(self._error(event, job.call.action.target))
            case ActionCancelled():
                return Stopped()
            case _:
                assert_never(event)

    def _error(self, event: ActionFailed | ActionRetrying, target: str | None) -> ActionError:
        """The error of an attempt that has called the target."""
        again = self._record.next_of(key_of(event), ActionStarted)
        is_same = again is None or again.data.target == target
        is_retryable = isinstance(event, ActionRetrying) and is_same
        return ActionError(
            event.data.error, error_type=event.data.error_type, retryable=is_retryable
        )

    def _let(self, key: Key) -> bool:
        """Let an action go on that waits: to be tried again, for a budget, for a rate."""
        if self._alarms.ring(Alarm.RETRY, key):
            return True
        job = self._jobs.of(key)
        if job is not None and (error := asked_about(self._record, job)) is not None:
            return self._jobs.finish(key, Broken(error), job)
        for record in self._records:
            if record.key == key and not record.is_ended and self._gated.let(record.number):
                self._settle()
                return True
        return False
