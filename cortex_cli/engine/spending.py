"""What the actions of a loop take from budgets, and which of them one that is exhausted cut short."""

from dataclasses import dataclass, field

from cortex_cli.events import Usage
from cortex_cli.plan.scheduler import Scheduler


@dataclass(slots=True)
class Spending:
    """`scheduler` has the budgets, where there are any.

    `cut` are the ids of the actions that did not run, or did not run to their end, because one was
    exhausted; `warned` has what was warned of once and for all.
    """

    scheduler: Scheduler | None = None
    cut: set[str] = field(default_factory=set[str])
    warned: set[str] = field(default_factory=set[str])

    def note_used(self, action: int, usage: Usage) -> None:
        """Take what an action has used, by the scheduler's number, from the budgets."""
        if self.scheduler is not None:
            self.scheduler.budgets.used(action, units_of(usage))


def units_of(usage: Usage | None) -> dict[str, float]:
    """A usage by the kinds of a budget; a cost that is not known is nothing."""
    known = usage or Usage()
    return {
        "tokens": known.input_tokens + known.output_tokens,
        "cost_usd": known.cost_usd or 0.0,
    }
