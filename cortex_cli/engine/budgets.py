"""Budgets: what calls to models are expected to use, have used, and no longer may."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cortex_cli.engine.ledger import ActionRecord, Ledger
from cortex_cli.engine.takeover import Takeover
from cortex_cli.errors import CortexError
from cortex_cli.events import Usage
from cortex_cli.kinds import CancelReason
from cortex_cli.plan.commands import Exhaust
from cortex_cli.plan.scheduler import Scheduler

if TYPE_CHECKING:
    from cortex_cli.engine.loop import Loop


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the attempts of one action may use; `settle` performs what the scheduler decides."""

    record: ActionRecord
    scheduler: Scheduler
    settle: Callable[[], None]

    def require(self, usage: Usage) -> bool:
        """Reserve so much for a further call; False if it can't be had, which ends the action."""
        is_had = self.scheduler.budgets.require(self.record.number, units_of(usage))
        if not is_had:
            self.record.cancel_reason = CancelReason.BUDGET_EXHAUSTED
            # While the action still runs: its end may be the end of the run.
            self.settle()
        return is_had


def price(record: ActionRecord, scheduler: Scheduler, settle: Callable[[], None]) -> None:
    """Tell the scheduler what the action's next attempt needs of the budgets."""
    needs: dict[str, float] = {}
    try:
        usage = _estimated(record)
    except CortexError:
        # It is begun, and fails with this.
        usage = None
    if usage is not None:
        record.allowance = Reservation(record, scheduler, settle)
        needs = units_of(usage)
        if usage.cost_usd is None and scheduler.budgets.limits(record.number, "cost_usd"):
            warn_of_price(record.ledger, record.action.target or "default")
    scheduler.budgets.priced(record.number, needs)


def note_used(scheduler: Scheduler, number: int, usage: Usage) -> None:
    """Take what an action has used from the budgets of its run."""
    scheduler.budgets.used(number, units_of(usage))


def note_planned(scheduler: Scheduler, group: int, usage: Usage) -> None:
    """Take what the model that writes a plan has used from the budgets of its group."""
    scheduler.budgets.spend(group, units_of(usage))


def units_of(usage: Usage | None) -> dict[str, float]:
    """A usage by the kinds of a budget; a cost that is not known is nothing."""
    known = usage or Usage()
    return {
        "tokens": known.input_tokens + known.output_tokens,
        "cost_usd": known.cost_usd or 0.0,
    }


def budget_left(loop: "Loop", takeover: Takeover | None) -> dict[str, float]:
    """What is left of a loop's own budget by kind, less what it has used before it was resumed."""
    budget = loop.spec.protocol.budget
    path = loop.ledger.stamp.path
    used = units_of(None if takeover is None else takeover.past.used_at(path))
    return {} if budget is None else {kind: n - used[kind] for kind, n in budget.units.items()}


def over_budget(loop: "Loop", record: ActionRecord, exhausted: Exhaust) -> str:
    """Why the budget of a loop is not enough."""
    budget = loop.spec.protocol.budget
    assert budget is not None, "it is exhausted"
    total = budget.units[exhausted.kind]
    name = "/".join((*record.ledger.stamp.path, record.action.id))
    if exhausted.kind == "tokens":
        used, needs = (
            f"{total - exhausted.left:,.0f} of {total:,.0f} tokens",
            f"{exhausted.needs:,.0f}",
        )
    else:
        used, needs = f"${total - exhausted.left:,.4f} of ${total:,g}", f"${exhausted.needs:,.4f}"
    return f"the budget is exhausted: {used} are used, and '{name}' may need {needs} more"


def _estimated(record: ActionRecord) -> Usage | None:
    handler = record.ledger.spec.targets.handler(record.action)
    estimate = getattr(handler, "estimate", None)
    return None if estimate is None else estimate(record.resolve(record.action.parameters))


def warn_of_price(ledger: Ledger, name: str) -> None:
    """Warn, once, of a model whose price is not known."""
    message = f"the price of the model '{name}' is not known, so its cost is not limited"
    if message not in ledger.warned:
        ledger.warned.add(message)
        ledger.warn(message)
