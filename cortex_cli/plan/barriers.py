"""Barrier edges: what a `sync` action holds back (PROTOCOL 2.1)."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from heapq import heapify, heappop, heappush
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
    # Any two sync actions end up one before the other, so they are a chain: a barrier is needed
    # only from the last link that holds an action back, and only where no parent implies it.
    links = {number: link for link, number in enumerate(_chain(graph, sync))}
    order = graph.order()
    held_by = _held_by(graph, links, order)
    behind = [-1] * len(graph)
    barriers: dict[int, int] = {}
    chain = list(links)
    for number in order:
        implied = max((behind[parent] for parent in graph.parents[number]), default=-1)
        if held_by[number] > implied:
            barriers[number] = chain[held_by[number]]
        behind[number] = links.get(number, max(implied, held_by[number]))
    for number, barrier in sorted(barriers.items()):
        graph.add(barrier, number, EdgeKind.BARRIER)


def _chain(graph: Graph, sync: list[int]) -> list[int]:
    """The sync actions in the order that they end up in.

    The first one declared comes as early as what it depends on allows, then the second one, and
    so on: which is to choose, from the end, the last one declared that nothing left waits for.
    """
    size = len(graph)
    is_sync = set(sync)
    waiting = [len(children) for children in graph.children]
    # Actions that are not sync come first, as if declared later: they take no link of the chain.
    ranks = [number if number in is_sync else number + size for number in range(size)]
    ready = [-ranks[number] for number, count in enumerate(waiting) if count == 0]
    heapify(ready)
    chain: list[int] = []
    while ready:
        number = -heappop(ready) % size
        if number in is_sync:
            chain.append(number)
        for parent in graph.parents[number]:
            waiting[parent] -= 1
            if waiting[parent] == 0:
                heappush(ready, -ranks[parent])
    return chain[::-1]


def _held_by(graph: Graph, links: Mapping[int, int], order: list[int]) -> list[int]:
    """For each action the last link of the chain that is to hold it back, -1 if none is.

    A link holds back what is declared after it, but for what leads to it.
    """
    leads_to = [len(links)] * len(graph)
    for number in reversed(order):
        nearest = min((leads_to[child] for child in graph.children[number]), default=len(links))
        leads_to[number] = links.get(number, nearest)
    declared: list[int] = []
    held_by: list[int] = []
    for number, nearest in enumerate(leads_to):
        place = bisect_left(declared, nearest)
        held_by.append(declared[place - 1] if place else -1)
        if number in links:
            insort(declared, links[number])
    return held_by
