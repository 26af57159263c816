"""Models that write plans, in a replay: what they wrote, said and used is in the record."""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn, TypeGuard

import msgspec

from cortex_cli.engine.growing import planning_of
from cortex_cli.engine.job import Broken, Done, Job, Result, Stopped
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.planner import FinalAnswer, PlanOrder, WrittenAction, WrittenRest
from cortex_cli.engine.ports import RunSpec
from cortex_cli.engine.recorded import Recorded
from cortex_cli.engine.replayed_waits import Alarms
from cortex_cli.engine.reporter import add_usage, less_usage
from cortex_cli.engine.timers import Alarm
from cortex_cli.engine.writing import Writing
from cortex_cli.errors import ActionError
from cortex_cli.events import (
    AgentEnded,
    AgentStarted,
    Event,
    IterationCompleted,
    IterationStarted,
    LlmToken,
    PlanExtended,
    PlanGenerated,
    PlanPatched,
    Termination,
    Thought,
    Usage,
    WarningRaised,
)
from cortex_cli.payloads import Part, RefusedPart

Path = tuple[str, ...]

_RETRIES = re.compile(
    r"(?P<name>\S+) could not plan: (?P<error>.*); it is asked again in (?P<seconds>\S+) s",
    re.DOTALL,
)
_MENDS = re.compile(r"(?P<name>\S+) is asked to mend the plan \(\d+ of \d+\)$")
_FAILS = re.compile(r"(?P<name>\S+) could not plan: (?P<error>.*)", re.DOTALL)
_WRITES_NOTHING = re.compile(r"(?P<name>\S+) wrote neither an action nor an answer$")
_UNKNOWN = ActionError("the model could not plan", retryable=False)


class RecordedPlanner:
    """The planner of a replay: it has the name of the model that planned, and is never asked."""

    def __init__(self, record: Recorded, path: Path) -> None:
        self._record = record
        self._path = path

    @property
    def name(self) -> str:
        """The model, as the next event that names it has it."""
        for event in _of_run(self._record, self._path):
            text = _told(event)
            for words in (_RETRIES, _MENDS, _FAILS, _WRITES_NOTHING):
                found = words.search(text)
                if found is not None:
                    return found["name"]
        return "model"

    def write(self, order: PlanOrder) -> NoReturn:
        """Never called."""
        raise AssertionError(order.goal)


def planner_at(record: Recorded, path: Path, spec: RunSpec) -> RecordedPlanner | None:
    """Who plans for the run at a path; where its plan is written down, who has mended it, if any."""
    if spec.outlook is not None and not any(map(_is_mend, _of_run(record, path))):
        return None
    return RecordedPlanner(record, path)


