"""Barrier edges: what a `sync` action holds back (PROTOCOL 2.1)."""

from itertools import accumulate

from cortex_cli.kinds import ActionMode, EdgeKind
from cortex_cli.plan.graph import Graph


def add_barriers(graph: Graph) -> None:
    """Add the barrier edges of every `sync` action, reduced.

    A sync action holds back all actions declared after it, but for those that it depends on
    itself, over all edges so far. Only edges that no other path implies are added. The graph
    must be free of cycles, and stays so.
    """
    sync = [i for i, action in enumerate(graph.actions) if action.mode is ActionMode.SYNC]
    if not sync:
        return
    if _any_spanned(graph, sync):
        _add_any_order(graph, sync)
    else:
        _add_in_order(graph, sync)


def _any_spanned(graph: Graph, sync: list[int]) -> bool:
    """Whether some edge leads from a sync action, or from behind it, back over it or to it.

    Without such an edge no sync action depends on one that is declared after it, and all that
    depends on one is declared after it.
    """
    steps = [0] * (len(graph) + 1)
    for target, parents in enumerate(graph.parents):
        last = max(parents, default=target)
        if last > target:
            steps[target] += 1
            steps[last + 1] -= 1
    spans = list(accumulate(steps))
    return any(spans[number] for number in sync)


def _add_in_order(graph: Graph, sync: list[int]) -> None:
    # Invariant: whatever is declared after the last barrier already waits for it, and with it
    # for all earlier ones; so one edge is enough, and none where a parent lies after it.
    barrier = sync[0]
    is_sync = set(sync)
    for number in range(barrier + 1, len(graph)):
        if all(parent < barrier for parent in graph.parents[number]):
            graph.add(barrier, number, EdgeKind.BARRIER)
        if number in is_sync:
            barrier = number


def _add_any_order(graph: Graph, sync: list[int]) -> None:
    for barrier in sync:
        before = graph.ancestors(barrier)
        after = graph.descendants(barrier)
        for number in range(barrier + 1, len(graph)):
            if number not in before and number not in after:
                graph.add(barrier, number, EdgeKind.BARRIER)
    for barrier in sync:
        _drop_implied(graph, barrier)


def _drop_implied(graph: Graph, barrier: int) -> None:
    after = graph.descendants(barrier)
    for child in list(graph.children[barrier]):
        kind = graph.parents[child][barrier]
        if kind is EdgeKind.BARRIER and not after.isdisjoint(graph.parents[child]):
            graph.remove(barrier, child)
