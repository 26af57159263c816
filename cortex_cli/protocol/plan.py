"""`ExecutionPlan`: the actions of one iteration, and what a run gives back."""

from typing import TYPE_CHECKING, Self

from pydantic import StrictBool

from cortex_cli.protocol.action import Action, Written

if TYPE_CHECKING:
    from collections.abc import Iterable


class OutputDeclaration(Written):
    """Where an output of an agent or workflow comes from: a reference, or a value with some."""

    source: object
    description: str = ""
    optional: StrictBool = False


class ExecutionPlan(Written):
    """Actions in declaration order; what they wait for follows from their fields."""

    actions: tuple[Action, ...] = ()

    @classmethod
    def of(cls, actions: "Iterable[Action] | ExecutionPlan") -> Self:
        """A plan from actions, or the plan itself."""
        if isinstance(actions, cls):
            return actions
        return cls.model_construct(actions=tuple(actions))
