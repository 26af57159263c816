"""What ends a run from outside, in a replay: people, deadlines, budgets, time that is up.

The record tells of that by what comes of it only: why actions are skipped or cancelled, and why
the run ends.
"""

import itertools
from typing import Protocol

from cortex_cli.engine.job import Done
from cortex_cli.engine.loop import NESTED_ENDS, Loop
from cortex_cli.engine.past import Key
from cortex_cli.engine.recorded import Recorded
from cortex_cli.engine.replayed_jobs import Jobs, key_of
from cortex_cli.engine.replayed_waits import Alarms
from cortex_cli.engine.timers import Alarm
from cortex_cli.events import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionQueued,
    ActionRetrying,
    ActionSkipped,
    ActionStarted,
    IterationCompleted,
)
from cortex_cli.kinds import CancelReason, TerminationReason

Ended = ActionCompleted | ActionFailed | ActionRetrying | ActionCancelled
"""How an attempt ends."""

Path = tuple[str, ...]

_ENDINGS = {TerminationReason.CANCELLED, TerminationReason.DEADLINE}
_LIMITS = {
    reason.value: reason
    for reason in (TerminationReason.DEADLINE, TerminationReason.BUDGET_EXHAUSTED)
}


class Stage(Protocol):
    """The run that is replayed; `is_closed`: it has come to its end, but for what nothing waits for."""

    @property
    def is_closed(self) -> bool: ...

    def running(self, path: Path) -> Loop | None:
        """The loop at a path that has not ended; None if there is none."""
        ...

    def cancel_all(self) -> bool:
        """Cancel the run; False if it is cancelled already."""
        ...

    def run_out(self, loop: Loop, why: str) -> None:
        """The budget of a loop is exhausted."""
        ...

    def stop(self, key: Key) -> bool:
        """Stop an action whose next call the budget had not enough for; False if it isn't there."""
        ...


class Endings:
    """Ends runs for what the record has of it; each function says whether anything was ended."""

    def __init__(self, stage: Stage, record: Recorded, alarms: Alarms, jobs: Jobs) -> None:
        self._stage = stage
        self._record = record
        self._alarms = alarms
        self._jobs = jobs

    def end_for(self, event: ActionSkipped | ActionCancelled) -> bool:
        """Have happen for what an action was skipped or cancelled."""
        reason = event.data.reason.value
        if reason == "grace_ended" or (reason == "cancelled" and self._is_grace_over()):
            return self._alarms.ring(Alarm.GRACE)
        match reason:
            case "cancelled":
                return self._stage.cancel_all()
            case "paused":
                return self._leave_unanswered(key_of(event))
            case "timeout" | "aborted":
                return self._time_out(event.path)
            case _:
                limit = _LIMITS.get(reason)
                return limit is not None and self._reach_limit(event, limit)

    def end_silently(self, event: Ended) -> bool:
        """End a run as it was ended where nothing was left that an event would tell of."""
        if self._tells_why(event):
            return False
        for size in range(len(event.path) + 1):
            path = event.path[:size]
            if self._reason_to_end(path) in _ENDINGS and self._is_last(path):
                return self._abort_at(path)
        return False

    def end_iteration(self, path: Path, *, is_over: bool) -> bool:
        """End a run, or what is around it, in which nothing more is at work.

        `is_over`: no further iteration of it begins.
        """
        return any(
            self._end_at(path[:size])
            for size in range(len(path) + 1)
            if (is_over if size == len(path) else self._is_last(path[:size]))
        )

    def end_around(self, path: Path) -> bool:
        """End a run, or what is around it, for which a model is stopped that is at work in it."""
        return any(self._end_at(path[:size]) for size in range(len(path) + 1))

    def _end_at(self, path: Path) -> bool:
        reason = self._reason_to_end(path)
        if reason in _ENDINGS:
            return self._abort_at(path)
        return reason is TerminationReason.BUDGET_EXHAUSTED and self._run_out(path)

    def _reason_to_end(self, path: Path) -> TerminationReason | None:
        """Why the run at a path ends, if it goes on and does not know that yet."""
        loop = self._stage.running(path)
        if loop is None or loop.reason is not None:
            return None
        return self._record.reason_of(path) if path else self._record.ending

    def _abort_at(self, path: Path) -> bool:
        if self._reason_to_end(path) is TerminationReason.DEADLINE:
            return self._alarms.ring(Alarm.DEADLINE, (path, ""))
        if self._time_out(path):
            return True
        loop = self._stage.running(path)
        owner = None if loop is None else loop.parent
        if owner is not None and owner.cancel_reason in NESTED_ENDS:
            # Its time was up just when what it is nested in was ended for another reason.
            return self._alarms.ring(Alarm.TIMEOUT, owner.key)
        # A nested run is also cancelled with what nobody waits for any more.
        return self._record.ending is TerminationReason.CANCELLED and self._stage.cancel_all()

    def _tells_why(self, event: Ended) -> bool:
        """Whether what ends is what something is cancelled for, and not what comes of that."""
        job = self._jobs.of(key_of(event)) if isinstance(event, ActionCancelled) else None
        return job is not None and not job.is_stopped

    def _is_last(self, path: Path) -> bool:
        """Whether nothing happens in the plan at a path after the next event, before it ends."""
        for later in itertools.islice(self._record.ahead(), 1, None):
            if later.path[: len(path)] != path:
                continue
            if isinstance(later, IterationCompleted) and later.path == path:
                return True
            key = key_of(later)
            if isinstance(later, ActionStarted | ActionQueued | ActionSkipped):
                return False
            is_end = isinstance(later, Ended)
            if is_end and (self._jobs.of(key) is not None or self._alarms.has(Alarm.RETRY, key)):
                return False
        return False

    def _is_grace_over(self) -> bool:
        """Whether what is left has no more time, and nobody has ended the run before."""
        if not self._stage.is_closed:
            return False
        cancelled = (e for e in self._record.ahead() if isinstance(e, ActionCancelled))
        return all(event.data.reason is not CancelReason.CANCELLED for event in cancelled)

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

    def _time_out(self, path: Path) -> bool:
        for size in range(len(path)):
            key = path[:size], path[size]
            end = self._record.next_of(key, ActionFailed, ActionRetrying)
            if end is not None and end.data.error_type == "timeout":
                return self._alarms.ring(Alarm.TIMEOUT, key)
        return False

    def _reach_limit(
        self, event: ActionSkipped | ActionCancelled, reason: TerminationReason
    ) -> bool:
        """The outermost run around the action that ended for this reason has reached its limit."""
        for size in range(len(event.path) + 1):
            path = event.path[:size]
            if self._record.reason_of(path) is reason:
                if reason is TerminationReason.DEADLINE:
                    return self._alarms.ring(Alarm.DEADLINE, (path, ""))
                return self._run_out(path) or self._stage.stop(key_of(event))
        return False

    def _run_out(self, path: Path) -> bool:
        loop = self._stage.running(path)
        if loop is None or loop.reason is not None:
            return False
        self._stage.run_out(loop, self._record.error_of(path))
        return True


def _name(key: Key) -> str:
    return f"'{'/'.join((*key[0], key[1]))}'"
