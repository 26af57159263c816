"""What a view may know of a plan: waves, estimates, slack, the critical path and totals.

The structs are the wire form of `cortex plan --json` and of the event `plan_generated`: field
for field, with `source` and `target` of an edge written `from` and `to`. All times are seconds.
"""

from typing import Any

import msgspec

from cortex_cli.errors import Problem
from cortex_cli.kinds import ActionMode, ActionType, EdgeKind


class PlannedAction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One action as planned; `start_seconds` and `end_seconds` are on the simulated clock.

    `may_call`: what the model of an llm action may call; left out where that is nothing.
    """

    id: str
    name: str
    type: ActionType
    mode: ActionMode
    target: str | None
    wave: int
    estimate_seconds: float
    estimate_source: str
    start_seconds: float
    end_seconds: float
    slack_seconds: float
    on_critical_path: bool
    estimate_p90_seconds: float | msgspec.UnsetType = msgspec.UNSET
    may_call: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class PlannedEdge(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, rename={"source": "from", "target": "to"}
):
    """`target` comes after `source`, both ids."""

    source: str
    target: str
    kind: EdgeKind


class PlanCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many actions there are of each type and mode; what does not occur is left out."""

    by_type: dict[str, int] = {}
    by_mode: dict[str, int] = {}


class PlanEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of a plan (PROTOCOL 6); `speedup` is sequential over scheduled, 1 for no work.

    `p90_seconds`: the scheduled time if each action took as long as nine of ten past ones did;
    left out where no past run tells.
    """

    sequential_seconds: float = 0.0
    wave_seconds: float = 0.0
    scheduled_seconds: float = 0.0
    lower_bound_seconds: float = 0.0
    speedup: float = 1.0
    max_parallel: int = 1
    p90_seconds: float | msgspec.UnsetType = msgspec.UNSET


class PlanReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `cortex plan` says of a plan."""

    agent: str
    actions: tuple[PlannedAction, ...] = ()
    edges: tuple[PlannedEdge, ...] = ()
    waves: tuple[tuple[str, ...], ...] = ()
    counts: PlanCounts = PlanCounts()
    estimate: PlanEstimate = PlanEstimate()
    critical_path: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class AtSlots(msgspec.Struct, frozen=True, kw_only=True):
    """How long the plan takes in a number of slots; `speedup` is sequential over scheduled."""

    slots: int
    scheduled_seconds: float
    speedup: float


class Shortening(msgspec.Struct, frozen=True, kw_only=True):
    """How long the plan would take if one action were otherwise.

    Twice as fast; taking no time, as if its output were cached; without the barrier of its `sync`
    mode, None where it holds nothing back.
    """

    id: str
    twice_as_fast_seconds: float
    cached_seconds: float
    without_barrier_seconds: float | None

    @property
    def least_seconds(self) -> float:
        """The shortest of the three."""
        free = self.without_barrier_seconds
        cached = min(self.twice_as_fast_seconds, self.cached_seconds)
        return cached if free is None else min(cached, free)


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """What other slots and other actions would make of a plan.

    `slots` and `scheduled_seconds` are those of the plan as it is. `curve` goes from 1 slot to as
    many as are of use. `knee` is the fewest slots that come within 10 % of the shortest time.
    `shortenings` are those that shorten the plan most, the best first; empty if none does.
    """

    slots: int
    scheduled_seconds: float
    curve: tuple[AtSlots, ...]
    knee: int
    shortenings: tuple[Shortening, ...] = ()


class ListedTool(msgspec.Struct, frozen=True, kw_only=True):
    """What an action can call: a tool, an operation of a relic, or what is built in.

    `name` is what the action says: its target, behind a relic's name and a blank the operation.
    `type` is that of a tool's implementation, else `relic` or `built-in`; `origin` is the file or
    the server that it comes from. `parameters` is their JSON Schema; None: they are not known,
    and `problem` says why.
    """

    name: str
    type: str
    origin: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    problem: str | None = None
