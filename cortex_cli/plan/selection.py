"""Which actions of a plan are to run: `--only`, `--from`, `--skip`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cortex_cli.errors import UsageError
from cortex_cli.ids import did_you_mean
from cortex_cli.kinds import EdgeKind
from cortex_cli.plan.graph import Graph


@dataclass(frozen=True, slots=True)
class Selection:
    """Ids: `left_out` are skipped, what `taken_over` gave is needed from an earlier run."""

    left_out: frozenset[str] = frozenset()
    taken_over: frozenset[str] = frozenset()


def select(
    graph: Graph,
    *,
    only: Sequence[str] = (),
    start_from: Sequence[str] = (),
    skip: Sequence[str] = (),
) -> Selection:
    """What to leave out of a plan.

    `only`: run these, and all that they need. `start_from`: run these and all that comes after
    them; what they need besides is to be taken over from an earlier run. `skip`: leave these out
    in any case. Names are ids; UsageError for one that no action has.
    """
    chosen = set(range(len(graph)))
    if only:
        chosen &= reach(graph, _numbers(graph, only, "--only"), graph.parents)
    if start_from:
        chosen &= reach(graph, _numbers(graph, start_from, "--from"), graph.children)
    chosen -= set(_numbers(graph, skip, "--skip"))
    needed = set[int]()
    if start_from:
        needed = reach(graph, chosen, graph.parents) - chosen
        needed -= set(_numbers(graph, skip, "--skip"))
    ids = [action.id for action in graph.actions]
    return Selection(
        left_out=frozenset(ids[n] for n in range(len(graph)) if n not in chosen | needed),
        taken_over=frozenset(ids[n] for n in needed),
    )


def _numbers(graph: Graph, names: Sequence[str], option: str) -> list[int]:
    for name in names:
        if name not in graph.index:
            message = f"{option}: the plan has no action '{name}'"
            raise UsageError(message, hint=did_you_mean(name, graph.index))
    return [graph.index[name] for name in names]


def reach(graph: Graph, numbers: Iterable[int], neighbours: Sequence[Iterable[int]]) -> set[int]:
    """These, and what is reached from them by other edges than barriers."""
    found = set(numbers)
    pending = list(found)
    while pending:
        number = pending.pop()
        for other in neighbours[number]:
            if other not in found and _kind(graph, number, other) is not EdgeKind.BARRIER:
                found.add(other)
                pending.append(other)
    return found


def _kind(graph: Graph, one: int, other: int) -> EdgeKind:
    return graph.parents[one].get(other) or graph.parents[other][one]
