"""The plans that a model has written in an earlier part of a run, folded from its events."""

from dataclasses import dataclass, field
from typing import Any

from cortex_cli.events import PlanExtended, PlanGenerated, PlanPatched
from cortex_cli.report import PlannedAction

Written = tuple[str, dict[str, Any]]
"""The id of an action, and how it was written."""


@dataclass(slots=True)
class PastPlan:
    """The plan of one iteration.

    `patches` has the place of the first action of each, and the ids of what it has replaced.
    `is_complete`: the plan is written, and so is the last of these.
    """

    iteration: int
    actions: list[Written] = field(default_factory=list[Written])
    patches: list[tuple[int, set[str]]] = field(default_factory=list[tuple[int, set[str]]])
    is_complete: bool = False
    answer: Any = None


@dataclass(slots=True)
class PastPlans:
    """The plans of one loop: the last, which may not be complete, and those before it."""

    last: PastPlan
    earlier: list[PastPlan] = field(default_factory=list[PastPlan])

    def begin(self, iteration: int) -> None:
        """An iteration begins, or goes on in a further part of the run."""
        if iteration != self.last.iteration:
            self.earlier.append(self.last)
            self.last = PastPlan(iteration)

    def fold(self, event: PlanGenerated | PlanExtended | PlanPatched) -> None:
        """Take in what has become of the plan; what joins it by itself is no part of it."""
        last = self.last
        match event:
            case PlanGenerated(data=data):
                if data.written or not last.patches:
                    # Of a plan that is written down only the patches are a model's.
                    last.actions = _pairs(data.report.actions, data.written)
                last.is_complete, last.answer = data.complete, data.answer
            case PlanExtended(data=data):
                last.actions += _pairs(data.actions, data.written)
                if data.complete and not data.actions:
                    last.is_complete, last.answer = True, data.answer
            case PlanPatched(data=data):
                last.is_complete = False
                if data.replaced:
                    last.patches.append((len(last.actions), set(data.replaced)))
                last.actions += _pairs(data.actions, data.written)


def _pairs(actions: tuple[PlannedAction, ...], written: list[dict[str, Any]]) -> list[Written]:
    return [(one.id, value) for one, value in zip(actions, written, strict=False)]
