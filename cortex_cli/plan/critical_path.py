"""Earliest starts, remaining paths and the critical path, as if there were slots without end."""

from collections.abc import Sequence
from dataclasses import dataclass

from cortex_cli.kinds import ActionMode, EdgeKind
from cortex_cli.plan.graph import Graph


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds, by action number.

    `heads[i]`: the earliest start. `tails[i]`: the longest path from the start of the action to
    the end of the plan, its own duration included. `length`: the critical path's. `path`: the
    numbers on it, first to last. Fire-and-forget actions delay nothing and are on no path.
    """

    heads: list[float]
    tails: list[float]
    length: float
    path: list[int]

    def slack(self, number: int) -> float:
        """By how many seconds the action may start late without making the plan longer."""
        return max(0.0, self.length - self.heads[number] - self.tails[number])


def timing(graph: Graph, durations: Sequence[float]) -> Timing:
    """Walk the graph, which must be free of cycles, once forward and once backward.

    An action with `wait_for_all: false` starts after the first of its `depends_on`.
    """
    size = len(graph)
    heads, ends = [0.0] * size, [0.0] * size
    binding: list[int | None] = [None] * size
    order = graph.order()
    for number in order:
        for parent in _held_by(graph, number, ends):
            if binding[number] is None or ends[parent] > heads[number]:
                heads[number], binding[number] = ends[parent], parent
        ends[number] = heads[number] + durations[number]
    tails = _tails(graph, durations, order, ends)
    counted = [number for number in order if not _is_background(graph, number)]
    last = max(counted, key=lambda number: ends[number], default=None)
    path: list[int] = []
    length = 0.0 if last is None else ends[last]
    while last is not None:
        path.append(last)
        last = binding[last]
    return Timing(heads, tails, length, path[::-1])


def _held_by(graph: Graph, number: int, ends: Sequence[float]) -> list[int]:
    """The parents that an action really waits for: of alternatives only the first to end."""
    parents = graph.parents[number]
    if graph.actions[number].wait_for_all:
        return list(parents)
    soft = [parent for parent, kind in parents.items() if kind is EdgeKind.DEPENDS_ON]
    held = [parent for parent, kind in parents.items() if kind is not EdgeKind.DEPENDS_ON]
    return [*held, min(soft, key=lambda parent: ends[parent])] if soft else held


def _tails(
    graph: Graph, durations: Sequence[float], order: Sequence[int], ends: Sequence[float]
) -> list[float]:
    tails = [0.0] * len(graph)
    for number in reversed(order):
        if not _is_background(graph, number):
            tails[number] += durations[number]
        for parent in _held_by(graph, number, ends):
            tails[parent] = max(tails[parent], tails[number])
    return tails


def _is_background(graph: Graph, number: int) -> bool:
    return graph.actions[number].mode is ActionMode.FIRE_AND_FORGET
