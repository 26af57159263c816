"""The lines between two layers of a drawing: from boxes down to a track, along it, and down.

Every line that ends at a box has its own column there, so lines never merge; where they cross, one
goes over the other.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from cortex_cli.kinds import EdgeKind
from cortex_cli.ui.graph_layers import Cell, Hop
from cortex_cli.ui.spacing import settle

_STRAIGHT_WEIGHT = 10.0
_ASIDE = 3


@dataclass(eq=False, slots=True)
class Net:
    """All lines that leave one cell: from column `start` to columns `ends`, along one track.

    `track` counts from 0, and is None where the line goes straight down. `turned` is the column
    from which it goes down to the track: `start`, but where that would run into another line.
    """

    start: int
    ends: list[int]
    turned: int
    track: int | None = None

    @property
    def is_straight(self) -> bool:
        """Whether all of it is one vertical line."""
        return set(self.ends) == {self.start}

    @property
    def first(self) -> int:
        """The leftmost column of its track."""
        return min(self.turned, *self.ends)

    @property
    def last(self) -> int:
        """The rightmost column of its track."""
        return max(self.turned, *self.ends)


@dataclass(frozen=True, slots=True)
class Channel:
    """What lies between two layers: the nets, and the heads of arrows by column."""

    nets: list[Net]
    heads: dict[int, EdgeKind]

    @property
    def tracks(self) -> int:
        """How many tracks the nets need."""
        return max((net.track + 1 for net in self.nets if net.track is not None), default=0)

    @property
    def has_turns(self) -> bool:
        """Whether a row is needed above the tracks, for lines that step aside."""
        return any(net.turned != net.start for net in self.nets)


def route(hops: Sequence[Hop]) -> Channel:
    """Choose the columns and tracks of all lines from one layer to the next."""
    entries = _entries(hops)
    ends: defaultdict[Cell, list[int]] = defaultdict(list)
    for hop in hops:
        ends[hop.source].append(entries[hop])
    nets = [Net(cell.center, columns, cell.center) for cell, columns in ends.items()]
    _assign_tracks([net for net in nets if not net.is_straight])
    return Channel(nets, {entries[hop]: hop.kind for hop in hops if hop.kind is not None})


def _entries(hops: Sequence[Hop]) -> dict[Hop, int]:
    """The column in which each hop enters its target, in the order of where the hops come from."""
    arriving: defaultdict[Cell, list[Hop]] = defaultdict(list)
    for hop in sorted(hops, key=lambda hop: hop.source.center):
        arriving[hop.target].append(hop)
    entries: dict[Hop, int] = {}
    for cell, into in arriving.items():
        entries.update(zip(into, _entry_columns(cell, into), strict=True))
    return entries


def _entry_columns(cell: Cell, into: Sequence[Hop]) -> list[int]:
    """Straight down where that meets the box, else near its middle; one column apart at least."""
    inside = max(1, cell.width - 2)
    left = cell.center - inside // 2
    wanted: list[float] = []
    weights: list[float] = []
    for hop in into:
        column = hop.source.center
        straight = left <= column < left + inside
        aside = max(-_ASIDE, min(_ASIDE, column - cell.center))
        wanted.append((column if straight else cell.center + aside) - left)
        weights.append(_STRAIGHT_WEIGHT if straight else 1.0)
    return [left + place for place in settle(wanted, [1] * len(into), 1, inside, weights)]


def _assign_tracks(nets: list[Net]) -> None:
    """Give each net the free track on which it crosses least, the highest of several.

    Where one net starts in a column in which another ends, the first must turn off above the
    other. If such demands form a circle, one net steps aside before it goes down.
    """
    above = _demands(nets)
    open_nets = list(nets)
    while open_nets:
        ready = [net for net in open_nets if not any(other in above[net] for other in open_nets)]
        if not ready:
            _step_aside(open_nets[0], nets)
            above = _demands(nets)
            continue
        net = min(ready, key=_turn)
        open_nets.remove(net)
        least = max((other.track + 1 for other in above[net] if other.track is not None), default=0)
        placed = [other for other in nets if other.track is not None]
        below_all = max((other.track + 1 for other in placed if other.track is not None), default=0)
        free = [t for t in range(least, below_all + 1) if _is_free(t, net, placed)]
        net.track = min(free, key=lambda track: (_crossings(track, net, placed), track))


def _demands(nets: Sequence[Net]) -> dict[Net, list[Net]]:
    """For each net those that must have a track above its own."""
    return {
        net: [other for other in nets if other is not net and other.turned in net.ends]
        for net in nets
    }


def _step_aside(net: Net, nets: Sequence[Net]) -> None:
    """Turn into the nearest free column; there is one, as lines are two columns apart at least."""
    taken = {column for other in nets for column in (*other.ends, other.start, other.turned)}
    free = (column for column in range(min(taken), max(taken)) if column not in taken)
    net.turned = min(free, key=lambda column: abs(column - net.start))


def _turn(net: Net) -> int:
    """Of nets that lead right the rightmost comes first, of the others the leftmost: less crosses."""
    leads_right = net.first + net.last > 2 * net.turned
    return -net.turned if leads_right else net.turned


def _is_free(track: int, net: Net, placed: Sequence[Net]) -> bool:
    return all(
        other.last + 1 < net.first or net.last + 1 < other.first
        for other in placed
        if other.track == track
    )


def _crossings(track: int, net: Net, placed: Sequence[Net]) -> int:
    """How many lines of placed nets this one would cross on a track."""
    total = 0
    for other in placed:
        if other.track is None or other.track == track:
            continue
        upper, lower = (net, other) if track < other.track else (other, net)
        total += sum(lower.first < end < lower.last for end in upper.ends)
        total += upper.first < lower.turned < upper.last
    return total