@dataclass(slots=True)
class _Turn:
    """A model at work; `parts` are those that the record has of it and that it has not written."""

    job: Job
    handler: Writing
    loop: Loop
    parts: deque[tuple[Part, WrittenAction | WrittenRest]]
    tokens: int = 0

    @property
    def number(self) -> int:
        return planning_of(self.loop).parts.turn


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
        number = planning_of(loop).parts.turn
        # The first that tells of a part has its text as it was written.
        parts = dict(reversed(list(_parts(self._record, path))))
        pieces = deque((part, parts[part]) for part in sorted(parts) if part[0] == number)
        self._turns[path] = _Turn(job, handler, loop, pieces)

    def cause(self, event: Event) -> bool:
        """Have the model do what leads to an event; whether there was something to do."""
        match event:
            case LlmToken() | Thought():
                return self._say(event)
            case WarningRaised():
                return self._warn(event)
            case PlanExtended() if _is_left_over(event):
                # It comes of the end of the iteration.
                return False
            case PlanExtended() | PlanPatched() | PlanGenerated():
                return self.go_on(event.path)
            case _:
                return False

    def go_on(self, path: Path) -> bool:
        """Have the model write the next part, or end its turn where there is none."""
        turn = self._turns.get(path)
        if turn is None:
            return self._alarms.ring(Alarm.PLAN, (path, ""))
        if turn.parts:
            part, piece = turn.parts.popleft()
            planning_of(turn.loop).parts.skip_to(part[1])
            turn.handler.take(piece)
        else:
            self._end(turn, None)
        return True

    def before_failure(self, path: Path) -> None:
        """An action fails next: a model that had failed before has by now, which is not told of."""
        turn = self._turns.get(path)
        if turn is None or turn.parts:
            return
        follows = self._follows(turn)
        if follows is not None and _is_mend(follows) and _would_complete(turn):
            self._end(turn, None)

    def _say(self, event: LlmToken | Thought) -> bool:
        turn = self._turns.get(event.path)
        if turn is None:
            return self.go_on(event.path)
        if isinstance(event, Thought):
            turn.job.call.report.thought(event.data.text)
            return True
        if event.data.cumulative_tokens <= turn.tokens:
            # It is counted from one again: this is the next turn.
            return self.go_on(event.path)
        turn.tokens += 1
        turn.job.call.report.token(event.data.token, event.data.model)
        return True

    def _warn(self, event: WarningRaised) -> bool:
        message, turn = event.data.message, self._turns.get(event.path)
        found = _RETRIES.fullmatch(message)
        is_next = event.data.refused is not msgspec.UNSET or _MENDS.search(message) is not None
        if turn is None or is_next or (found is not None and turn.parts):
            return self.go_on(event.path)
        if found is None:
            turn.job.call.report.warn(message)
        else:
            wait = float(found["seconds"])
            self._end(turn, Broken(ActionError(found["error"], retry_after=wait)))
        return True

    def _end(self, turn: _Turn, result: Result | None) -> None:
        path = turn.job.call.path
        follows = None if result is not None else self._follows(turn)
        last = follows if isinstance(follows, PlanExtended) and follows.data.complete else None
        used = self._used(turn, last or (self._left_over(turn) if follows is None else None))
        if used is not None:
            turn.job.call.report.usage(used)
        if last is not None and last.data.answer is not None:
            turn.handler.take(FinalAnswer(last.data.answer))
        if turn.job.is_stopped:
            result = Stopped()
        del self._turns[path]
        turn.job.on_end(result or self._result(turn, follows, is_last=last is not None))

    def _result(self, turn: _Turn, follows: Event | None, *, is_last: bool) -> Result:
        """How the turn has ended: a failure is told of at the end of its run only."""
        if is_last:
            return Done(None)
        path, would_complete = turn.job.call.path, _would_complete(turn)
        if follows is not None:
            has_failed = _is_mend(follows) and would_complete
            return Broken(self._failure(path) or _UNKNOWN) if has_failed else Done(None)
        failure = self._failure(path) if is_over(self._record, path) else None
        if failure is None and would_complete:
            failure = _UNKNOWN
        return Done(None) if failure is None else Broken(failure)

    def _failure(self, path: Path) -> ActionError | None:
        """Why no model could plan, if the run fails for that."""
        end = next((e for e in _of_run(self._record, path) if isinstance(e, AgentEnded)), None)
        found = None if end is None else _FAILS.fullmatch(end.data.error or "")
        if end is None or found is None:
            return None
        kind = end.data.error_type or _UNKNOWN.error_type
        return ActionError(found["error"], error_type=kind, retryable=False)

    def _follows(self, turn: _Turn) -> Event | None:
        """What tells of how the turn has ended: a later turn, or the end of the plan or patch."""
        for event in _of_iteration(self._record, turn.job.call.path):
            if _is_later(event, turn) or _is_mend(event):
                return event
            if isinstance(event, PlanExtended) and event.data.complete and not event.data.actions:
                return event
        return None

    def _left_over(self, turn: _Turn) -> PlanExtended | None:
        """What tells of the usage of a plan that was not written to its end."""
        events = _of_iteration(self._record, turn.job.call.path)
        return next((event for event in events if _is_left_over(event)), None)

    def _used(self, turn: _Turn, last: PlanExtended | None) -> Usage | None:
        """What the model has used that is not known yet."""
        ledger, planning = turn.loop.ledger, planning_of(turn.loop)
        if last is not None:
            return less_usage(last.data.usage, planning.usage)
        # Of a turn that leaves no event, only what the whole run has used is told.
        total: Usage | None = None
        known = ledger.usage
        written: Usage | None = planning.usage
        for event in _of_run(self._record, turn.job.call.path):
            if isinstance(event, AgentEnded):
                total = event.data.usage
            elif isinstance(event, IterationStarted):
                written = None
            elif isinstance(event, PlanExtended) and event.data.usage is not None:
                known = add_usage(known, less_usage(event.data.usage, written))
                written = event.data.usage
            elif event.action_id is not None and (used := getattr(event.data, "usage", None)):
                known = add_usage(known, used)
        return less_usage(total, known)


