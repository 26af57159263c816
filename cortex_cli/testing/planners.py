"""`ScriptedPlanner`: a planner whose plans are given beforehand."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import msgspec

from cortex_cli.engine.planner import (
    FinalAnswer,
    PlanNote,
    PlanOrder,
    PlanPiece,
    PlanThought,
    PlanToken,
    WrittenAction,
    WrittenRest,
)
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage

Scripted = Mapping[str, Any] | float | str | PlanPiece | ActionError
"""A part of a turn.

A mapping is an action, whose text comes as one token before it; a number is seconds to wait on the
clock of the event loop; a text is a token; an ActionError is raised; a piece is given as it is.
"""

Turn = Sequence[Scripted]


class ScriptedPlanner:
    """A planner that writes the given turns, one an order, in order.

    `orders` holds what was asked. `open_streams` counts the turns that were begun and have neither
    ended nor been closed. An order for which no turn is left is an AssertionError: the run asked
    more often than the test meant it to.
    """

    estimate: Callable[[PlanOrder], Usage]

    def __init__(
        self,
        turns: Iterable[Turn] | Callable[[PlanOrder], Turn],
        *,
        name: str = "scripted",
        estimate: Usage | Callable[[PlanOrder], Usage] | None = None,
    ) -> None:
        """`turns` may also be a function that makes a turn from its order.

        `estimate` is what each turn, or that of an order, uses at most; without it nothing is told.
        """
        if isinstance(estimate, Usage):
            self.estimate = lambda _: estimate
        elif estimate is not None:
            self.estimate = estimate
        self._turns = None if callable(turns) else iter(turns)
        self._make = turns if callable(turns) else None
        self._name = name
        self.orders: list[PlanOrder] = []
        self.open_streams = 0

    @property
    def name(self) -> str:
        """What the model is called in events and reports."""
        return self._name

    async def write(self, order: PlanOrder) -> AsyncGenerator[PlanPiece]:
        """The pieces of the next turn."""
        self.orders.append(order)
        turn = self._next(order)
        self.open_streams += 1
        try:
            await anyio.lowlevel.checkpoint()
            for part in turn:
                if isinstance(part, int | float):
                    await anyio.sleep(part)
                    continue
                for piece in _pieces(part):
                    yield piece
        finally:
            self.open_streams -= 1

    def _next(self, order: PlanOrder) -> Turn:
        if self._make is not None:
            return self._make(order)
        assert self._turns is not None, "a script is a function or turns"
        turn = next(self._turns, None)
        if turn is None:
            message = f"order {len(self.orders)}: no turn is left"
            raise AssertionError(message)
        return turn


def _pieces(part: Mapping[str, Any] | str | PlanPiece | ActionError) -> Iterable[PlanPiece]:
    match part:
        case ActionError():
            raise part
        case str():
            return (PlanToken(part),)
        case WrittenAction() | WrittenRest() | FinalAnswer():
            return (part,)
        case PlanToken() | PlanThought() | PlanNote() | Usage():
            return (part,)
        case _:
            text = msgspec.json.encode(part).decode()
            return (PlanToken(text), WrittenAction(part, text))
