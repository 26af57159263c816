"""Where the boxes of a layered drawing go: in which order within a layer, and in which columns.

The usual steps of a layered drawing (Sugiyama, Tagawa and Toda, 1981): an edge over several layers
gets a cell of its own in each that it passes; the cells of a layer are put in the order of what
they are connected to; then columns are chosen so that lines become straight where they can.
"""

from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cortex_cli.kinds import EdgeKind
from cortex_cli.ui.spacing import settle

GAP = 2

_SWEEPS = 8
_PASSING_WEIGHT = 6.0

Arrow: TypeAlias = tuple[str, str, EdgeKind]


@dataclass(eq=False, slots=True)
class Cell:
    """A box in a layer, or, with `name` None, a line that passes the layer. Widths are odd."""

    name: str | None
    width: int
    left: int = 0

    @property
    def center(self) -> int:
        """The middle column."""
        return self.left + self.width // 2


@dataclass(frozen=True, eq=False, slots=True)
class Hop:
    """A piece of an edge, from a layer to the next; it has a `kind` where the edge ends."""

    source: Cell
    target: Cell
    kind: EdgeKind | None


@dataclass(frozen=True, slots=True)
class Layout:
    """The cells of each layer, left to right, and the hops from each layer to the next."""

    layers: list[list[Cell]]
    hops: list[list[Hop]]


def lay_out(
    layers: Sequence[Mapping[str, int]], arrows: Iterable[Arrow], room: int
) -> Layout | None:
    """Place boxes, given by name and width for each layer, in `room` columns; None if they don't fit.

    Each arrow leads to a later layer; of several between the same boxes, the first is drawn. Boxes
    grow where as many arrows end that they need more columns.
    """
    layout = _with_passages(layers, arrows)
    if any(_packed(layer) > room for layer in layout.layers):
        return None
    _put_in_order(layout)
    _put_in_columns(layout, room)
    return layout


def _with_passages(layers: Sequence[Mapping[str, int]], arrows: Iterable[Arrow]) -> Layout:
    """Boxes wide enough for their arrows; all edges of a box that pass a layer share a cell there."""
    drawn: dict[tuple[str, str], EdgeKind] = {}
    for source, target, kind in arrows:
        drawn.setdefault((source, target), kind)
    entering = Counter(target for _, target in drawn)
    rows = [
        [Cell(name, max(width, 2 * entering[name] + 1)) for name, width in layer.items()]
        for layer in layers
    ]
    layout = Layout(rows, [[] for _ in layers])
    cells = {cell.name: (number, cell) for number, row in enumerate(rows) for cell in row}
    passages: dict[tuple[Cell, int], Cell] = {}
    for (source, target), kind in drawn.items():
        (first, start), (last, end) = cells[source], cells[target]
        here = start
        for number in range(first + 1, last):
            passage = passages.get((start, number))
            if passage is None:
                passage = passages[start, number] = Cell(None, 1)
                layout.layers[number].append(passage)
                layout.hops[number - 1].append(Hop(here, passage, None))
            here = passage
        layout.hops[last - 1].append(Hop(here, end, kind))
    return layout


def _packed(layer: Sequence[Cell]) -> int:
    return sum(cell.width for cell in layer) + GAP * (len(layer) - 1)


def _put_in_order(layout: Layout) -> None:
    """Sweep down and up, each layer in the order of the means of its neighbours; keep the best."""
    layers = layout.layers
    parents, children = _neighbours(layout)
    best, least = [list(layer) for layer in layers], _crossings(layout)
    for sweep in range(_SWEEPS):
        if least == 0:
            break
        down = sweep % 2 == 0
        for number in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
            neighbours = parents if down else children
            places = _places(layers[number - 1 if down else number + 1])
            own = _places(layers[number])
            layers[number].sort(
                key=lambda cell, near=neighbours, there=places, here=own: _mean(
                    [there[other] for other in near[cell]], here[cell]
                )
            )
        crossings = _crossings(layout)
        if crossings < least:
            best, least = [list(layer) for layer in layers], crossings
    layers[:] = best


def _put_in_columns(layout: Layout, room: int) -> None:
    """Start centred; then pull each layer towards its neighbours above, below, and both."""
    for layer in layout.layers:
        left = (room - _packed(layer)) // 2
        for cell in layer:
            cell.left, left = left, left + cell.width + GAP
    parents, children = _neighbours(layout)
    both = {cell: [*parents[cell], *children[cell]] for layer in layout.layers for cell in layer}
    for neighbours in (parents, children, both, both, parents, both):
        order = reversed(layout.layers) if neighbours is children else layout.layers
        for layer in order:
            _pull(layer, neighbours, room)
    margin = min(cell.left for layer in layout.layers for cell in layer)
    for layer in layout.layers:
        for cell in layer:
            cell.left -= margin


def _pull(layer: Sequence[Cell], neighbours: Mapping[Cell, Sequence[Cell]], room: int) -> None:
    wanted = [
        _mean([other.center for other in neighbours[cell]], cell.center) - cell.width // 2
        for cell in layer
    ]
    weights = [1.0 if cell.name else _PASSING_WEIGHT for cell in layer]
    lefts = settle(wanted, [cell.width for cell in layer], GAP, room, weights)
    for cell, left in zip(layer, lefts, strict=True):
        cell.left = left


def _neighbours(
    layout: Layout,
) -> tuple[defaultdict[Cell, list[Cell]], defaultdict[Cell, list[Cell]]]:
    """What each cell is connected to in the layer above, and in the layer below."""
    above: defaultdict[Cell, list[Cell]] = defaultdict(list)
    below: defaultdict[Cell, list[Cell]] = defaultdict(list)
    for hops in layout.hops:
        for hop in hops:
            above[hop.target].append(hop.source)
            below[hop.source].append(hop.target)
    return above, below


def _places(layer: Sequence[Cell]) -> dict[Cell, int]:
    return {cell: place for place, cell in enumerate(layer)}


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise


def _crossings(layout: Layout) -> int:
    """How many pairs of hops cross: the inversions in their order."""
    total = 0
    for number, hops in enumerate(layout.hops[:-1]):
        above, below = _places(layout.layers[number]), _places(layout.layers[number + 1])
        seen: list[int] = []
        for _, end in sorted((above[hop.source], below[hop.target]) for hop in hops):
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total
