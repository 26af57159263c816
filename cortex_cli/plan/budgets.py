"""The budgets of a run: what is reserved, what is used, and when nothing more can be begun."""

from collections.abc import Callable, Mapping

from cortex_cli.plan.commands import Command, Exhaust, Price
from cortex_cli.plan.purse import Needs, Purse
from cortex_cli.plan.ready_queue import ReadyQueue
from cortex_cli.plan.states import Claim, Group, Node, Phase


class Budgets:
    """All purses of a scheduler; facts about them, and the commands that follow.

    `make` makes a purse for a group, a kind and so many units.
    A nested group has its own purses and those of all around it: what it needs is reserved in each.
    """

    def __init__(self, nodes: list[Node], groups: list[Group], queue: ReadyQueue) -> None:
        """`nodes` and `groups` are the scheduler's lists, by number."""
        self.purses: list[Purse] = []
        self.make: Callable[[int, str, float], Purse] = Purse
        self._unpriced: list[int] = []
        self._nodes = nodes
        self._groups = groups
        self._queue = queue

    def open(self, group: int, budget: Mapping[str, float]) -> None:
        """Give a group, before it has actions, a budget: units by kind, beside those around it."""
        home = self._groups[group]
        fresh = [self.make(group, kind, units) for kind, units in budget.items()]
        home.purses = (*fresh, *home.purses)
        self.purses += fresh

    def ask_price(self, node: Node) -> None:
        """An action is ready: what does it need?"""
        node.phase = Phase.PRICING
        self._unpriced.append(node.number)

    def dispatch(self, commands: list[Command]) -> None:
        """Start what may run now, once it is known what it needs; tell what is exhausted."""
        if self._unpriced:
            # Until they are priced, it can't be said who goes first.
            commands += map(Price, self._unpriced)
            self._unpriced.clear()
        else:
            self._queue.dispatch(commands)
        self._find_exhausted(commands)

    def limits(self, action: int, kind: str) -> bool:
        """Whether a budget limits that kind for an action."""
        return any(purse.kind == kind for purse in self._nodes[action].group.purses)

    def priced(self, action: int, needs: Needs) -> None:
        """What the action needs at most; it waits until so much of every budget can be reserved."""
        node = self._nodes[action]
        if node.phase is Phase.PRICING:
            node.price(needs)
            node.phase = Phase.READY
            self._queue.add(node)

    def used(self, action: int, units: Needs) -> None:
        """An action has used so much: of what it has reserved as far as that goes."""
        node = self._nodes[action]
        reserved = {claim[0]: claim[1] for claim in node.claims}
        held = {
            purse: purse.use(units.get(purse.kind, 0.0), reserved.get(purse, 0.0))
            for purse in node.group.purses
        }
        node.claims = _with(node, held)

    def spend(self, group: int, units: Needs) -> None:
        """What writes the plan of a group has used so much."""
        for purse in self._groups[group].purses:
            purse.use(units.get(purse.kind, 0.0), 0.0)

    def left(self, group: int) -> dict[str, float]:
        """What is left of a group's own budget, by kind."""
        return {p.kind: p.left for p in self._groups[group].purses if p.group == group}

    def is_spent(self, group: int) -> bool:
        """Whether nothing is left of a budget that a group takes from."""
        return any(purse.left <= 0 for purse in self._groups[group].purses)

    def require(self, action: int, needs: Needs) -> bool:
        """Make what a running action has reserved so much; False if it can't be had now.

        Then the budget counts as exhausted: whoever runs can't wait for others.
        """
        node = self._nodes[action]
        reserved = {claim[0]: claim[1] for claim in node.claims}
        held: dict[Purse, float] = {}
        for purse in node.group.purses:
            units = needs.get(purse.kind, 0.0)
            if not purse.reserve(units, reserved.get(purse, 0.0)):
                node.claims = _with(node, held)
                purse.lacking = action, units
                return False
            held[purse] = max(units, reserved.get(purse, 0.0))
        node.claims = _with(node, held)
        return True

    def let_go(self, purse: Purse) -> None:
        """Let those go on for whom there is enough in a purse now."""
        self._queue.unpark(purse)

    def _find_exhausted(self, commands: list[Command]) -> None:
        """Tell of each budget, once, that has not what an action waits for, and never will."""
        for purse in self.purses:
            if not purse.is_exhausted:
                found = purse.hopeless(self._is_waiting)
                if found is not None:
                    purse.is_exhausted = True
                    action, needs = found
                    commands.append(Exhaust(purse.group, action, purse.kind, needs, purse.left))

    def _is_waiting(self, number: int) -> bool:
        return self._nodes[number].phase is Phase.READY


def _with(node: Node, held: Mapping[Purse, float]) -> tuple[Claim, ...]:
    """What the action holds, with other reservations in these purses."""
    others = tuple(claim for claim in node.claims if claim[0] not in held)
    return (*others, *((purse, units) for purse, units in held.items() if units))
