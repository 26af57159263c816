"""The plans that models write while they run: asked for, taken in action by action, and closed.

The model at work is a job of the run's workers and holds no slot. Each action that is admitted
joins the open group of its iteration at once, so that it starts as soon as what it waits for has
ended. What is refused goes back to the model once its text has ended; the rest runs on.
"""

from collections.abc import Callable, Sequence
from functools import partial

from cortex_cli.engine.attempts import Attempts
from cortex_cli.engine.feeding import feed_first
from cortex_cli.engine.gate import gate
from cortex_cli.engine.growing import Growing, Host, planning_of, refused
from cortex_cli.engine.job import Broken, Halted, Result
from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.engine.loop import NESTED_ENDS, SUCCESSES, Loop
from cortex_cli.engine.past_plans import PastPlan
from cortex_cli.engine.planner import FinalAnswer, Refused, WrittenAction, WrittenRest
from cortex_cli.engine.planning import MOST_REPAIRS
from cortex_cli.engine.recall import recall, recall_plan
from cortex_cli.engine.retry import delay_before
from cortex_cli.engine.takeover import Takeover
from cortex_cli.engine.termination import Verdict, told_of, verdict_on
from cortex_cli.engine.timers import Alarm
from cortex_cli.engine.turns import Turns
from cortex_cli.engine.unseen_notes import note_ended
from cortex_cli.engine.writing import Piece
from cortex_cli.errors import ActionError
from cortex_cli.events import PlanExtended, PlanExtendedData
from cortex_cli.kinds import OnFailure, TerminationReason
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.protocol.action import RetryPolicy

_RETRY = RetryPolicy(max_attempts=3)
_MOST_REFUSED = 100


