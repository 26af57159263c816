"""Models that write plans, in a replay: what they wrote, said and used is in the record."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, assert_never, cast

import msgspec

from cortex_cli.engine.growing import planning_of
from cortex_cli.engine.job import Job, Stopped
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.planner import FinalAnswer, PlanOrder, WrittenAction, WrittenRest
from cortex_cli.engine.ports import RunSpec
from cortex_cli.engine.recorded import Recorded
from cortex_cli.engine.replayed_waits import Alarms
from cortex_cli.engine.timers import Alarm
from cortex_cli.engine.unseen_notes import result_of
from cortex_cli.engine.writing import Writing
from cortex_cli.events import (
    AgentEnded,
    Event,
    IterationCompleted,
    LlmToken,
    PlanExtended,
    PlanGenerated,
    PlanPatched,
    Thought,
    WarningRaised,
)
from cortex_cli.kinds import TurnEnding
from cortex_cli.payloads import Part, RefusedPart
from cortex_cli.unseen import PartWritten, TurnBegun, TurnEnded

Path = tuple[str, ...]

_WAITS = re.compile(r"; it is asked again in (\S+) s$")
_MENDS = re.compile(r"; (?P<name>[^;]*) is asked to mend the plan \(\d+ of \d+\)$")


class RecordedPlanner:
    """The planner of a replay: it has the name of the model that planned, and is never asked."""

    def __init__(self, record: Recorded) -> None:
        self._record = record
        self._last = "model"

    @property
    def name(self) -> str:
        """The model that was asked last, or that is to be asked next to mend a plan."""
        event = self._record.expected
        told = event.data.message if isinstance(event, WarningRaised) else ""
        found = _MENDS.search(told)
        return self._last if found is None else found["name"]

    def note(self, name: str) -> None:
        """A turn of that model has ended."""
        self._last = name

    def write(self, order: PlanOrder) -> NoReturn:
        """Never called."""
        raise AssertionError(order.goal)


def planner_at(record: Recorded, path: Path, spec: RunSpec) -> RecordedPlanner | None:
    """Who plans for the run at a path; where its plan is written down, who has mended it, if any."""
    if spec.outlook is not None and not any(map(_is_mend, _of_run(record, path))):
        return None
    return RecordedPlanner(record)


@dataclass(slots=True)
class _Turn:
    """A model at work, and which parts of its text are written by now."""

    job: Job
    handler: Writing
    loop: Loop
    number: int
    written: set[Part] = field(default_factory=set[Part])
    tokens: int = 0

    def write(self, part: Part, piece: WrittenAction | WrittenRest) -> bool:
        """Have the model write a part, if that is to come; whether it was."""
        if part[0] != self.number or part in self.written:
            return False
        self.written.add(part)
        self.handler.take(piece)
        return True


class Writings:
    """The models at work in a replay, by the path of the run that they plan for."""

    def __init__(
        self, record: Recorded, alarms: Alarms, loop_at: Callable[[Path], Loop | None]
    ) -> None:
        self._record = record
        self._alarms = alarms
        self._loop_at = loop_at
        self._turns: dict[Path, _Turn] = {}

    def begin(self, job: Job, handler: Writing) -> None:
        """A model is asked."""
        path = job.call.path
        loop = self._loop_at(path)
        assert loop is not None, "a plan is written for a run that goes on"
        self._turns[path] = _Turn(job, handler, loop, planning_of(loop).parts.turn)

    def redo(self, fact: PartWritten | TurnBegun | TurnEnded) -> bool:
        """Have happen what no event tells of by itself; False if it can't be."""
        turn = self._turns.get(fact.path)
        match fact:
            case TurnBegun():
                return turn is not None or self._alarms.ring(Alarm.PLAN, (fact.path, ""))
            case PartWritten():
                piece = _action(fact.text, fact.written)
                return turn is not None and piece is not None and turn.write(fact.part, piece)
            case TurnEnded():
                return turn is not None and self._end(turn, fact)
            case _:
                assert_never(fact)

    def cause(self, event: Event) -> bool:
        """Have the model do what leads to an event; whether there was something to do."""
        turn = self._turns.get(event.path)
        if turn is None:
            return self._alarms.ring(Alarm.PLAN, (event.path, ""))
        report = turn.job.call.report
        match event:
            case LlmToken(data=data):
                report.token(data.token, data.model)
            case Thought(data=data):
                report.thought(data.text)
            case WarningRaised(data=data) if data.refused is msgspec.UNSET:
                report.warn(data.message)
            case _:
                return any(turn.write(part, piece) for part, piece in _parts(event))
        return True

    def drop(self, path: Path) -> bool:
        """End a turn that was never asked for, as the budget was exhausted; whether there was one."""
        turn = self._turns.pop(path, None)
        if turn is None:
            return False
        turn.job.on_end(Stopped())
        return True

    def _end(self, turn: _Turn, fact: TurnEnded) -> bool:
        job = turn.job
        if fact.usage is not None:
            job.call.report.usage(fact.usage)
        if fact.is_answered:
            turn.handler.take(FinalAnswer(self._answer(fact)))
        event = self._record.expected
        told = event.data.message if isinstance(event, WarningRaised) else ""
        wait = _WAITS.search(told)
        planner = planning_of(turn.loop).planner
        if isinstance(planner, RecordedPlanner):
            planner.note(fact.model)
        del self._turns[fact.path]
        job.on_end(result_of(fact, 0.0 if wait is None else float(wait[1])))
        return True

    def _answer(self, fact: TurnEnded) -> Any:
        """The final answer of a turn: that of the end of the plan, where that follows."""
        for event in _of_run(self._record, fact.path):
            if isinstance(event, IterationCompleted) or fact.ending is TurnEnding.FAILED:
                break
            if isinstance(event, PlanExtended) and event.data.complete:
                return event.data.answer
        return fact.answer


def _parts(event: Event) -> Iterator[tuple[Part, WrittenAction | WrittenRest]]:
    """The parts of a text that an event is about."""
    if isinstance(event, WarningRaised) and isinstance(event.data.refused, RefusedPart):
        refused = event.data.refused
        if not refused.is_action:
            yield refused.part, WrittenRest(refused.text, refused.reason)
        elif (piece := _action(refused.text, refused.written)) is not None:
            yield refused.part, piece
    elif isinstance(event, PlanExtended | PlanPatched | PlanGenerated):
        parts = [] if event.data.parts is msgspec.UNSET else event.data.parts
        for part, value in zip(parts, event.data.written, strict=False):
            yield part, WrittenAction(value, msgspec.json.encode(value).decode())


def _action(text: str, written: dict[str, Any] | msgspec.UnsetType) -> WrittenAction | None:
    """A part that could be an action; None if the record has been changed."""
    if written is not msgspec.UNSET:
        return WrittenAction(written, text)
    try:
        value: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    is_mapping = isinstance(value, dict)
    return WrittenAction(cast("dict[str, Any]", value), text) if is_mapping else None


def _of_run(record: Recorded, path: Path) -> Iterator[Event]:
    """The events of the run at a path that are to come, to its last one."""
    for event in record.ahead():
        if event.path == path:
            yield event
            if isinstance(event, AgentEnded):
                return


def _is_mend(event: Event) -> bool:
    return isinstance(event, WarningRaised) and _MENDS.search(event.data.message) is not None
