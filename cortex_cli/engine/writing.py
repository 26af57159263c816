"""A model that writes a plan, as a job of the run's workers: its pieces become events and actions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio.lowlevel

from cortex_cli.engine.growing import planning_of
from cortex_cli.engine.job import Job, Result
from cortex_cli.engine.ledger import Ledger
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.masked_reporter import MaskedReporter
from cortex_cli.engine.planner import (
    FinalAnswer,
    Planner,
    PlanNote,
    PlanOrder,
    PlanThought,
    PlanToken,
    WrittenAction,
    WrittenRest,
)
from cortex_cli.engine.planning import Planning
from cortex_cli.engine.ports import ActionCall
from cortex_cli.engine.reporter import ActionReporter, add_usage
from cortex_cli.events import Usage
from cortex_cli.kinds import ActionType
from cortex_cli.protocol.action import Action

Piece = WrittenAction | WrittenRest | FinalAnswer
"""What a plan consists of, and what is no part of it."""

_WRITING = Action(id="plan", type=ActionType.LLM)


@dataclass(slots=True)
class _Voice:
    """What a model says and uses while it plans is said of its run."""

    planning: Planning
    ledger: Ledger
    spend: Callable[[Usage], None]

    def emit(self, kind: type[Any], data: Any) -> None:
        """Publish an event about the run."""
        self.ledger.emit(kind, data)

    def add_usage(self, usage: Usage) -> None:
        """Count what planning has used, for the run and for its plan."""
        self.ledger.usage = add_usage(self.ledger.usage, usage)
        self.spend(usage)
        self.planning.usage = add_usage(self.planning.usage, usage)
        self.planning.parts.usage = add_usage(self.planning.parts.usage, usage)


@dataclass(frozen=True, slots=True)
class Writing:
    """The handler of one turn."""

    planner: Planner
    order: PlanOrder
    take: Callable[[Piece], None]

    async def run(self, call: ActionCall) -> None:
        """Take the pieces as they come, and close their stream however that ends."""
        name, report = self.planner.name, call.report
        pieces = self.planner.write(self.order)
        try:
            async for piece in pieces:
                match piece:
                    case PlanToken(text):
                        report.token(text, name)
                    case PlanThought(text):
                        report.thought(text)
                    case PlanNote(text):
                        report.warn(text)
                    case Usage():
                        report.usage(piece)
                    case _:
                        self.take(piece)
                        # What can start by now does, however fast the rest is written.
                        await anyio.lowlevel.checkpoint()
        finally:
            closer = getattr(pieces, "aclose", None)
            if closer is not None:
                with anyio.CancelScope(shield=True):
                    await closer()


def writing(
    loop: Loop,
    order: PlanOrder,
    take: Callable[[Piece], None],
    spend: Callable[[Usage], None],
    on_end: Callable[[Result], None],
) -> Job:
    """The job of one turn: `take` gets the parts of the plan, `on_end` how the turn has ended.

    `spend` takes what it has used from the budgets.
    """
    planning, ledger = planning_of(loop), loop.ledger
    reporter = ActionReporter(ledger.spec.protocol, _Voice(planning, ledger, spend))
    masker = ledger.bus.masker
    report = reporter if masker is None else MaskedReporter(reporter, masker)

    def end(result: Result) -> None:
        report.close()
        on_end(result)

    call = ActionCall(
        action=_WRITING,
        parameters={},
        execution_id=ledger.bus.execution_id,
        path=ledger.stamp.path,
        masker=masker,
        report=report,
    )
    return Job(Writing(planning.planner, order, take), call, end)
