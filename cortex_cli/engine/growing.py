"""How what a model writes joins the plan of a loop, and how what it may not have is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cortex_cli.engine.gate import is_gate
from cortex_cli.engine.ledger import ActionRecord, Ledger
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.planner import Refused, WrittenAction
from cortex_cli.engine.planning import Planning
from cortex_cli.engine.unseen_notes import note_written
from cortex_cli.events import (
    PlanExtended,
    PlanExtendedData,
    PlanGenerated,
    PlanGeneratedData,
    PlanPatched,
    PlanPatchedData,
    WarningData,
    WarningRaised,
)
from cortex_cli.kinds import SkipReason
from cortex_cli.plan.admission import Admitted, Verdict
from cortex_cli.plan.states import Item, Outcome
from cortex_cli.protocol.action import Action

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


@dataclass(frozen=True, slots=True)
class Growing:
    """Has actions join the plans of the run; `can_ask`: a person can be asked."""

    host: Host
    can_ask: bool

    def show(self, loop: Loop, *, is_complete: bool = False) -> None:
        """Publish the plan as it is."""
        planning, spec = planning_of(loop), loop.spec
        sketch = planning.sketch
        report = (sketch.report if is_complete else sketch.so_far)(spec.name, spec.protocol.slots)
        data = PlanGeneratedData(
            report=report,
            complete=is_complete,
            written=sketch.written,
            answer=planning.answer if is_complete else None,
            parts=[planning.parts.place_of(one) for one in sketch.as_written],
        )
        loop.ledger.emit(PlanGenerated, data)

    def take(self, loop: Loop, piece: WrittenAction) -> None:
        """Let an action join the plan, or a patch of it, or refuse it."""
        planning = planning_of(loop)
        repeated = planning.mending.repeats(piece.value)
        if repeated is not None and not self.can_ask:
            reason = f"it would repeat '{repeated}', which may have changed the world"
            self.refuse(loop, [(piece.text, reason)])
            return
        verdict = planning.admission.add(piece.value, piece.text)
        if not _is_told_first(piece, verdict) or _is_held_back(loop):
            note_written(loop, piece)
        self._admit(loop, verdict.admitted)
        self.refuse(loop, verdict.refused)

    def _admit(self, loop: Loop, admitted: Sequence[Admitted]) -> None:
        if not admitted:
            return
        planning = planning_of(loop)
        if _is_held_back(loop):
            planning.held += admitted
            return
        shown = [planning.sketched(one) for one in admitted]
        actions = tuple(planned for planned, _ in shown)
        edges = tuple(edge for _, edges in shown for edge in edges)
        written = [dict(one.written) for one in admitted]
        parts = [planning.parts.place_of(one.written) for one in admitted]
        if planning.mending.cone:
            mending = planning.mending
            replaced, reason = mending.replaced(), mending.reason
            patch = PlanPatchedData(
                replaced=replaced,
                actions=actions,
                edges=edges,
                reason=reason,
                written=written,
                parts=parts,
            )
            loop.ledger.emit(PlanPatched, patch)
            if not mending.unmended:
                loop.ledger.first_error = None
        else:
            data = PlanExtendedData(actions=actions, edges=edges, written=written, parts=parts)
            loop.ledger.emit(PlanExtended, data)
        self.join(loop, admitted)

    def join(self, loop: Loop, admitted: Sequence[Admitted]) -> None:
        """Have actions that the plan shows join it; what can start by now does."""
        planning, ledger = planning_of(loop), loop.ledger
        records = self.host.record([one.action for one in admitted], ledger)
        both = list(zip(admitted, records, strict=True))
        for one, record in both:
            planning.join(one, record)
        items = [self._item(loop, one, record) for one, record in both]
        self.host.extend(loop.group, items, records)

    def _item(self, loop: Loop, admitted: Admitted, record: ActionRecord) -> Item:
        planning, ended = planning_of(loop), None
        if planning.is_left_out(admitted):
            record.ledger.note_skipped(record, SkipReason.NOT_CHOSEN)
            ended = Outcome.SKIPPED
        waits = [(planning.joined[place][0].number, kind) for place, kind in admitted.waits]
        tail = planning.sketch.planned[admitted.number].estimate_seconds
        return Item(record.traits, waits, tail, _is_asked(loop, admitted), ended)

    def refuse(
        self, loop: Loop, parts: Sequence[tuple[str, str]], *, is_to_be_repaired: bool = True
    ) -> None:
        """Tell of parts that are refused, and keep them for the model to put right."""
        planning = planning_of(loop)
        for text, reason in parts:
            what = "a call" if loop.spec.is_conversation else "a part of the plan"
            message = f"{what} was refused: {_told(reason, text)}"
            part = planning.parts.refused(text, reason)
            loop.ledger.emit(WarningRaised, WarningData(message=message, refused=part))
            if is_to_be_repaired:
                planning.refused.append(refused(text, reason))

    def tell_waiting(self, loop: Loop, waiting: Sequence[tuple[str, str]]) -> None:
        """Tell, once, of parts that wait for others, and go back to the model for them."""
        parts = planning_of(loop).parts
        for text, reason in waiting:
            part = parts.waiting(text, reason)
            if part is not None:
                message = f"a part of the plan has to wait: {_told(reason, text)}"
                loop.ledger.emit(WarningRaised, WarningData(message=message, refused=part))

    def drop_held(self, loop: Loop) -> None:
        """Refuse what waits for something that does not come any more."""
        self.refuse(loop, planning_of(loop).admission.drop_held())


def refused(text: str, reason: str) -> Refused:
    """A part of a plan as it goes back to the model."""
    return Refused(text=text[:_KEPT], reason=reason)


def _told(reason: str, text: str) -> str:
    """The reason, and the text that it is about if there is any."""
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return f"{reason}: {shown}" if shown else reason


def planning_of(loop: Loop) -> Planning:
    """The plans of a loop that a model writes, or mends."""
    assert loop.planning is not None, f"no model plans for '{loop.spec.name}'"
    return loop.planning


def _is_told_first(piece: WrittenAction, verdict: Verdict) -> bool:
    """Whether the first event that comes of a part is about itself."""
    if verdict.admitted:
        return any(one.written is piece.value for one in verdict.admitted)
    return bool(verdict.refused) and verdict.refused[0][0] == piece.text


def _is_held_back(loop: Loop) -> bool:
    """Whether what is written joins the plan only once a person has approved it."""
    return loop.ledger.is_strict and not planning_of(loop).mending.cone


def _is_asked(loop: Loop, admitted: Admitted) -> bool:
    """Whether a person must let the action run, because of how it has joined the plan."""
    planning, is_strict = planning_of(loop), loop.ledger.is_strict
    mending, first = planning.mending, planning.patched_from
    if mending.cone or (first is not None and admitted.number >= first):
        return is_strict or mending.repeats(admitted.written, planning.joined) is not None
    return is_gate(admitted, is_strict=is_strict)
