"""The turns of models that write plans: each begins once it has what it takes.

A group has one turn at a time. It holds no slot, and waits for others only before it begins; so
what it waits for always comes, or its budget is exhausted.
"""

from itertools import count

from cortex_cli.plan.budgets import Budgets
from cortex_cli.plan.purse import Needs
from cortex_cli.plan.ready_queue import ReadyQueue
from cortex_cli.plan.states import Group, Phase
from cortex_cli.plan.turn import Turn


class Turns:
    """The turns of a scheduler's groups; facts about them."""

    def __init__(self, groups: list[Group], queue: ReadyQueue, budgets: Budgets) -> None:
        """`groups` is the scheduler's list, by number."""
        self._groups = groups
        self._queue = queue
        self._budgets = budgets
        self._serials = count()
        self._turns: dict[int, Turn] = {}

    def ask(self, group: int, needs: Needs) -> None:
        """A model is to write on the plan of a group, and needs so much of its budgets at most.

        `Write` follows once it may. Of a kind that `needs` does not have something must be left: what
        is used of it is counted afterwards.
        """
        assert group not in self._turns, f"group {group} has a turn"
        turn = self._turns[group] = self.make(self._groups[group], needs)
        self._queue.turns[turn.number] = turn
        if self._budgets.demand_some(turn, needs):
            self._queue.ask(turn)

    def make(self, group: Group, needs: Needs) -> Turn:
        """The next turn, in a group."""
        return Turn.of(next(self._serials), group, needs)

    def raise_to(self, group: int, needs: Needs) -> bool:
        """Make what a turn at work has reserved so much; False if it can't be had now."""
        return self._budgets.raise_to(self._turns[group], needs) is None

    def require(self, group: int, needs: Needs) -> bool:
        """As `raise_to`; where it can't be had, the budget is exhausted."""
        return self._budgets.demand(self._turns[group], needs)

    def used(self, group: int, units: Needs) -> None:
        """A turn at work has used so much: of what it has reserved as far as that goes."""
        self._budgets.use(self._turns[group], units)

    def withdraw(self, group: int) -> None:
        """A turn that has not begun is not to begin any more."""
        if group in self._turns and self._turns[group].phase is Phase.READY:
            self.end(group)

    def end(self, group: int) -> None:
        """The turn of a group has ended, or is not to begin: it gives back what it holds."""
        turn = self._turns.pop(group, None)
        if turn is not None:
            was_at_work, turn.phase = turn.phase is Phase.RUNNING, Phase.ENDED
            self._queue.drop(turn, give_back=was_at_work)
