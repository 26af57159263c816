"""Cycles of a directed graph."""

from collections.abc import Iterator, Mapping


def find_cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that can all reach each other, each sorted, the largest group first.

    Kosaraju's algorithm: order the nodes by when a depth-first walk leaves them, then walk the
    turned graph in the opposite order; what one walk reaches is one group. Iterative, so that no
    chain of imports is too long for it.
    """
    turned: dict[str, set[str]] = {node: set() for node in graph}
    for node, targets in graph.items():
        for target in targets:
            turned[target].add(node)
    left: set[str] = set()
    order = [node for start in sorted(graph) for node in _leaving(start, graph, left)]
    reached: set[str] = set()
    groups = [sorted(_leaving(node, turned, reached)) for node in reversed(order)]
    return sorted((group for group in groups if len(group) > 1), key=lambda g: (-len(g), g))


def _leaving(start: str, graph: Mapping[str, set[str]], seen: set[str]) -> Iterator[str]:
    """The unseen nodes that can be reached from `start`, in the order the walk leaves them."""
    if start in seen:
        return
    seen.add(start)
    path = [(start, iter(sorted(graph[start])))]
    while path:
        node, targets = path[-1]
        target = next((target for target in targets if target not in seen), None)
        if target is None:
            path.pop()
            yield node
        else:
            seen.add(target)
            path.append((target, iter(sorted(graph[target]))))
