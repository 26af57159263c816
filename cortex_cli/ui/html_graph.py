"""The graph of a run as inline SVG: what came after what, how each action ended, the real path."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cortex_cli.ids import slug
from cortex_cli.kinds import EdgeKind
from cortex_cli.ui.action_story import ActionStory
from cortex_cli.ui.graph_layers import Cell, Layout, lay_out
from cortex_cli.ui.html_text import text
from cortex_cli.ui.html_waves import waves_html
from cortex_cli.ui.sanitise import fit, safe_line
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.theme import STATE_WORDS

MOST_BOXES = 80
MOST_EDGES = 200

_ROOMS = (48, 64, 84, 110, 140, 180, 240, 320)
_EDGE_WORDS = {
    EdgeKind.DEPENDS_ON: "depends on",
    EdgeKind.DATA: "uses its output",
    EdgeKind.BARRIER: "waits for a sync action",
}
LEAST_WIDTHS = (2000, 1700, 1400, 1200, 1000, 850, 700, 600, 500, 425, 350, 300)
_SMALLEST = 0.75
_COLUMN = 8
_HIGH = 42
_CHANNEL = 40
_LABEL = 22
_PAD = 2


@dataclass(frozen=True, slots=True)
class _End:
    """Where an edge meets a box: the middle of a line in pixels."""

    x: float
    y: float


def graph_html(actions: Sequence[ActionStory], path: Sequence[ActionStory]) -> str:
    """The actions of one plan; as a list of waves where the drawing would be too large."""
    layers = _layers(actions)
    arrows = [
        (source, action.row.id, kind)
        for action in actions
        for source, kind in action.after.items()
        if any(source in layer for layer in layers)
    ]
    if len(actions) <= MOST_BOXES and len(arrows) <= MOST_EDGES:
        widths = [{name: _width(a) for name, a in layer.items()} for layer in layers]
        for room in _ROOMS:
            layout = lay_out(widths, arrows, room)
            if layout is not None:
                by_id = {action.row.id: action for action in actions}
                return _Drawing(layout, by_id, path).html()
    return waves_html(layers)


def _layers(actions: Sequence[ActionStory]) -> list[dict[str, ActionStory]]:
    """By wave; what no plan has told of stands in the first."""
    waves: defaultdict[int, dict[str, ActionStory]] = defaultdict(dict)
    for action in actions:
        waves[action.row.plan.wave if action.row.plan else 1][action.row.id] = action
    return [waves[wave] for wave in sorted(waves)]


def _label(action: ActionStory) -> str:
    row = action.row
    return fit(safe_line(row.id if slug(row.name) == slug(row.id) else row.name), _LABEL)


def _width(action: ActionStory) -> int:
    from rich.cells import cell_len

    return max(cell_len(_label(action)), len(_facts(action))) + 2 * _PAD | 1


def _facts(action: ActionStory) -> str:
    """The small line in its box."""
    took = seconds_text(action.seconds) if action.has_run else STATE_WORDS[action.row.state]
    return f"{action.row.type or ''} {took}".strip()


class _Drawing:
    """A layout in pixels."""

    def __init__(
        self, layout: Layout, actions: Mapping[str, ActionStory], path: Sequence[ActionStory]
    ) -> None:
        self._layout = layout
        self._actions = actions
        here = [action.row.id for action in path if actions.get(action.row.id) is action]
        self._hot = frozenset(here)
        self._hot_edges = frozenset(pairwise(here))
        cells = [cell for layer in layout.layers for cell in layer]
        self._left = min(cell.left for cell in cells)
        columns = max(cell.left + cell.width for cell in cells) - self._left
        self._width = columns * _COLUMN + 8
        self._height = len(layout.layers) * (_HIGH + _CHANNEL) - _CHANNEL + 8
        self._kinds: dict[Cell, EdgeKind] = {}

    def html(self) -> str:
        """The picture, in a box that scrolls where the screen is narrower."""
        drawn = "".join([*self._edges(), *self._boxes()])
        # A wide one is drawn smaller where there is no room, but not so small that nobody can read it.
        least = next((f"m{px}" for px in LEAST_WIDTHS if px <= _SMALLEST * self._width), "")
        size = f'width="{self._width}" height="{self._height}"'
        return (
            f'<div class="scroll"><svg class="graph {least}" {size} role="img" '
            f'viewBox="-4 -4 {self._width} {self._height}"><title>The graph of the actions</title>'
            f"{drawn}</svg></div>{self._legend()}"
        )

    def _legend(self) -> str:
        used = {hop.kind for hops in self._layout.hops for hop in hops}
        words = "".join(
            f'<span><svg class="graph" aria-hidden="true"><path class="edge {kind.value}" d="M0 5h22"/>'
            f"</svg>{said}</span>"
            for kind, said in _EDGE_WORDS.items()
            if kind in used
        )
        return f'<p class="legend">{words}</p>' if words else ""

    def _x(self, column: float) -> float:
        return round((column - self._left) * _COLUMN, 1)

    def _boxes(self) -> Iterator[str]:
        for number, layer in enumerate(self._layout.layers):
            for cell in layer:
                if cell.name is not None:
                    yield self._box(cell, self._actions[cell.name], number * (_HIGH + _CHANNEL))

    def _box(self, cell: Cell, action: ActionStory, top: int) -> str:
        state = action.row.state
        hot = " hot" if cell.name in self._hot else ""
        left, width = self._x(cell.left), cell.width * _COLUMN
        middle = left + width / 2
        return (
            f'<g class="{state.value}{hot}"><title>{text(action.label)}: {STATE_WORDS[state]}</title>'
            f'<rect x="{left}" y="{top}" width="{width}" height="{_HIGH}" rx="7"/>'
            f'<text x="{middle}" y="{top + 18}">{text(_label(action))}</text>'
            f'<text class="sub" x="{middle}" y="{top + 33}">{text(_facts(action))}</text></g>'
        )

    def _edges(self) -> Iterator[str]:
        pitch = _HIGH + _CHANNEL
        kinds = self._kinds_of_passages()
        for number, hops in enumerate(self._layout.hops):
            starts = self._spread([(hop.source, hop.target) for hop in hops])
            ends = self._spread([(hop.target, hop.source) for hop in hops])
            for hop, out, into in zip(hops, starts, ends, strict=True):
                kind = hop.kind or kinds.get(hop.target, EdgeKind.DEPENDS_ON)
                top = _End(out, number * pitch + _HIGH)
                bottom = _End(into, (number + 1) * pitch)
                is_hot = (hop.source.name, hop.target.name) in self._hot_edges
                hot = " hot" if is_hot else ""
                yield _line(top, bottom, f"{kind.value}{hot}", is_end=hop.target.name is not None)
                if hop.target.name is None:
                    x, y = self._x(hop.target.center + 0.5), bottom.y
                    yield f'<path class="edge {kind.value}{hot}" d="M{x} {y}V{y + _HIGH}"/>'

    def _kinds_of_passages(self) -> dict[Cell, EdgeKind]:
        """A line that passes layers looks like the edge that it is a part of."""
        kinds: dict[Cell, EdgeKind] = {}
        for hops in reversed(self._layout.hops):
            for hop in hops:
                kind = hop.kind or kinds.get(hop.target)
                if hop.source.name is None and kind is not None:
                    kinds.setdefault(hop.source, kind)
        return kinds

    def _spread(self, ends: Sequence[tuple[Cell, Cell]]) -> list[float]:
        """Where each edge meets its cell: several side by side, in the order of their other ends."""
        meeting: defaultdict[Cell, list[Cell]] = defaultdict(list)
        for cell, other in ends:
            meeting[cell].append(other)
        for others in meeting.values():
            others.sort(key=lambda other: other.center)
        return [
            self._x(
                cell.left + cell.width * (meeting[cell].index(other) + 1) / (len(meeting[cell]) + 1)
            )
            for cell, other in ends
        ]


def _line(start: _End, end: _End, style: str, *, is_end: bool) -> str:
    """A curve from a box down to a box, or to a line that passes the layer."""
    stop = end.y - 7 if is_end else end.y
    bend = round((start.y + stop) / 2, 1)
    curve = f"M{start.x} {start.y}C{start.x} {bend} {end.x} {bend} {end.x} {stop}"
    edge = f'<path class="edge {style}" d="{curve}"/>'
    if not is_end:
        return edge
    head = f"M{end.x - 4} {stop - 1}h8L{end.x} {end.y}z"
    return f'{edge}<path class="head {style}" d="{head}"/>'
