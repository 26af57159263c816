"""The report of a plan: what `cortex plan` shows and the event `plan_generated` carries."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from cortex_cli.errors import Problem
from cortex_cli.kinds import ActionMode
from cortex_cli.plan.bounds import reaches
from cortex_cli.plan.critical_path import Timing
from cortex_cli.plan.estimate import Estimate
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.named_tools import named_tools
from cortex_cli.plan.search import default_passes, makespan, search
from cortex_cli.plan.simulate import Schedule, simulate
from cortex_cli.plan.traits import Traits
from cortex_cli.protocol.resources import Resource
from cortex_cli.report import PlanCounts, PlanEstimate, PlannedAction, PlannedEdge, PlanReport


@dataclass(frozen=True, slots=True)
class Outlook:
    """A plan worked out: estimates, the schedule they lead to, and what that means.

    `tails` is the priority of each action in the run: about the seconds from its start to the
    end of the plan. No order can end it before `bound` seconds; `passes` were tried. `timing`
    leaves out what is not expected to run; `scheduled_seconds` is when the last action that
    anything waits for ends. `report` is what can be said of the plan by itself, and
    `traits` what its actions are; they are made with the outlook, so that a run begins at once.
    """

    graph: Graph
    slots: int
    estimates: Sequence[Estimate]
    tails: Sequence[float]
    schedule: Schedule
    timing: Timing
    bound: float
    passes: int
    shared: Mapping[str, Resource] = field(default_factory=dict[str, Resource])
    report: PlanReport = field(init=False, repr=False)
    traits: tuple[Traits, ...] = field(init=False, repr=False)
    scheduled_seconds: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scheduled_seconds", makespan(self.graph, self.schedule))
        object.__setattr__(self, "report", _report(self))
        object.__setattr__(self, "traits", self.graph.traits)

    @property
    def proved(self) -> bool:
        """Whether no order is quicker than the one of `tails`."""
        return reaches(self.scheduled_seconds, self.bound)


def work_out(
    graph: Graph,
    estimates: Sequence[Estimate],
    slots: int,
    *,
    passes: int | None = None,
    shared: Mapping[str, Resource] | None = None,
) -> Outlook:
    """Find an order for a plan, which must be free of cycles, and simulate it in so many slots.

    `shared` holds the pools and rates of the run.
    At most `passes` orders are tried after the first; by default as many as take about 50 ms.
    """
    durations = [known.seconds for known in estimates]
    most = default_passes(len(graph)) if passes is None else passes
    found = search(graph, durations, slots, passes=most, shared=shared)
    return Outlook(
        graph=graph,
        slots=slots,
        estimates=estimates,
        tails=found.tails,
        schedule=found.schedule,
        timing=found.timing,
        bound=found.bound,
        passes=found.passes_used,
        shared=shared or {},
    )


def describe(agent: str, outlook: Outlook, problems: Sequence[Problem] = ()) -> PlanReport:
    """The report of a plan that has been worked out."""
    return replace(outlook.report, agent=agent, problems=tuple(problems))


def _report(outlook: Outlook) -> PlanReport:
    graph = outlook.graph
    waves = graph.waves()
    by_wave: list[list[str]] = [[] for _ in range(max(waves, default=0))]
    for action, wave in zip(graph.actions, waves, strict=True):
        by_wave[wave - 1].append(action.id)
    return PlanReport(
        agent="",
        actions=_planned_actions(outlook, waves),
        edges=_planned_edges(graph),
        waves=tuple(map(tuple, by_wave)),
        counts=PlanCounts(
            by_type=dict(Counter(action.type.value for action in graph.actions)),
            by_mode=dict(Counter(action.mode.value for action in graph.actions)),
        ),
        estimate=_totals(outlook, waves),
        critical_path=tuple(graph.actions[number].id for number in outlook.timing.path),
    )


def _planned_actions(outlook: Outlook, waves: Sequence[int]) -> tuple[PlannedAction, ...]:
    on_path = set(outlook.timing.path)
    schedule = outlook.schedule
    return tuple(
        PlannedAction(
            id=action.id,
            name=action.name,
            type=action.type,
            mode=action.mode,
            target=action.target,
            wave=waves[number],
            estimate_seconds=outlook.estimates[number].seconds,
            estimate_source=outlook.estimates[number].source,
            start_seconds=schedule.starts[number],
            end_seconds=schedule.ends[number],
            slack_seconds=outlook.timing.slack(number),
            on_critical_path=number in on_path,
            estimate_p90_seconds=_or_unset(outlook.estimates[number].p90),
            may_call=named_tools(action) or msgspec.UNSET,
        )
        for number, action in enumerate(outlook.graph.actions)
    )


def _planned_edges(graph: Graph) -> tuple[PlannedEdge, ...]:
    ids = [action.id for action in graph.actions]
    return tuple(
        PlannedEdge(source=ids[source], target=ids[target], kind=kind)
        for target, parents in enumerate(graph.parents)
        for source, kind in parents.items()
    )


def _totals(outlook: Outlook, waves: Sequence[int]) -> PlanEstimate:
    graph, schedule = outlook.graph, outlook.schedule
    spent = [end - start for start, end in zip(schedule.starts, schedule.ends, strict=True)]
    slowest: dict[int, float] = {}
    for number in _counted(graph):
        slowest[waves[number]] = max(slowest.get(waves[number], 0.0), spent[number])
    sequential = sum(spent)
    scheduled = outlook.scheduled_seconds
    return PlanEstimate(
        sequential_seconds=sequential,
        wave_seconds=sum(slowest.values()),
        scheduled_seconds=scheduled,
        lower_bound_seconds=outlook.bound,
        speedup=sequential / scheduled if scheduled else 1.0,
        max_parallel=outlook.slots,
        p90_seconds=_or_unset(_p90(outlook)),
    )


def _or_unset(seconds: float | None) -> float | msgspec.UnsetType:
    return msgspec.UNSET if seconds is None else seconds


def _p90(outlook: Outlook) -> float | None:
    """How long the plan takes, in its order, if what is known of takes as long as it may well."""
    if all(known.p90 is None for known in outlook.estimates):
        return None
    graph = outlook.graph
    durations = [k.seconds if k.p90 is None else k.p90 for k in outlook.estimates]
    schedule = simulate(graph, durations, outlook.tails, outlook.slots, outlook.shared)
    return makespan(graph, schedule)


def _counted(graph: Graph) -> list[int]:
    """The actions that the plan's duration depends on: all but fire-and-forget."""
    return [
        number
        for number, action in enumerate(graph.actions)
        if action.mode is not ActionMode.FIRE_AND_FORGET
    ]
