"""Notes for replays of what happens and no event tells of by itself."""

from cortex_cli.engine.job import Broken, Done, Halted, Result, Stopped
from cortex_cli.engine.ledger import Ledger
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.parts import beside_text
from cortex_cli.engine.planner import WrittenAction
from cortex_cli.engine.planning import Planning
from cortex_cli.errors import ActionError
from cortex_cli.kinds import StopCause, TurnEnding
from cortex_cli.unseen import PartWritten, RunStopped, TurnBegun, TurnEnded


def note_stopped(ledger: Ledger, cause: StopCause, why: str = "") -> None:
    """A run ends from outside; call it before anything comes of that."""
    ledger.bus.note(RunStopped(path=ledger.stamp.path, cause=cause, why=why))


def note_written(loop: Loop, piece: WrittenAction) -> None:
    """An action was written that the next event is not about."""
    part = _planning(loop).parts.place_of(piece.value)
    fact = PartWritten(
        path=loop.ledger.stamp.path, part=part, text=piece.text, written=beside_text(piece)
    )
    loop.ledger.bus.note(fact)


def note_begun(loop: Loop) -> None:
    """A model is asked, not at once."""
    fact = TurnBegun(path=loop.ledger.stamp.path, turn=_planning(loop).parts.turn)
    loop.ledger.bus.note(fact)


def note_ended(loop: Loop, result: Result, *, is_open: bool) -> None:
    """A turn has ended; `is_open`: the plan can still grow."""
    planning = _planning(loop)
    parts, error = planning.parts, result.error if isinstance(result, Broken) else None
    is_told = is_open and error is None
    fact = TurnEnded(
        path=loop.ledger.stamp.path,
        turn=parts.turn,
        model=planning.planner.name,
        ending=_ending(result),
        error="" if error is None else str(error),
        error_type="" if error is None else error.error_type,
        is_retryable=error is not None and error.retryable,
        usage=parts.usage,
        is_answered=parts.is_answered,
        answer=planning.answer if parts.is_answered and not is_told else None,
    )
    loop.ledger.bus.note(fact)


def result_of(fact: TurnEnded, wait: float) -> Result:
    """The result that a turn had; `wait` is how long the model was left alone after a failure."""
    match fact.ending:
        case TurnEnding.DONE:
            return Done(None)
        case TurnEnding.STOPPED:
            return Stopped()
        case TurnEnding.HALTED:
            return Halted()
        case TurnEnding.FAILED:
            error = ActionError(
                fact.error,
                error_type=fact.error_type,
                retryable=fact.is_retryable,
                retry_after=wait,
            )
            return Broken(error)


def _ending(result: Result) -> TurnEnding:
    if isinstance(result, Broken):
        return TurnEnding.FAILED
    if isinstance(result, Halted):
        return TurnEnding.HALTED
    return TurnEnding.DONE if isinstance(result, Done) else TurnEnding.STOPPED


def _planning(loop: Loop) -> Planning:
    assert loop.planning is not None, f"no model plans for '{loop.spec.name}'"
    return loop.planning
