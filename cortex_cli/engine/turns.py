"""The turns of the models that write plans: asked for, begun once they have what they take, ended.

A turn holds no slot. It takes of the pools and rates of llm actions, and what it may use at most
is reserved in every budget around it before it begins; what it has not used it gives back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from cortex_cli.engine.attempts import Attempts
from cortex_cli.engine.budgets import TurnReservation, warn_of_price
from cortex_cli.engine.growing import planning_of
from cortex_cli.engine.job import Result
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.planner import PlanOrder, Refused
from cortex_cli.engine.spending import units_of
from cortex_cli.engine.unseen_notes import note_begun
from cortex_cli.engine.writing import Piece, writing
from cortex_cli.errors import CortexError
from cortex_cli.events import Usage
from cortex_cli.kinds import QueueReason
from cortex_cli.plan.scheduler import Scheduler

_WAITED_FOR = {
    QueueReason.POOL: "a resource",
    QueueReason.RATE: "its rate limit",
    QueueReason.BUDGET: "budget",
}


def waited_for(message: str) -> QueueReason | None:
    """What a turn waits for, where a warning says that one does."""
    found = (reason for reason, what in _WAITED_FOR.items() if f" waits for {what} be" in message)
    return next(found, None)


@dataclass(slots=True)
class Asked:
    """A turn that has been asked for: how it stood then, where it is held to what that needs.

    `was_left`: the model was left alone for a while before.
    """

    loop: Loop
    wrong: Sequence[Refused]
    was_left: bool = False
    order: PlanOrder | None = None
    has_waited: bool = False


@dataclass(slots=True)
class Turns:
    """The turns of one run.

    `take` gets the parts of a plan as they are written; `ended` hears how a turn has ended, once
    it has given back what it held.
    """

    attempts: Attempts
    scheduler: Scheduler
    take: Callable[[Loop, Piece], None]
    ended: Callable[[Loop, Sequence[Refused], Result], None]
    _asked: dict[int, Asked] = field(default_factory=dict[int, Asked])
    _at_work: dict[int, Loop] = field(default_factory=dict[int, Loop])

    def ask(self, loop: Loop, wrong: Sequence[Refused], *, was_left: bool = False) -> None:
        """A model is to write, to begin with or to go on with what was refused: `begin` follows."""
        asked = self._asked[loop.group] = Asked(loop, wrong, was_left)
        self.scheduler.turns.ask(loop.group, self._needs(asked))

    def begin(self, group: int) -> None:
        """The turn of a group has what it takes."""
        asked = self._asked.pop(group)
        loop = asked.loop
        if not self.scheduler.is_open(group):
            # What was performed before, of the same commands, has ended it.
            self.scheduler.turns.end(group)
            return
        planning = planning_of(loop)
        planning.refused = []
        planning.parts.begin_turn()
        if asked.was_left or asked.has_waited:
            note_begun(loop)
        planning.job = writing(
            loop,
            self._order(asked),
            partial(self.take, loop),
            partial(self._spend, group),
            partial(self._end, loop, asked.wrong),
        )
        self._at_work[group] = loop
        self.attempts.submit(planning.job)

    def defer(self, group: int, reason: QueueReason) -> None:
        """The turn of a group has to wait: tell of it, each reason once for a loop."""
        asked = self._asked.get(group)
        if asked is not None:
            asked.has_waited = True
            does = "answers" if asked.loop.spec.is_conversation else "plans"
            name = planning_of(asked.loop).planner.name
            asked.loop.ledger.warn_once(f"{name} waits for {_WAITED_FOR[reason]} before it {does}")

    def drop(self, group: int) -> None:
        """The turn of a group is not to begin any more, if it has not begun."""
        if self._asked.pop(group, None) is not None:
            self.scheduler.turns.end(group)

    def stop_closed(self) -> None:
        """Stop the models whose plans take no more actions."""
        for group, loop in list(self._at_work.items()):
            if not self.scheduler.is_open(group):
                planning_of(loop).stop()

    def _needs(self, asked: Asked) -> Mapping[str, float]:
        """What the turn needs at most of its budgets; nothing where that can't be told."""
        loop = asked.loop
        kinds = self.scheduler.budgets.kinds(loop.group)
        planning = planning_of(loop)
        estimate: Callable[[PlanOrder], Usage] | None = getattr(planning.planner, "estimate", None)
        if estimate is None or not kinds:
            return {}
        allowance = TurnReservation(loop.group, self.scheduler, self.attempts.settle)
        order = replace(planning.order(asked.wrong), allowance=allowance)
        try:
            usage = estimate(order)
        except CortexError:
            # It is begun, and fails with this.
            return {}
        asked.order = order
        if usage.cost_usd is None and "cost_usd" in kinds:
            warn_of_price(loop.ledger, planning.planner.name)
        return units_of(usage)

    def _order(self, asked: Asked) -> PlanOrder:
        """What is asked: how things stand now, unless that needs more than can be had by now."""
        before, group = asked.order, asked.loop.group
        if before is None:
            return planning_of(asked.loop).order(asked.wrong)
        if asked.has_waited and self.scheduler.turns.raise_to(group, self._needs(asked)):
            return asked.order or before
        return before

    def _spend(self, group: int, usage: Usage) -> None:
        self.scheduler.turns.used(group, units_of(usage))

    def _end(self, loop: Loop, wrong: Sequence[Refused], result: Result) -> None:
        planning_of(loop).job = None
        del self._at_work[loop.group]
        self.scheduler.turns.end(loop.group)
        self.ended(loop, wrong, result)
