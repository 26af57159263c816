"""What a search for better orders sees of a plan: jobs, who waits for whom, and the slots."""

from collections.abc import Sequence
from dataclasses import dataclass

from cortex_cli.kinds import ActionMode, EdgeKind
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.simulate import Schedule


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of time: `after[i]` wait for job `i`, which itself waits for `waits[i]` jobs."""

    after: Sequence[Sequence[int]]
    waits: Sequence[int]


@dataclass(frozen=True, slots=True)
class Jobs:
    """The actions of a plan as jobs of the same numbers; times are in seconds.

    A job that is not `in_slot` runs beside the slots, as many at once as there are. `priorities`
    is None where all are equal. `is_exact` is False if some action starts after the first of
    several: then the jobs hold it to the one that was first in a schedule.
    """

    durations: Sequence[float]
    in_slot: Sequence[bool]
    slots: int
    forward: Side
    backward: Side
    priorities: Sequence[int] | None
    is_exact: bool

    def work(self) -> float:
        """The seconds that all jobs together spend in slots."""
        pairs = zip(self.durations, self.in_slot, strict=True)
        return sum(seconds for seconds, in_slot in pairs if in_slot)


def jobs_of(graph: Graph, durations: Sequence[float], schedule: Schedule, slots: int) -> Jobs:
    """The jobs of a plan that is free of cycles, after one schedule of it.

    Agents and workflows are beside the slots. What is fire-and-forget delays nothing and what
    the schedule skipped takes no time, so both are empty; the first wait for nothing at all.
    """
    actions = graph.actions
    counts = [
        runs and action.mode is not ActionMode.FIRE_AND_FORGET
        for action, runs in zip(actions, schedule.ran, strict=True)
    ]
    before = [_waited_for(graph, number, schedule) for number in range(len(graph))]
    after: list[list[int]] = [[] for _ in actions]
    for number, parents in enumerate(before):
        for parent in parents:
            after[parent].append(number)
    waits, awaited = [len(parents) for parents in before], [len(children) for children in after]
    priorities = [action.priority for action in actions]
    return Jobs(
        durations=[seconds if c else 0.0 for seconds, c in zip(durations, counts, strict=True)],
        in_slot=[c and action.is_leaf for action, c in zip(actions, counts, strict=True)],
        slots=slots,
        forward=Side(after, waits),
        backward=Side(before, awaited),
        priorities=priorities if len(set(priorities)) > 1 else None,
        is_exact=all(len(_alternatives(graph, n)) < 2 for n in range(len(graph))),
    )


def _alternatives(graph: Graph, number: int) -> list[int]:
    """The actions of which the first to complete is enough for this one."""
    if graph.actions[number].wait_for_all:
        return []
    parents = graph.parents[number].items()
    return [parent for parent, kind in parents if kind is EdgeKind.DEPENDS_ON]


def _waited_for(graph: Graph, number: int, schedule: Schedule) -> list[int]:
    if graph.actions[number].mode is ActionMode.FIRE_AND_FORGET:
        return []
    parents = graph.parents[number]
    alternatives = [p for p in _alternatives(graph, number) if schedule.ran[p]]
    if not (alternatives and schedule.ran[number]):
        return list(parents)
    first = min(alternatives, key=lambda parent: schedule.ends[parent])
    certain = [p for p, kind in parents.items() if kind is not EdgeKind.DEPENDS_ON]
    return [*certain, first]