class Plans:
    """The plans that models write, or mend, in one run."""

    def __init__(
        self,
        host: Host,
        attempts: Attempts,
        scheduler: Scheduler,
        takeover: Takeover | None,
        settle: Callable[[], None],
    ) -> None:
        """`settle` performs what the scheduler makes of a fact."""
        self._host = host
        self._attempts = attempts
        self._scheduler = scheduler
        self._takeover = takeover
        self._settle = settle
        self._growing = Growing(host, attempts.can_ask)
        self.turns = Turns(attempts, scheduler, self._take, self._turn_ended)
        self._loops: dict[int, Loop] = {}

    def begin(self, loop: Loop) -> None:
        """Have the first plan of a loop written, or go on where an earlier part of the run was."""
        self._loops[id(loop.ledger)] = loop
        past = None if self._takeover is None else self._takeover.past
        plans = None if past is None else past.loops.get(loop.ledger.stamp.path)
        if past is None or plans is None:
            self._next(loop)
        else:
            recall(planning_of(loop), plans, past, loop.ledger)
            self._next(loop, plans.last)

    def adopt(self, loop: Loop, records: Sequence[ActionRecord]) -> None:
        """A plan that is written down has been put before the scheduler: mend it where it fails."""
        self._loops[id(loop.ledger)] = loop
        planning = planning_of(loop)
        planning.begin()
        planning.adopt(loop.outlook, records)
        past = None if self._takeover is None else self._takeover.past
        plans = None if past is None else past.loops.get(loop.ledger.stamp.path)
        if plans is not None:
            self._recall(loop, plans.last)
            self._growing.join(loop, planning.take_held())
            planning.recall_failures()
        planning.is_complete = True
        self._mend_or_seal(loop)

    def _next(self, loop: Loop, past: PastPlan | None = None) -> None:
        """The next iteration begins; it has the actions that it had in an earlier part."""
        planning, is_strict = planning_of(loop), loop.ledger.is_strict
        planning.begin()
        loop.begin_iteration(planning.iteration)
        self._host.open_group(loop)
        if past is not None and (past.is_complete or past.patches or not is_strict):
            self._go_on(loop, past)
            return
        if is_strict:
            planning.held += planning.admission.add(gate(planning.iteration), "").admitted
        else:
            self._growing.show(loop)
        self._ask(loop)

    def _go_on(self, loop: Loop, past: PastPlan) -> None:
        planning = planning_of(loop)
        self._recall(loop, past)
        joining = planning.take_held()
        # A model that has called something hears of that before it calls anything else.
        has_called = loop.spec.is_conversation and bool(joining)
        planning.is_complete = planning.is_complete or has_called
        self._growing.show(loop, is_complete=past.is_complete or has_called)
        self._growing.join(loop, joining)
        planning.recall_failures()
        if planning.is_complete:
            self._mend_or_seal(loop)
        else:
            self._ask(loop)

    def _recall(self, loop: Loop, plan: PastPlan) -> None:
        assert self._takeover is not None, "what is recalled is of an earlier part of the run"
        ended = self._takeover.past.of(loop.ledger.stamp.path)
        self._growing.refuse(loop, recall_plan(planning_of(loop), plan, ended))

    def _mend_or_seal(self, loop: Loop) -> None:
        """Go on with what an earlier part of the run was mending, if it was."""
        mending = planning_of(loop).mending
        if mending.cone:
            self._soon(loop, self._ask)
        elif mending.is_due:
            self._soon(loop, self._patch)
        else:
            self._scheduler.seal(loop.group)

    def _soon(self, loop: Loop, action: Callable[[Loop], None]) -> None:
        """Do something about a failure once it is known what is skipped because of it."""
        self._after(0.0, loop, partial(action, loop))

    def _after(self, seconds: float, loop: Loop, action: Callable[[], None]) -> None:
        timers, about = self._attempts.timers, loop.alarm(Alarm.PLAN)
        planning_of(loop).timer = timers.after(seconds, partial(self._do, action), about)

    def _do(self, action: Callable[[], None]) -> None:
        """What a moment was for: what the scheduler makes of it is performed, too."""
        action()
        self._settle()

    def close(self, loop: Loop) -> None:
        """All actions of a plan have ended, and nothing joins it any more."""
        planning = planning_of(loop)
        planning.is_closed = True
        if planning.job is None or not self._scheduler.is_over_budget(loop.group):
            # Else it goes on to its end, as actions do: it may write the answer.
            planning.stop()
        self.turns.drop(loop.group)
        if planning.job is None:
            self._end_iteration(loop)

    def will_mend(self, record: ActionRecord) -> bool:
        """Whether a patch is asked for where the action fails for good now."""
        loop = self._loops.get(id(record.ledger))
        return loop is not None and planning_of(loop).mending.has_more

    def note_failed(self, record: ActionRecord, error: ActionError) -> None:
        """An action has failed for good, which the scheduler hears of next: have it mended.

        What a person has denied is not mended, and nothing is where the failure ends the plan.
        """
        loop = self._loops.get(id(record.ledger))
        if loop is None or record.item is not None:
            return
        planning = planning_of(loop)
        ends_all = record.action.on_failure is OnFailure.ABORT or loop.spec.protocol.fail_fast
        may_mend = not ends_all and error.error_type != "denied" and not self._attempts.is_ending
        planning.mending.note(record, str(error), may_mend=may_mend)
        is_sealed = not self._scheduler.is_open(loop.group)
        if planning.mending.is_due and is_sealed and self._scheduler.reopen(loop.group):
            self._soon(loop, self._patch)

    def _patch(self, loop: Loop) -> None:
        """Have the model replace what has failed, and what was skipped because of it."""
        planning, mending = planning_of(loop), planning_of(loop).mending
        mending.begin(planning.joined)
        planning.repairs = 0
        planning.admission.replace(admitted.number for _, admitted in mending.cone)
        times = f"{mending.patches} of {mending.most}"
        name = planning.planner.name
        loop.ledger.warn(f"{mending.reason}; {name} is asked to mend the plan ({times})")
        self._ask(loop)

    def _ask(self, loop: Loop, wrong: Sequence[Refused] = ()) -> None:
        """Have the model write, to begin with or to go on with what was refused."""
        planning = planning_of(loop)
        was_left, planning.timer = planning.timer is not None, None
        if not self._scheduler.is_open(loop.group):
            return
        attempts, again = self._attempts, partial(self._ask, loop, wrong)
        if not feed_first(
            loop, self._host, attempts.timers, attempts.clock.now(), partial(self._do, again)
        ):
            self.turns.ask(loop, wrong, was_left=was_left)

    def _take(self, loop: Loop, piece: Piece) -> None:
        """The model has written something: let it join the plan, or refuse it."""
        planning = planning_of(loop)
        is_wanted = isinstance(piece, FinalAnswer) or self._scheduler.is_open(loop.group)
        if planning.is_cut or not is_wanted:
            planning.stop()
            return
        planning.parts.note(piece)
        match piece:
            case WrittenAction():
                self._growing.take(loop, piece)
            case WrittenRest(text, reason):
                # Prose around the actions is told of, and is nothing to be put right.
                is_part = "{" in text or loop.spec.is_conversation
                self._growing.refuse(loop, [(text, reason)], is_to_be_repaired=is_part)
            case FinalAnswer(value):
                planning.take_answer(value)
        if planning.admission.is_too_long or len(planning.refused) > _MOST_REFUSED:
            planning.is_cut = True
            planning.stop()
        self._settle()

    def _turn_ended(self, loop: Loop, wrong: Sequence[Refused], result: Result) -> None:
        """The model writes no more, or could not."""
        note_ended(loop, result, is_open=self._scheduler.is_open(loop.group))
        if isinstance(result, Halted):
            self._attempts.halt()
        if not self._scheduler.is_open(loop.group):
            if planning_of(loop).is_closed:
                self._end_iteration(loop)
        elif isinstance(result, Broken):
            self._fail(loop, wrong, result.error)
        else:
            self._end_text(loop)
        self._settle()

    def _fail(self, loop: Loop, wrong: Sequence[Refused], error: ActionError) -> None:
        """The model has failed: ask it again later, or give up once what runs has ended."""
        planning = planning_of(loop)
        planning.failures += 1
        may_retry = error.retryable and loop.spec.protocol.auto_retry_on_failure
        if may_retry and planning.failures < _RETRY.max_attempts:
            delay = delay_before(planning.failures, _RETRY, self._attempts.random)
            delay = max(delay, error.retry_after or 0.0)
            told = told_of(error, planning, loop.spec)
            loop.ledger.warn(f"{told}; it is asked again in {delay:.3g} s")
            self._growing.tell_waiting(loop, planning.admission.waiting())
            again = (*wrong, *planning.refused)
            self._after(delay, loop, partial(self._ask, loop, again))
        else:
            planning.error = error
            self._growing.drop_held(loop)
            self._scheduler.seal(loop.group)

    def _end_text(self, loop: Loop) -> None:
        """The model has written its text to the end: have it put right, or go on without."""
        planning = planning_of(loop)
        waiting = planning.admission.held_back()
        wrong = [*planning.refused, *(refused(*one) for one in waiting)]
        is_final = planning.is_answered or planning.is_cut or loop.spec.is_conversation
        if wrong and not is_final and planning.repairs < MOST_REPAIRS:
            planning.repairs += 1
            self._growing.tell_waiting(loop, waiting)
            self._ask(loop, wrong)
            return
        self._growing.drop_held(loop)
        was_patched = planning.mending.end()
        if was_patched or not planning.is_complete:
            self._complete(loop)
        if planning.mending.is_due:
            self._patch(loop)
        else:
            self._scheduler.seal(loop.group)

    def _complete(self, loop: Loop) -> None:
        """The plan, or a patch of it, is written."""
        planning = planning_of(loop)
        is_first, planning.is_complete = not planning.is_complete, True
        if is_first and loop.ledger.is_strict:
            if len(planning.held) == 1:
                # There is nothing to be approved but the gate itself.
                planning.held.clear()
            joining = planning.take_held()
            self._growing.show(loop, is_complete=True)
            self._growing.join(loop, joining)
        self._tell_usage(loop, complete=True)

    def _tell_usage(self, loop: Loop, *, complete: bool) -> None:
        """Publish what the plan has used so far: a run that goes on has so much less."""
        planning = planning_of(loop)
        answer = planning.answer if complete else None
        planning.told_usage = usage = planning.usage
        data = PlanExtendedData(actions=(), edges=(), complete=complete, answer=answer, usage=usage)
        loop.ledger.emit(PlanExtended, data)

    def _end_iteration(self, loop: Loop) -> None:
        """All of an iteration has ended: go on with the next one, or end the loop."""
        planning = planning_of(loop)
        if planning.usage != planning.told_usage:
            self._tell_usage(loop, complete=planning.is_answered)
        loop.end_iteration(planning.complete())
        if loop.reason is None:
            loop.reason, loop.trouble = self._verdict(loop)
        if loop.reason is None:
            planning.put_by()
            self._next(loop)
        else:
            del self._loops[id(loop.ledger)]
            self._host.finish(loop)

    def _verdict(self, loop: Loop) -> Verdict:
        """Why the loop ends, if it does; it has not come to its end where what is around it ends."""
        planning, around = planning_of(loop), self._ended_around(loop)
        has_failed = self._scheduler.has_failed(loop.group) and planning.has_failed
        verdict = verdict_on(planning, loop.spec, has_failed=has_failed)
        # One that has reached its goal needs nothing more of a budget.
        is_done = around is TerminationReason.BUDGET_EXHAUSTED and verdict[0] in SUCCESSES
        return verdict if around is None or is_done else (around, None)

    def _ended_around(self, loop: Loop) -> TerminationReason | None:
        """Why what the loop is nested in is ending, if it is: nothing more is begun then."""
        owner = loop.parent
        if owner is None:
            return None
        reason = owner.cancel_reason or self._scheduler.stopping(owner.number)
        return None if reason is None else NESTED_ENDS.get(reason, TerminationReason.CANCELLED)
