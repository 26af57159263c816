"""A run made once more from its record: nothing is called, and every event must be the same.

The runner and the scheduler decide as ever. What came from outside, ends of attempts, what was
said on the way, answers, alarms of clocks, is taken from the record: whenever the run has nothing
more to do by itself, the next event of the record says what must have happened.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import assert_never

from cortex_cli.engine.approvals import Asking
from cortex_cli.engine.bus import Bus
from cortex_cli.engine.caching import CachedOutput
from cortex_cli.engine.job import Broken, Done, Job, Result, Stopped
from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.engine.loop import NESTED_ENDS, Loop
from cortex_cli.engine.masking import Masker
from cortex_cli.engine.past import Key
from cortex_cli.engine.ports import Answer, RunRequest, RunSpec
from cortex_cli.engine.recorded import Recorded
from cortex_cli.engine.replayed_outside import LeastDelay, Said, is_taken_back, repeat, with_someone
from cortex_cli.engine.replayed_plans import Known, Variables, replayed
from cortex_cli.engine.replayed_turns import ReplayedTurns
from cortex_cli.engine.replayed_waits import Alarms, Gate, GatedScheduler
from cortex_cli.engine.replayed_writing import Writings, is_over, planner_at
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
from cortex_cli.kinds import CancelReason, QueueReason, TerminationReason
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.turn import is_turn
from cortex_cli.report import PlanReport

_Ended = ActionCompleted | ActionFailed | ActionRetrying | ActionCancelled
_ENDINGS = {TerminationReason.CANCELLED, TerminationReason.DEADLINE}


class Replay(Runner):
    """One part of a run that is replayed, from its first event to the last that the record has."""

    def __init__(
        self, spec: RunSpec, request: RunRequest, record: Recorded, variables: Variables
    ) -> None:
        """ManifestError if the inputs do not fit."""
        self._record = record
        self._alarms = Alarms(record)
        self._jobs: dict[Key, list[Job]] = {}
        self._writings = Writings(record, self._alarms, self._loop_at)
        after = 0 if request.past is None else request.past.sequence
        first = record.events[0]
        bus = Bus(first.execution_id, record, record, Masker(), after=after)
        request = with_someone(request, record)
        known = Known(self._report_at, variables, partial(planner_at, record))
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
        self._set_out(self)

    def submit(self, job: Job) -> None:
        """Keep a job until the record has its end."""
        if isinstance(job.handler, Writing):
            self._writings.begin(job, job.handler)
            return
        self._jobs.setdefault((job.call.path, job.call.action.id), []).append(job)

    def step(self) -> bool:
        """Have happen what leads to the next event; False once all have come.

        MissError if nothing does, or if another event comes.
        """
        event = self._record.expected
        if event is None:
            return False
        if not (self._alarms.ring(Alarm.TURN) or self._end_silently(event) or self._cause(event)):
            raise self._record.stuck()
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
        self._gated = GatedScheduler(slots, Gate(self._waits_next))
        self._turns = ReplayedTurns(self._record, self._loop_of)
        self._gated.gated_turns.asked = self._turns.warn_of_price
        return self._gated

    def _price(self, record: ActionRecord) -> None:
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
        found = self._record.next_of(key, ActionStarted, ActionQueued)
        return isinstance(found, ActionQueued) and found.data.reason is reason

    def _loop_at(self, path: tuple[str, ...]) -> Loop | None:
        return self._groups.running(path)

    def _loop_of(self, group: int) -> Loop:
        return self._groups.loop_of(group)

    def _report_at(self, path: tuple[str, ...]) -> PlanReport | None:
        plans = (e for e in self._record.ahead() if isinstance(e, PlanGenerated))
        return next((e.data.report for e in plans if e.path == path), None)

    def _cause(self, event: Event) -> bool:
        is_said = event.action_id is None and not isinstance(event, IterationCompleted)
        if is_said and (self._let_turn(event.path) or self._writings.cause(event)):
            return True
        match event:
            case Progress() | LlmToken() | Thought() | WarningRaised():
                return self._say(event)
            case ActionStarted() | ActionQueued():
                return self._let(_key(event))
            case ActionCompleted() | ActionFailed() | ActionRetrying() | ActionCancelled():
                if isinstance(event, ActionFailed):
                    self._writings.before_failure(event.path)
                return self._end(event)
            case _:
                return self._cause_seldom(event)

    def _cause_seldom(self, event: Event) -> bool:
        match event:
            case ActionSkipped():
                return self._abort(event, event.data.reason.value)
            case ApprovalGiven(data=data):
                answer = Answer(approved=data.approved, by=data.by, text=data.answer)
                return self._finish(_key(event), Done(answer))
            case IterationCompleted(path=path) | PlanExtended(path=path):
                return self._end_iteration(path)
            case LimitChanged():
                # It comes of how an attempt ends, and is told before that.
                end = next((e for e in self._record.ahead() if isinstance(e, _Ended)), None)
                return end is not None and self._end(end)
            case _:
                return False

    def _job(self, key: Key, *, is_stopped: bool | None = None) -> Job | None:
        # A question that was taken back has no end.
        jobs = [j for j in self._jobs.get(key, ()) if not is_taken_back(j)]
        fitting = [job for job in jobs if is_stopped in (None, job.is_stopped)]
        return next(iter(fitting or jobs), None)

    def _finish(self, key: Key, result: Result, job: Job | None = None) -> bool:
        job = job or self._job(key)
        if job is None:
            return False
        self._jobs[key].remove(job)
        job.on_end(result)
        return True

    def _say(self, event: Said) -> bool:
        job = self._job(_key(event))
        if job is None:
            return False
        repeat(event, job.call.report)
        return True

    def _end(self, event: _Ended) -> bool:
        key = _key(event)
        is_cancelled = isinstance(event, ActionCancelled)
        job = self._job(key, is_stopped=is_cancelled)
        if is_cancelled and (job is None or not job.is_stopped):
            return self._abort(event, event.data.reason.value)
        if job is None:
            return False
        usage = None if isinstance(event, ActionRetrying) else event.data.usage or None
        if usage is not None:
            job.call.report.usage(usage)
        return self._finish(key, self._result(event), job)

    def _result(self, event: _Ended) -> Result:
        match event:
            case ActionCompleted(data=data):
                return Done(CachedOutput(data.output) if data.cached else data.output)
            case ActionFailed(data=data):
                error = ActionError(data.error, error_type=data.error_type, retryable=False)
                return Broken(error)
            case ActionRetrying(data=data):
                again = self._record.next_of(_key(event), ActionStarted)
                job = self._job(_key(event))
                target = None if job is None else job.call.action.target
                is_same = again is None or again.data.target == target
                return Broken(
                    ActionError(data.error, error_type=data.error_type, retryable=is_same)
                )
            case ActionCancelled():
                return Stopped()
            case _:
                assert_never(event)

    def _let(self, key: Key) -> bool:
        """Let an action go on that waits: to be tried again, for a budget, for a rate."""
        if self._alarms.ring(Alarm.RETRY, key):
            return True
        for record in self._records:
            if record.key == key and not record.is_ended and self._gated.let(record.number):
                self._settle()
                return True
        return False

    def _end_silently(self, event: Event) -> bool:
        """End a run as it was ended where nothing was left that an event would tell of."""
        if not isinstance(event, _Ended) or self._tells_why(event):
            return False
        for size in range(len(event.path) + 1):
            path = event.path[:size]
            reason = self._record.reason_of(path) if size else self._record.ending
            loop = self._groups.running(path)
            if loop is None or loop.reason is not None:
                continue
            if reason is not None and reason in _ENDINGS and self._is_last(path):
                return self._abort_at(path, reason)
        return False

    def _tells_why(self, event: _Ended) -> bool:
        """Whether what ends is what something is cancelled for, and not what comes of that."""
        job = self._job(_key(event)) if isinstance(event, ActionCancelled) else None
        return job is not None and not job.is_stopped

    def _end_iteration(self, path: tuple[str, ...]) -> bool:
        """End a run, or what is around it, in which nothing but a model is at work."""
        for size in range(len(path) + 1):
            outer = path[:size]
            loop, reason = self._groups.running(outer), self._record.reason_of(outer)
            is_last = is_over(self._record, path) if outer == path else self._is_last(outer)
            if reason is None or loop is None or loop.reason is not None or not is_last:
                continue
            if reason in _ENDINGS and self._abort_at(outer, reason):
                return True
            is_run_out = outer == path and reason is TerminationReason.BUDGET_EXHAUSTED
            if is_run_out and self._run_out(self._turns.cut_by(path)):
                return True
        return self._writings.go_on(path)

    def _abort_at(self, path: tuple[str, ...], reason: TerminationReason) -> bool:
        if reason is TerminationReason.DEADLINE:
            return self._alarms.ring(Alarm.DEADLINE, (path, ""))
        if self._time_out(path):
            return True
        loop = self._groups.running(path)
        owner = None if loop is None else loop.parent
        if owner is not None and owner.cancel_reason in NESTED_ENDS:
            # Its time was up just when what it is nested in was ended for another reason.
            return self._alarms.ring(Alarm.TIMEOUT, owner.key)
        # A nested run is also cancelled with what nobody waits for any more.
        return self._record.ending is TerminationReason.CANCELLED and self._cancel_all()

    def _is_last(self, path: tuple[str, ...]) -> bool:
        """Whether nothing happens in the plan at a path after the next event, before it ends."""
        for later in itertools.islice(self._record.ahead(), 1, None):
            if later.path[: len(path)] != path:
                continue
            if isinstance(later, IterationCompleted) and later.path == path:
                return True
            key = _key(later)
            if isinstance(later, ActionStarted | ActionQueued | ActionSkipped):
                return False
            is_end = isinstance(later, _Ended)
            if is_end and (self._job(key) is not None or self._alarms.has(Alarm.RETRY, key)):
                return False
        return False

    def _cancel_all(self) -> bool:
        if self._is_cancelled:
            return False
        self.cancel()
        return True

    def _abort(self, event: ActionSkipped | _Ended, reason: str) -> bool:
        """Have happen for what an action was skipped or cancelled."""
        if reason == "grace_ended" or (reason == "cancelled" and self._is_grace_over()):
            return self._alarms.ring(Alarm.GRACE)
        if reason == "cancelled":
            return self._cancel_all()
        if reason == "paused":
            return self._leave_unanswered(_key(event))
        if reason in {"timeout", "aborted"}:
            return self._time_out(event.path)
        return self._reach_limit(event, TerminationReason(reason))

    def _is_grace_over(self) -> bool:
        """Whether what is left has no more time, and nobody has ended the run before."""
        if not self._root.is_closed:
            return False
        cancelled = (e for e in self._record.ahead() if isinstance(e, ActionCancelled))
        return all(event.data.reason is not CancelReason.CANCELLED for event in cancelled)

    def _leave_unanswered(self, key: Key) -> bool:
        is_paused = self._record.ending is TerminationReason.APPROVAL_NEEDED
        error = self._record.error_of(()) if is_paused else _name(key)
        if self._asks(key) and _name(key) in error:
            return self._finish(key, Done(None))
        # Of the others, those that the run is paused for.
        asking = [one for one in self._jobs if self._asks(one) and _name(one) in error]
        for one in asking:
            self._finish(one, Done(None))
        return bool(asking)

    def _asks(self, key: Key) -> bool:
        job = self._job(key)
        return job is not None and isinstance(job.handler, Asking)

    def _time_out(self, path: tuple[str, ...]) -> bool:
        for size in range(len(path)):
            key = path[:size], path[size]
            end = self._record.next_of(key, ActionFailed, ActionRetrying)
            if end is not None and end.data.error_type == "timeout":
                return self._alarms.ring(Alarm.TIMEOUT, key)
        return False

    def _reach_limit(self, event: ActionSkipped | _Ended, reason: TerminationReason) -> bool:
        """The outermost run around the action that ended for this reason has reached its limit."""
        for size in range(len(event.path) + 1):
            path = event.path[:size]
            if self._record.reason_of(path) is reason:
                if reason is TerminationReason.DEADLINE:
                    return self._alarms.ring(Alarm.DEADLINE, (path, ""))
                return self._run_out(path) or self._stop(_key(event))
        return False

    def _run_out(self, path: tuple[str, ...]) -> bool:
        loop = self._groups.running(path)
        if loop is None or loop.reason is not None:
            return False
        self._groups.run_out(loop, self._record.error_of(path))
        self._settle()
        return True

    def _stop(self, key: Key) -> bool:
        """Stop an action whose next call the budget had not enough for."""
        job = self._job(key)
        record = next((r for r in self._records if r.job is job and job is not None), None)
        if record is None or record.cancel_reason is not None:
            return False
        self._attempts.stop(record, CancelReason.BUDGET_EXHAUSTED)
        return True


def _key(event: Event) -> Key:
    return event.path, event.action_id or ""


def _name(key: Key) -> str:
    return f"'{'/'.join((*key[0], key[1]))}'"
