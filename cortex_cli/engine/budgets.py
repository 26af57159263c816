"""Budgets: what calls to models are expected to use, have used, and no longer may."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cortex_cli.engine.ledger import ActionRecord, Ledger
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.spending import units_of
from cortex_cli.engine.takeover import Takeover
from cortex_cli.errors import CortexError
from cortex_cli.events import Usage
from cortex_cli.kinds import CancelReason, TerminationReason
from cortex_cli.plan.commands import Exhaust
from cortex_cli.plan.scheduler import Scheduler

_OVER_BUDGET = CancelReason.BUDGET_EXHAUSTED
_PRICE = "the price of the model"


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
            self.record.cancel_reason = _OVER_BUDGET
            # While the action still runs: its end may be the end of the run.
            self.settle()
        return is_had


@dataclass(frozen=True, slots=True)
class TurnReservation:
    """What one turn of the model that writes the plan of a group may use; see `Reservation`."""

    group: int
    scheduler: Scheduler
    settle: Callable[[], None]

    def require(self, usage: Usage) -> bool:
        """Reserve so much for a further call; False if it can't be had, which ends the loop."""
        is_had = self.scheduler.turns.require(self.group, units_of(usage))
        if not is_had:
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


def open_budget(loop: Loop, scheduler: Scheduler, takeover: Takeover | None) -> None:
    """Give the first group of a loop its budget; further iterations have what that has left."""
    if loop.spec.protocol.budget is not None:
        scheduler.budgets.open(loop.group, budget_left(loop, takeover))
    if scheduler.budgets.purses:
        loop.ledger.spending.scheduler = scheduler


def budget_left(loop: Loop, takeover: Takeover | None) -> dict[str, float]:
    """What is left of a loop's own budget by kind, less what it has used before it was resumed."""
    budget = loop.spec.protocol.budget
    path = loop.ledger.stamp.path
    used = units_of(None if takeover is None else takeover.past.used_at(path))
    return {} if budget is None else {kind: n - used[kind] for kind, n in budget.units.items()}


def over_budget(loop: Loop, needing: str, exhausted: Exhaust) -> str:
    """Why the budget of a loop is not enough for what is `needing` more of it."""
    budget = loop.spec.protocol.budget
    assert budget is not None, "it is exhausted"
    total = budget.units[exhausted.kind]
    if exhausted.kind == "tokens":
        used, needs = (
            f"{total - exhausted.left:,.0f} of {total:,.0f} tokens",
            f"{exhausted.needs:,.0f}",
        )
    else:
        used, needs = f"${total - exhausted.left:,.4f} of ${total:,g}", f"${exhausted.needs:,.4f}"
    # Of some models it is not known how much.
    more = f"{needs} more" if exhausted.needs else "more"
    return f"the budget is exhausted: {used} are used, and {needing} may need {more}"


def run_out(loop: Loop, why: str, owners: Iterable[tuple[ActionRecord, object]]) -> None:
    """Nothing more is begun in a loop, whose budget is exhausted: `why` is for people.

    `owners` are the actions of the run that wait for a group of their own, and what that is of.
    """
    loop.reason = loop.reason or TerminationReason.BUDGET_EXHAUSTED
    loop.over_budget = why
    path = loop.ledger.stamp.path
    for owner, opened in owners:
        if owner.ledger.stamp.path[: len(path)] == path:
            owner.cancel_reason = owner.cancel_reason or _OVER_BUDGET
            if isinstance(opened, Loop):
                opened.over_budget = why


def forgive(loop: Loop, owner: ActionRecord) -> None:
    """A nested run of which nothing was left to begin has not been cut short by a budget."""
    is_cut = loop.ledger.spending.cut or loop.reason is TerminationReason.BUDGET_EXHAUSTED
    if owner.cancel_reason is _OVER_BUDGET and not is_cut:
        owner.cancel_reason = None


def warn_of_price(ledger: Ledger, name: str) -> None:
    """Warn, once, of a model whose price is not known."""
    ledger.warn_once(f"{_PRICE} '{name}' is not known, so its cost is not limited")


def is_about_price(message: str) -> bool:
    """Whether a warning is of a model whose price is not known."""
    return message.startswith(_PRICE)


def _estimated(record: ActionRecord) -> Usage | None:
    handler = record.ledger.spec.targets.handler(record.action)
    estimate = getattr(handler, "estimate", None)
    return None if estimate is None else estimate(record.resolve(record.action.parameters))