def _parts(record: Recorded, path: Path) -> Iterator[tuple[Part, WrittenAction | WrittenRest]]:
    for event in _of_iteration(record, path):
        if isinstance(event, WarningRaised) and isinstance(event.data.refused, RefusedPart):
            yield event.data.refused.part, _as_piece(event.data.refused)
        elif isinstance(event, PlanExtended | PlanPatched | PlanGenerated):
            parts = [] if event.data.parts is msgspec.UNSET else event.data.parts
            for part, value in zip(parts, event.data.written, strict=False):
                text = msgspec.json.encode(value).decode()
                yield part, WrittenAction(value, text)


def _as_piece(refused: RefusedPart) -> WrittenAction | WrittenRest:
    if not refused.is_action:
        return WrittenRest(refused.text, refused.reason)
    return WrittenAction(msgspec.json.decode(refused.text), refused.text)


def _of_run(record: Recorded, path: Path) -> Iterator[Event]:
    """The events of the run at a path that are to come, to its last one."""
    for event in record.ahead():
        if event.path == path:
            yield event
            if isinstance(event, AgentEnded):
                return


def _of_iteration(record: Recorded, path: Path) -> Iterator[Event]:
    for event in _of_run(record, path):
        if isinstance(event, IterationCompleted | AgentStarted):
            return
        yield event


def _is_later(event: Event, turn: _Turn) -> bool:
    """Whether a later turn has led to an event."""
    match event:
        case LlmToken(action_id=None, data=data):
            return data.cumulative_tokens == 1 and turn.tokens > 0
        case WarningRaised(data=data):
            return isinstance(data.refused, RefusedPart) and data.refused.part[0] > turn.number
        case PlanExtended(data=data) | PlanPatched(data=data):
            parts = [] if data.parts is msgspec.UNSET else data.parts
            return any(part[0] > turn.number for part in parts)
        case _:
            return False


def _would_complete(turn: _Turn) -> bool:
    """Whether the end of the text is told of."""
    planning = planning_of(turn.loop)
    return (bool(planning.mending.cone) and planning.mending.is_told) or not planning.is_complete


def _is_mend(event: Event) -> bool:
    return _MENDS.search(_told(event)) is not None


def _is_left_over(event: Event) -> TypeGuard[PlanExtended]:
    """Whether an event tells of nothing but what writing a plan has used."""
    if not isinstance(event, PlanExtended) or event.data.complete or event.data.actions:
        return False
    return event.data.usage is not None


def is_over(record: Recorded, path: Path) -> bool:
    """Whether no further iteration of the run at a path begins."""
    for event in _of_run(record, path):
        if isinstance(event, IterationStarted):
            return False
        if isinstance(event, Termination):
            return True
    return False


def _told(event: Event) -> str:
    if isinstance(event, WarningRaised):
        return event.data.message if event.data.refused is msgspec.UNSET else ""
    return (event.data.error or "") if isinstance(event, AgentEnded) else ""
