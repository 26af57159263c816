"""The slots of a run whose number adapts, and the events that tell of it."""

from dataclasses import dataclass

from cortex_cli.engine.adaptive import AdaptiveLimit
from cortex_cli.engine.job import Broken, Done, Result, TimedOut
from cortex_cli.engine.ledger import Ledger
from cortex_cli.engine.ports import Clock
from cortex_cli.events import LimitChanged, LimitChangedData
from cortex_cli.plan.scheduler import Scheduler

OVERLOADED = frozenset({"rate_limited", "overloaded", "resources"})
"""The types of errors that say that less at once would be better."""


@dataclass(frozen=True, slots=True)
class AdaptingSlots:
    """Moves the slots of a scheduler with how attempts end; each move is an event of the run."""

    limit: AdaptiveLimit
    scheduler: Scheduler
    ledger: Ledger
    clock: Clock

    def observe(self, result: Result) -> None:
        """An attempt of a tool, relic or llm action has ended."""
        match result:
            case TimedOut():
                change = self.limit.overloaded("an action timed out")
            case Broken(error) if error.error_type in OVERLOADED:
                change = self.limit.overloaded(f"an action failed: {error.error_type}")
            case Done() | Broken():
                is_short = self.scheduler.is_short
                change = self.limit.ended(self.clock.now(), is_short=is_short)
            case _:
                return
        if change is not None and change.before != change.after:
            self.scheduler.resize(change.after)
            data = LimitChangedData(
                which="max_parallel_actions",
                before=change.before,
                after=change.after,
                why=change.why,
            )
            self.ledger.emit(LimitChanged, data)
