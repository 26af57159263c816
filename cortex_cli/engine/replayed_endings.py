"""What ends a run from outside, in a replay: people, deadlines, budgets, time that is up."""

from typing import Protocol

from cortex_cli.engine.job import Done
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.past import Key
from cortex_cli.engine.recorded import Recorded
from cortex_cli.engine.replayed_jobs import Jobs
from cortex_cli.engine.replayed_waits import Alarms
from cortex_cli.engine.timers import Alarm
from cortex_cli.kinds import CancelReason, SkipReason, StopCause, TerminationReason
from cortex_cli.unseen import RunStopped

Path = tuple[str, ...]


class Stage(Protocol):
    """The run that is replayed."""

    def running(self, path: Path) -> Loop | None:
        """The loop at a path that has not ended; None if there is none."""
        ...

    def cancel(self) -> None:
        """Cancel the run."""
        ...

    def run_out(self, loop: Loop, why: str) -> None:
        """The budget of a loop is exhausted."""
        ...

    def stop(self, key: Key) -> bool:
        """Stop an action whose next call the budget had not enough for; False if it isn't there."""
        ...


class Endings:
    """Ends runs as they were ended; each function says whether that could be."""

    def __init__(self, stage: Stage, record: Recorded, alarms: Alarms, jobs: Jobs) -> None:
        self._stage = stage
        self._record = record
        self._jobs = jobs
        self._alarms = alarms

    def redo(self, fact: RunStopped) -> bool:
        """End a run, or what is left of it, for its cause."""
        match fact.cause:
            case StopCause.CANCELLED:
                self._stage.cancel()
                return True
            case StopCause.BUDGET_EXHAUSTED:
                return self._run_out(fact)
            case StopCause.DEADLINE:
                return self._alarms.ring(Alarm.DEADLINE, (fact.path, ""))
            case StopCause.TIMEOUT:
                return self._alarms.ring(Alarm.TIMEOUT, (fact.path[:-1], "".join(fact.path[-1:])))
            case StopCause.GRACE_ENDED:
                return self._alarms.ring(Alarm.GRACE)

    def end_for(self, key: Key, reason: SkipReason | CancelReason) -> bool:
        """Have happen for what an action was skipped or cancelled, where that is its own."""
        if reason in {SkipReason.PAUSED, CancelReason.PAUSED}:
            return self._leave_unanswered(key)
        return reason is CancelReason.BUDGET_EXHAUSTED and self._stage.stop(key)

    def _run_out(self, fact: RunStopped) -> bool:
        loop = self._stage.running(fact.path)
        if loop is not None:
            self._stage.run_out(loop, fact.why)
        return loop is not None

    def _leave_unanswered(self, key: Key) -> bool:
        is_paused = self._record.ending is TerminationReason.APPROVAL_NEEDED
        error = self._record.error_of(()) if is_paused else _name(key)
        if self._jobs.asks(key) and _name(key) in error:
            return self._jobs.finish(key, Done(None))
        # Of the others, those that the run is paused for.
        asking = [one for one in self._jobs.asking() if _name(one) in error]
        for one in asking:
            self._jobs.finish(one, Done(None))
        return bool(asking)


def _name(key: Key) -> str:
    return f"'{'/'.join((*key[0], key[1]))}'"
