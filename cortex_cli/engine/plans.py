"""The plans that models write while they run: asked for, taken in action by action, and closed.

The model at work is a job of the run's workers and holds no slot. Each action that is admitted
joins the open group of its iteration at once, so that it starts as soon as what it waits for has
ended. What is refused goes back to the model once its text has ended; the rest runs on.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from cortex_cli.engine.attempts import Attempts
from cortex_cli.engine.gate import gate, is_gate
from cortex_cli.engine.job import Broken, Halted, Result
from cortex_cli.engine.ledger import ActionRecord, Ledger
from cortex_cli.engine.loop import NESTED_ENDS, Loop
from cortex_cli.engine.past_plans import PastPlan
from cortex_cli.engine.planner import FinalAnswer, Refused, WrittenAction, WrittenRest
from cortex_cli.engine.planning import MOST_REPAIRS, Planning
from cortex_cli.engine.recall import recall
from cortex_cli.engine.retry import delay_before
from cortex_cli.engine.takeover import Takeover
from cortex_cli.engine.termination import told_of, verdict_on
from cortex_cli.engine.writing import Piece, writing
from cortex_cli.errors import ActionError
from cortex_cli.events import (
    PlanExtended,
    PlanExtendedData,
    PlanGenerated,
    PlanGeneratedData,
)
from cortex_cli.kinds import SkipReason, TerminationReason
from cortex_cli.plan.admission import Admitted
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.states import Item, Outcome
from cortex_cli.protocol.action import Action, RetryPolicy

_RETRY = RetryPolicy(max_attempts=3)
_MOST_REFUSED = 100
_SHOWN = 200
_KEPT = 4_000


class Host(Protocol):
    """The groups of the run, which hold what the plans consist of."""

    def open_group(self, loop: Loop) -> None:
        """Put an empty plan before the scheduler."""
        ...

    def record(self, actions: Sequence[Action], ledger: Ledger) -> list[ActionRecord]:
        """The records of actions that join a plan."""
        ...

    def extend(self, group: int, items: Sequence[Item], records: Sequence[ActionRecord]) -> None:
        """Have them join it."""
        ...

    def finish(self, loop: Loop) -> None:
        """A loop has come to its end: its `reason` says why."""
        ...


class Plans:
    """The plans that models write in one run."""

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
        self._writing: dict[int, Loop] = {}

    def begin(self, loop: Loop) -> None:
        """Have the first plan of a loop written, or go on where an earlier part of the run was."""
        planning = _planning(loop)
        past = None if self._takeover is None else self._takeover.past
        plans = None if past is None else past.loops.get(loop.ledger.stamp.path)
        if past is None or plans is None:
            self._next(loop)
        else:
            recall(planning, plans, past, loop.ledger)
            self._next(loop, plans.last)

    def _next(self, loop: Loop, past: PastPlan | None = None) -> None:
        """The next iteration begins; it has the actions that it had in an earlier part."""
        planning = _planning(loop)
        planning.begin()
        loop.begin_iteration(planning.iteration)
        self._host.open_group(loop)
        if past is not None and (past.is_complete or not loop.ledger.is_strict):
            self._go_on(loop, past)
            return
        if loop.ledger.is_strict:
            planning.held += planning.admission.add(gate(planning.iteration), "").admitted
        else:
            self._show(loop)
        self._ask(loop)

    def _go_on(self, loop: Loop, past: PastPlan) -> None:
        planning = _planning(loop)
        for _, written in past.actions:
            verdict = planning.admission.add(written, "", again=True)
            planning.held += verdict.admitted
            self._refuse(loop, verdict.refused)
        planning.answer = past.answer
        joining = planning.take_held()
        # A model that has called something hears of that before it calls anything else.
        is_complete = past.is_complete or (loop.spec.is_conversation and bool(joining))
        self._show(loop, is_complete=is_complete)
        self._join(loop, joining)
        if is_complete:
            self._scheduler.seal(loop.group)
        else:
            self._ask(loop)

    def close(self, loop: Loop) -> None:
        """All actions of a plan have ended, and nothing joins it any more."""
        planning = _planning(loop)
        planning.is_closed = True
        planning.stop()
        if planning.job is None:
            self._end_iteration(loop)

    def stop_closed(self) -> None:
        """Stop the models whose plans take no more actions."""
        for loop in list(self._writing.values()):
            if not self._scheduler.is_open(loop.group):
                _planning(loop).stop()

    def _show(self, loop: Loop, *, is_complete: bool = False) -> None:
        planning, spec = _planning(loop), loop.spec
        slots = spec.protocol.slots
        sketch = planning.sketch
        report = (sketch.report if is_complete else sketch.so_far)(spec.name, slots)
        data = PlanGeneratedData(
            report=report,
            complete=is_complete,
            written=sketch.written,
            answer=planning.answer if is_complete else None,
        )
        loop.ledger.emit(PlanGenerated, data)

    def _ask(self, loop: Loop, refused: Sequence[Refused] = ()) -> None:
        """Have the model write, to begin with or to go on with what was refused."""
        planning = _planning(loop)
        planning.timer = None
        if not self._scheduler.is_open(loop.group):
            return
        planning.refused = []
        planning.job = writing(
            planning,
            loop.ledger,
            planning.order(refused),
            partial(self._take, loop),
            partial(self._turn_ended, loop, refused),
        )
        self._writing[id(loop)] = loop
        self._attempts.submit(planning.job)

    def _take(self, loop: Loop, piece: Piece) -> None:
        """The model has written something: let it join the plan, or refuse it."""
        planning = _planning(loop)
        if planning.is_cut or not self._scheduler.is_open(loop.group):
            planning.stop()
            return
        match piece:
            case WrittenAction(value, text):
                verdict = planning.admission.add(value, text)
                self._admit(loop, verdict.admitted)
                self._refuse(loop, verdict.refused)
            case WrittenRest(text, reason):
                # Prose around the actions is told of, and is nothing to be put right.
                is_told = "{" in text or loop.spec.is_conversation
                self._refuse(loop, [(text, reason)], is_to_be_repaired=is_told)
            case FinalAnswer(value):
                planning.answer = value
        if planning.admission.is_too_long or len(planning.refused) > _MOST_REFUSED:
            planning.is_cut = True
            planning.stop()
        self._settle()

    def _admit(self, loop: Loop, admitted: Sequence[Admitted]) -> None:
        if not admitted:
            return
        planning = _planning(loop)
        if loop.ledger.is_strict:
            planning.held += admitted
            return
        shown = [planning.sketched(one) for one in admitted]
        data = PlanExtendedData(
            actions=tuple(planned for planned, _ in shown),
            edges=tuple(edge for _, edges in shown for edge in edges),
            written=[dict(one.written) for one in admitted],
        )
        loop.ledger.emit(PlanExtended, data)
        self._join(loop, admitted)

    def _join(self, loop: Loop, admitted: Sequence[Admitted]) -> None:
        planning, ledger = _planning(loop), loop.ledger
        records = self._host.record([one.action for one in admitted], ledger)
        for one, record in zip(admitted, records, strict=True):
            planning.join(one, record)
        items = [
            self._item(loop, one, record) for one, record in zip(admitted, records, strict=True)
        ]
        self._host.extend(loop.group, items, records)

    def _item(self, loop: Loop, admitted: Admitted, record: ActionRecord) -> Item:
        planning, ended = _planning(loop), None
        if planning.is_left_out(admitted):
            record.ledger.note_skipped(record, SkipReason.NOT_CHOSEN)
            ended = Outcome.SKIPPED
        waits = [(planning.joined[place][0].number, kind) for place, kind in admitted.waits]
        tail = planning.sketch.planned[admitted.number].estimate_seconds
        is_asked = is_gate(admitted, is_strict=loop.ledger.is_strict)
        return Item(admitted.action, waits, tail, is_asked, ended)

    def _refuse(
        self, loop: Loop, parts: Sequence[tuple[str, str]], *, is_to_be_repaired: bool = True
    ) -> None:
        planning = _planning(loop)
        for text, reason in parts:
            shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
            what = "a call" if loop.spec.is_conversation else "a part of the plan"
            loop.ledger.warn(f"{what} was refused: {reason}: {shown}")
            if is_to_be_repaired:
                planning.refused.append(Refused(text=text[:_KEPT], reason=reason))

    def _turn_ended(self, loop: Loop, refused: Sequence[Refused], result: Result) -> None:
        """The model writes no more, or could not."""
        planning = _planning(loop)
        planning.job = None
        del self._writing[id(loop)]
        if isinstance(result, Halted):
            self._attempts.halt()
        if not self._scheduler.is_open(loop.group):
            if planning.is_closed:
                self._end_iteration(loop)
        elif isinstance(result, Broken):
            self._fail(loop, refused, result.error)
        else:
            self._end_text(loop)
        self._settle()

    def _fail(self, loop: Loop, refused: Sequence[Refused], error: ActionError) -> None:
        """The model has failed: ask it again later, or give up once what runs has ended."""
        planning = _planning(loop)
        planning.failures += 1
        may_retry = error.retryable and loop.spec.protocol.auto_retry_on_failure
        if may_retry and planning.failures < _RETRY.max_attempts:
            delay = delay_before(planning.failures, _RETRY, self._attempts.random)
            delay = max(delay, error.retry_after or 0.0)
            told = told_of(error, planning, loop.spec)
            loop.ledger.warn(f"{told}; it is asked again in {delay:.3g} s")
            again = (*refused, *planning.refused)
            planning.timer = self._attempts.timers.after(delay, partial(self._ask, loop, again))
        else:
            planning.error = error
            self._drop_held(loop)
            self._scheduler.seal(loop.group)

    def _end_text(self, loop: Loop) -> None:
        """The model has written its text to the end: have it put right, or close the plan."""
        planning = _planning(loop)
        waiting = [Refused(text=t[:_KEPT], reason=r) for t, r in planning.admission.held_back()]
        wrong = [*planning.refused, *waiting]
        is_final = planning.answer is not None or planning.is_cut or loop.spec.is_conversation
        if wrong and not is_final and planning.repairs < MOST_REPAIRS:
            planning.repairs += 1
            self._ask(loop, wrong)
            return
        self._drop_held(loop)
        if loop.ledger.is_strict:
            self._show_for_approval(loop)
        data = PlanExtendedData(
            actions=(), edges=(), complete=True, answer=planning.answer, usage=planning.usage
        )
        loop.ledger.emit(PlanExtended, data)
        self._scheduler.seal(loop.group)

    def _show_for_approval(self, loop: Loop) -> None:
        planning = _planning(loop)
        if len(planning.held) == 1:
            # There is nothing to be approved but the gate itself.
            planning.held.clear()
        joining = planning.take_held()
        self._show(loop, is_complete=True)
        self._join(loop, joining)

    def _drop_held(self, loop: Loop) -> None:
        self._refuse(loop, _planning(loop).admission.drop_held())

    def _end_iteration(self, loop: Loop) -> None:
        """All of an iteration has ended: go on with the next one, or end the loop."""
        planning = _planning(loop)
        loop.end_iteration(planning.complete())
        self._note_ended_around(loop)
        if loop.reason is None:
            has_failed = self._scheduler.has_failed(loop.group)
            loop.reason, loop.trouble = verdict_on(planning, loop.spec, has_failed=has_failed)
        if loop.reason is None:
            planning.put_by()
            self._next(loop)
        else:
            self._host.finish(loop)

    def _note_ended_around(self, loop: Loop) -> None:
        """What the loop is nested in may be ending: nothing more is begun then."""
        owner = loop.parent
        if owner is None or loop.reason is not None:
            return
        reason = owner.cancel_reason or self._scheduler.stopping(owner.number)
        if reason is not None:
            loop.reason = NESTED_ENDS.get(reason, TerminationReason.CANCELLED)


def _planning(loop: Loop) -> Planning:
    assert loop.planning is not None, f"no model plans for '{loop.spec.name}'"
    return loop.planning
