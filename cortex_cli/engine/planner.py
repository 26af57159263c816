"""What the engine asks of whoever writes plans while they run: a model, as a rule."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cortex_cli.engine.allowance import Allowance
from cortex_cli.events import Usage
from cortex_cli.protocol.plan_text import FinalAnswer, WrittenAction, WrittenRest


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An action of this run that has ended, oldest first; `iteration` is the one it was made in.

    `action` is the action as it was written; `output` is None unless `status` is `completed`, and
    `error` unless it is `failed`. Secrets are masked.
    """

    iteration: int
    action: Mapping[str, Any]
    status: str
    output: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A part of the plan that does not run: its text as it was written, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOrder:
    """What is to be planned.

    `outcomes` are those of all iterations so far. `pending` are the actions of this iteration that
    have not ended, as they were written: a repair turn adds to them. `refused` is what a repair
    turn is to put right; it is empty in the first turn of an iteration. `broken` is what a patch is
    to replace: actions that have failed, and those that were skipped because of them; it is empty
    in every other turn. `feeds` are the values of the context feeds by name. `allowance` is there
    where the run has a budget and the planner tells its `estimate`; that much is reserved for the
    first call to a model.
    """

    agent_name: str
    goal: str
    iteration: int
    max_iterations: int
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    feeds: Mapping[str, Any] = field(default_factory=dict[str, Any])
    outcomes: tuple[Outcome, ...] = ()
    pending: tuple[Mapping[str, Any], ...] = ()
    broken: tuple[Outcome, ...] = ()
    refused: tuple[Refused, ...] = ()
    allowance: Allowance | None = None


@dataclass(frozen=True, slots=True)
class PlanToken:
    """A piece of the model's text, as it arrives."""

    text: str


@dataclass(frozen=True, slots=True)
class PlanThought:
    """A piece of the reasoning that led to the plan."""

    text: str


@dataclass(frozen=True, slots=True)
class PlanNote:
    """What the user should know of how the plan comes about; a warning."""

    text: str


# A final answer is the last piece but the usage.
PlanPiece = WrittenAction | WrittenRest | PlanToken | PlanThought | PlanNote | FinalAnswer | Usage


class Planner(Protocol):
    """Writes plans, an action at a time.

    One that asks models may also have `def estimate(order) -> Usage`: what its first call to a
    model uses at most, with `cost_usd` None where no price is known; ActionError where it can't be
    told. In a run with a budget it keeps to that, and asks `order.allowance` before each further
    call of the turn. What the turn of one without it uses is counted once it is known.
    """

    @property
    def name(self) -> str:
        """The model, as events and reports call it."""
        ...

    def write(self, order: PlanOrder) -> AsyncIterator[PlanPiece]:
        """The pieces of a plan as they are written, an action as soon as its text is complete.

        ActionError if no model answers. The caller closes the iterator, early if it is cancelled.
        Where neither an action nor a final answer comes, the plan is empty.
        """
        ...
