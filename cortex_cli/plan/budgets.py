"""The budgets of a run: what is reserved, what is used, and when nothing more can be begun."""

from collections.abc import Callable, Mapping

from cortex_cli.plan.commands import Command, Exhaust, Price
from cortex_cli.plan.limits import Limit
from cortex_cli.plan.purse import Needs, Purse
from cortex_cli.plan.ready_queue import ReadyQueue
from cortex_cli.plan.states import Claim, Group, Node, Phase
from cortex_cli.plan.turn import Turn, is_turn


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

    def kinds(self, group: int) -> frozenset[str]:
        """The kinds that budgets limit for a group."""
        return frozenset(purse.kind for purse in self._groups[group].purses)

    def priced(self, action: int, needs: Needs) -> None:
        """What the action needs at most; it waits until so much of every budget can be reserved."""
        node = self._nodes[action]
        if node.phase is Phase.PRICING:
            node.price(needs)
            node.phase = Phase.READY
            self._queue.add(node)

    def used(self, action: int, units: Needs) -> None:
        """An action has used so much."""
        self.use(self._nodes[action], units)

    def use(self, holder: Node | Turn, units: Needs) -> None:
        """Note that so much was used: of what the holder has reserved as far as that goes."""
        reserved = _reserved(holder)
        held = {
            purse: purse.use(units.get(purse.kind, 0.0), reserved.get(purse, 0.0))
            for purse in holder.group.purses
        }
        holder.claims = _with(holder, held)

    def require(self, action: int, needs: Needs) -> bool:
        """Make what a running action has reserved so much; see `demand`."""
        return self.demand(self._nodes[action], needs)

    def demand(self, holder: Node | Turn, needs: Needs) -> bool:
        """Make what is reserved so much; False if it can't be had now.

        Then the budget counts as exhausted: whoever runs can't wait for others.
        """
        purse = self.raise_to(holder, needs)
        if purse is not None:
            purse.lacking = holder.number, needs.get(purse.kind, 0.0)
        return purse is None

    def raise_to(self, holder: Node | Turn, needs: Needs) -> Purse | None:
        """Make what is reserved so much; what has too few units free, if anything has."""
        reserved, held = _reserved(holder), dict[Purse, float]()
        for purse in holder.group.purses:
            units = needs.get(purse.kind, 0.0)
            if not purse.reserve(units, reserved.get(purse, 0.0)):
                holder.claims = _with(holder, held)
                return purse
            held[purse] = max(units, reserved.get(purse, 0.0))
        holder.claims = _with(holder, held)
        return None

    def demand_some(self, turn: Turn, needs: Needs) -> bool:
        """Whether something is left of each kind of which it can't be said how much is needed.

        Else the budget counts as exhausted.
        """
        spent = [p for p in turn.group.purses if p.kind not in needs and p.left <= 0]
        for purse in spent:
            purse.lacking = turn.number, 0.0
        return not spent

    def let_go(self, purse: Purse) -> None:
        """Let those go on for whom there is enough in a purse now."""
        self._queue.unpark(purse)

    def _find_exhausted(self, commands: list[Command]) -> None:
        """Tell of each budget, once, that has not what an action waits for, and never will."""
        for purse in self.purses:
            if not purse.is_exhausted:
                found = purse.hopeless(self._queue.is_waiting)
                if found is not None:
                    purse.is_exhausted = True
                    commands.append(self._exhaust(purse, *found))

    def _exhaust(self, purse: Purse, number: int, needs: float) -> Exhaust:
        turn = self._queue.turns.get(number)
        group, action = (turn and turn.group.number), (None if is_turn(number) else number)
        return Exhaust(purse.group, action, group, purse.kind, needs, purse.left)


def _reserved(holder: Node | Turn) -> dict[Limit, float]:
    return {limit: units for limit, units in holder.claims if isinstance(limit, Purse)}


def _with(holder: Node | Turn, held: Mapping[Purse, float]) -> tuple[Claim, ...]:
    """What is held, with other reservations in these purses."""
    others = tuple(claim for claim in holder.claims if claim[0] not in held)
    return (*others, *((purse, units) for purse, units in held.items() if units))
