"""A turn of a model that writes a plan, as the scheduler sees it: beside the actions, in no slot."""

from typing import Self

import msgspec

from cortex_cli.kinds import ActionType, QueueReason
from cortex_cli.plan.limits import Key
from cortex_cli.plan.purse import Needs
from cortex_cli.plan.states import Claim, Group, Phase

# Below the numbers of all actions: of equal rank a turn goes first, as it makes more ready.
_FIRST = -(1 << 50)


class Turn(msgspec.Struct, eq=False):
    """What the turn takes while it is at work, one unit of what bears the name of llm actions.

    `waits_for`: what it has been said to wait for.
    """

    number: int
    group: Group
    key: Key
    claims: tuple[Claim, ...]
    phase: Phase = Phase.READY
    waits_for: QueueReason | None = None

    @classmethod
    def of(cls, serial: int, group: Group, needs: Needs) -> Self:
        """The next turn in a group, which needs so much of its budgets; `serial` counts them all."""
        above, number = group.parent, _FIRST + serial
        rank = (0.0, 0.0) if above is None else (-above.priority, -above.tail)
        shared = ((limit, 1.0) for limit in group.limits.get(ActionType.LLM.value, ()))
        purses = ((purse, needs.get(purse.kind, 0.0)) for purse in group.purses)
        reserved = ((purse, units) for purse, units in purses if units)
        return cls(number, group, (*rank, number), (*shared, *reserved))


def is_turn(number: int) -> bool:
    """Whether a number is that of a turn, and not of an action."""
    return number < 0
