"""The graph of a plan: actions by number in declaration order, edges by kind.

Edges of kind `depends_on` and `data` come from what is written; `barrier` edges are added by
`cortex_cli.plan.barriers`. Two actions have at most one edge: the first kind in that order wins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cortex_cli.kinds import EdgeKind
from cortex_cli.plan.traits import NO_ALIASES, Traits, traits_of
from cortex_cli.protocol.action import Action

_RANK = {EdgeKind.DEPENDS_ON: 0, EdgeKind.DATA: 1, EdgeKind.BARRIER: 2}


@dataclass(frozen=True, slots=True)
class Edge:
    """`target` comes after `source`, both action numbers."""

    source: int
    target: int
    kind: EdgeKind


class Graph:
    """Actions and what they wait for.

    `parents[i]` maps the number of each action that `i` waits for to the kind of the edge;
    `children[i]` lists the numbers that wait for `i`. Both are in the order of insertion.
    `aliases[i]` says under which key of the context `i` finds what it calls otherwise.
    """

    __slots__ = ("_traits", "actions", "aliases", "children", "index", "parents")

    def __init__(self, actions: Sequence[Action]) -> None:
        """A graph without edges; of two actions with one id, `index` keeps the first."""
        self.actions = tuple(actions)
        self.index: dict[str, int] = {}
        for number, action in enumerate(self.actions):
            self.index.setdefault(action.id, number)
        self.parents: list[dict[int, EdgeKind]] = [{} for _ in self.actions]
        self.children: list[list[int]] = [[] for _ in self.actions]
        self._traits: tuple[Traits, ...] = ()
        self.aliases: dict[int, dict[str, str]] = {}

    def __len__(self) -> int:
        """How many actions there are."""
        return len(self.actions)

    @property
    def traits(self) -> tuple[Traits, ...]:
        """The traits of the actions, found out when they are first asked for."""
        if not self._traits:
            self._traits = tuple(
                traits_of(action, self.aliases.get(number, NO_ALIASES))
                for number, action in enumerate(self.actions)
            )
        return self._traits

    def add(self, source: int, target: int, kind: EdgeKind) -> None:
        """Add an edge; an edge of a weaker kind between the two is replaced."""
        known = self.parents[target].get(source)
        if known is None:
            self.children[source].append(target)
        elif _RANK[known] <= _RANK[kind]:
            return
        self.parents[target][source] = kind

    def edges(self) -> Iterator[Edge]:
        """All edges, by target, then in the order of insertion."""
        for target, parents in enumerate(self.parents):
            for source, kind in parents.items():
                yield Edge(source, target, kind)

    def order(self) -> list[int]:
        """Numbers in an order that respects all edges, by declaration among equals.

        What lies on a cycle, or behind one, is left out.
        """
        waiting = [len(parents) for parents in self.parents]
        order = [number for number, count in enumerate(waiting) if count == 0]
        for number in order:
            for child in self.children[number]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    order.append(child)
        return order

    def cycle(self) -> list[int] | None:
        """The numbers of one cycle, each followed by what waits for it, or None."""
        ordered = set(self.order())
        stuck = next((i for i in range(len(self.actions)) if i not in ordered), None)
        if stuck is None:
            return None
        # Every stuck action has a stuck parent, so walking up must come round.
        seen: dict[int, int] = {}
        walk: list[int] = []
        number = stuck
        while number not in seen:
            seen[number] = len(walk)
            walk.append(number)
            number = next(parent for parent in self.parents[number] if parent not in ordered)
        return walk[seen[number] :][::-1]

    def waves(self) -> list[int]:
        """The wave of each action, from 1: one more than the deepest that it waits for."""
        waves = [1] * len(self.actions)
        for number in self.order():
            for parent in self.parents[number]:
                waves[number] = max(waves[number], waves[parent] + 1)
        return waves
