"""The search for an order of actions that makes a plan shorter, and the proof that none can.

A run starts what is ready as soon as a slot is free, and takes what is first in an order. The
longest remaining path first is nearly always good. Better orders are found by building schedules
to and fro in time: what ends last in one comes first in the next, which closes gaps (Valls,
Ballestín and Quintanilla call it justification, EJOR 165, 2005); a little noise keeps that moving.
docs/scheduling.md has the figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, nextafter

from cortex_cli.kinds import ActionMode
from cortex_cli.plan.bounds import reaches, shared_bound
from cortex_cli.plan.critical_path import Timing, timing
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.hunt import Hunt
from cortex_cli.plan.jobs import jobs_of
from cortex_cli.plan.simulate import Schedule, simulate
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.resources import Resource

_MOST_PASSES = 50

# A pass takes 3 us an action; the bound and one more simulation as long as three passes.
_BUDGET = 10_000
_OVERHEAD = 3
_SEED = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The best order that was found, and what a run makes of it; all times are in seconds.

    `tails`: the priority of each action, with which the scheduler follows the order; about the
    time from its start to the end of the plan. `schedule`: what the scheduler makes of it,
    `makespan` long. `timing`: of what is expected to run. `bound`: no schedule is shorter.
    `shortest`: the length of the shortest schedule that was met, also if it leaves a slot idle
    while something is ready, which no run does. `passes_used`: how many orders were tried after
    the first.
    """

    tails: Sequence[float]
    schedule: Schedule
    timing: Timing
    makespan: float
    bound: float
    shortest: float
    passes_used: int

    @property
    def proved(self) -> bool:
        """Whether no other order can be shorter."""
        return reaches(self.makespan, self.bound)


def default_passes(size: int) -> int:
    """How many orders to try unasked in a plan of so many actions.

    With the bound they stand for about 50 ms of work, and are 50 at most; from 3,334 actions on
    none is tried.
    """
    return max(0, min(_MOST_PASSES, _BUDGET // max(1, size) - _OVERHEAD))


def search(
    graph: Graph,
    durations: Sequence[float],
    slots: int,
    *,
    passes: int,
    shared: Mapping[str, Resource] | None = None,
) -> Found:
    """Look for a short order of a plan, which must be free of cycles, in so many passes at most.

    `durations` are in seconds. A pass tries one order, in O((V + E) log V) and a little more;
    the search ends early where the bound is reached. The same arguments give the same order.

    `shared` holds pools and rates; the passes know nothing of them, but what counts in the end
    does. The `priority` of actions comes before any order, as in a run. Where an action starts after the
    first of several, the search holds it to the one that is first in the plain order. In any
    case what counts is what the scheduler itself makes of an order, on a simulated clock, and
    that of the longest remaining path is kept unless another is shorter.
    """
    follow = partial(_follow, graph, durations, slots, shared or {})
    plain = follow(timing(graph, durations).tails)
    ran = plain.schedule.ran
    facts = timing(graph, [s if runs else 0.0 for s, runs in zip(durations, ran, strict=True)])
    hunt = Hunt(jobs_of(graph, durations, plain.schedule, slots), facts, plain.makespan, _SEED)
    floor = shared_bound(graph, durations, plain.schedule, shared or {})
    hunt.run(plain.schedule.ends, 0 if reaches(plain.makespan, floor) else passes)
    best = plain
    if sequence := hunt.sequence():
        tails = _tails(graph, plain.tails, sequence, hunt.makespan)
        best = min(plain, follow(tails), key=lambda its: its.makespan)
    return Found(
        tails=best.tails,
        schedule=best.schedule,
        timing=facts,
        makespan=best.makespan,
        bound=min(best.makespan, max(floor, hunt.bound)),
        shortest=min(best.makespan, hunt.shortest),
        passes_used=hunt.passes,
    )


def makespan(graph: Graph, schedule: Schedule) -> float:
    """When the last action that anything waits for ends, in seconds."""
    pairs = zip(graph.actions, schedule.ends, strict=True)
    return max((end for action, end in pairs if _delays(action)), default=0.0)


@dataclass(frozen=True, slots=True)
class _Followed:
    tails: Sequence[float]
    schedule: Schedule
    makespan: float


def _follow(
    graph: Graph,
    durations: Sequence[float],
    slots: int,
    shared: Mapping[str, Resource],
    tails: Sequence[float],
) -> _Followed:
    schedule = simulate(graph, durations, tails, slots, shared)
    return _Followed(tails, schedule, makespan(graph, schedule))


def _tails(
    graph: Graph, plain: Sequence[float], sequence: Sequence[tuple[int, float]], length: float
) -> list[float]:
    """Falling along the sequence of action and start; what is in the background keeps its own."""
    tails = list(plain)
    tail = inf
    for number, start in sequence:
        if _delays(graph.actions[number]):
            # Of actions that start together the scheduler would take the lower number first.
            tail = tails[number] = min(length - start, nextafter(tail, -inf))
    return tails


def _delays(action: Action) -> bool:
    return action.mode is not ActionMode.FIRE_AND_FORGET
