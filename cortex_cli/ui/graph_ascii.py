"""A plan as a drawing for a terminal: boxes in layers, one a wave, with lines from top to bottom."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cortex_cli.kinds import EdgeKind
from cortex_cli.report import PlannedAction, PlanReport
from cortex_cli.ui.durations import format_seconds
from cortex_cli.ui.glyphs import ASCII
from cortex_cli.ui.graph_canvas import ASCII_PEN, UNICODE_PEN, Box, Pen, draw
from cortex_cli.ui.graph_layers import Arrow, lay_out
from cortex_cli.ui.theme import Theme
from cortex_cli.ui.words import counted

MOST_BOXES = 60
MOST_ARROWS = 120
MOST_WAVES = 30

_PLAIN = Theme()
_ROUNDS = 10
_Near: TypeAlias = tuple[str, EdgeKind, bool]
# Whether boxes have a border, and how long a label may be: from the roomiest to the narrowest.
_STYLES = [
    *((True, label) for label in range(31, 11, -2)),
    *((False, label) for label in range(21, 7, -2)),
]


@dataclass(frozen=True, slots=True)
class _Graph:
    """What is drawn, by layer and name: one action a box, or several that stand alike."""

    layers: list[dict[str, list[PlannedAction]]]
    arrows: list[Arrow]

    @property
    def actions(self) -> Iterator[PlannedAction]:
        return (action for layer in self.layers for box in layer.values() for action in box)

    @property
    def is_large(self) -> bool:
        return sum(map(len, self.layers)) > MOST_BOXES or len(self.arrows) > MOST_ARROWS


def to_ascii(report: PlanReport, width: int, theme: Theme = _PLAIN) -> str:
    """The plan in at most `width` columns, from 40 up; what it can't show it counts.

    Where there is no room for a box an action, actions with the same neighbours share one, then
    also those that are alike, as in parallel chains. Where that is not enough, or the drawing would
    be too large to follow, it is an outline of the waves. Empty for a plan without actions.
    """
    if not report.actions:
        return ""
    single = _single(report)
    for graph in (single, _with_same_neighbours(single), _of_same_shape(single)):
        for bordered, label in _STYLES if not graph.is_large else ():
            drawing = _drawing(graph, (width, label), theme, bordered=bordered)
            if drawing:
                return "\n".join(
                    [*drawing, "", _legend(graph, theme, width, bordered=bordered), ""]
                )
    return "".join(f"{line}\n" for line in _outline(report, width, theme))


def _single(report: PlanReport) -> _Graph:
    actions = {action.id: action for action in report.actions}
    layers = [{member: [actions[member]] for member in wave} for wave in report.waves]
    return _Graph(layers, [(edge.source, edge.target, edge.kind) for edge in report.edges])


def _neighbours(single: _Graph) -> dict[str, list[_Near]]:
    near: dict[str, list[_Near]] = {action.id: [] for action in single.actions}
    for source, target, kind in single.arrows:
        near[source].append((target, kind, True))
        near[target].append((source, kind, False))
    return near


def _with_same_neighbours(single: _Graph) -> _Graph:
    near = _neighbours(single)
    return _merged(single, {name: frozenset(others) for name, others in near.items()})


def _of_same_shape(single: _Graph) -> _Graph:
    """Merge, as in parallel chains, what runs the same thing and has neighbours that are merged.

    Colour refinement: actions are told apart by what tells their neighbours apart.
    """
    near = _neighbours(single)
    shapes: dict[str, Hashable] = {
        action.id: (action.wave, action.type, action.target) for action in single.actions
    }
    for _ in range(_ROUNDS):
        numbers = {shape: number for number, shape in enumerate(dict.fromkeys(shapes.values()))}
        plain = {name: numbers[shape] for name, shape in shapes.items()}
        shapes = {
            name: (plain[name], *sorted((plain[o], kind, down) for o, kind, down in others))
            for name, others in near.items()
        }
        if len(set(shapes.values())) == len(numbers):
            break
    return _merged(single, shapes)


def _merged(single: _Graph, shapes: Mapping[str, Hashable]) -> _Graph:
    """The graph with one box for all actions of a layer that have the same shape."""
    first: dict[str, str] = {}
    layers: list[dict[str, list[PlannedAction]]] = []
    for layer in single.layers:
        groups: dict[Hashable, list[PlannedAction]] = {}
        for name, actions in layer.items():
            groups.setdefault(shapes[name], []).extend(actions)
        layers.append({members[0].id: members for members in groups.values()})
        first |= {action.id: members[0].id for members in groups.values() for action in members}
    arrows = {(first[source], first[target], kind): None for source, target, kind in single.arrows}
    return _Graph(layers, list(arrows))


def _drawing(
    graph: _Graph, room: tuple[int, int], theme: Theme, *, bordered: bool
) -> list[str] | None:
    """The drawing in `room`, columns in all and for a label; None if it doesn't fit."""
    from rich.cells import cell_len

    width, label = room
    boxes = {
        name: _box(actions, label, theme, bordered=bordered)
        for layer in graph.layers
        for name, actions in layer.items()
    }
    margin = 4 if bordered else 0
    widths = {name: (max(map(cell_len, box.lines)) + margin) | 1 for name, box in boxes.items()}
    layers = [{name: widths[name] for name in layer} for layer in graph.layers]
    layout = lay_out(layers, graph.arrows, width)
    if layout is None:
        return None
    return draw(layout, boxes, _pen(theme), bordered=bordered)


def _pen(theme: Theme) -> Pen:
    return ASCII_PEN if theme.glyphs is ASCII else UNICODE_PEN


def _box(actions: list[PlannedAction], label: int, theme: Theme, *, bordered: bool) -> Box:
    strong = any(action.on_critical_path for action in actions)
    mark = " *" if strong and not bordered else ""
    longest = format_seconds(max(action.estimate_seconds for action in actions))
    if len(actions) == 1:
        title = theme.line(actions[0].id, label)
        return Box((title, f"{actions[0].type} {longest}{mark}"), strong)
    names = theme.line(", ".join(action.id for action in actions), label)
    return Box((f"{len(actions):,} actions", names, f"up to {longest}{mark}"), strong)


def _legend(graph: _Graph, theme: Theme, width: int, *, bordered: bool) -> str:
    """What the heads of arrows and the marks of boxes mean, as far as they occur."""
    from rich.cells import cell_len

    pen = _pen(theme)
    used = {kind for _, _, kind in graph.arrows}
    signs = [f"{pen.heads[kind]} {kind}" for kind in EdgeKind if kind in used]
    if any(action.on_critical_path for action in graph.actions):
        signs.append(f"{pen.strong_border[2] * 2 if bordered else '*'} critical path")
    line = "   ".join(signs)
    return line if cell_len(line) <= width else "\n".join(signs)


def _outline(report: PlanReport, width: int, theme: Theme) -> Iterator[str]:
    """The waves one below the other, with how many edges lead into each."""
    actions = {action.id: action for action in report.actions}
    into = Counter(actions[edge.target].wave for edge in report.edges)
    pen = _pen(theme)
    size = f"{counted(len(actions), 'action')} in {counted(len(report.waves), 'wave')}"
    yield theme.line(f"{size}, too many to draw here:", width)
    for number, wave in enumerate(report.waves[:MOST_WAVES], start=1):
        if number > 1:
            yield f"  {pen.lines[5]}"
            yield f"  {pen.heads[EdgeKind.DEPENDS_ON]} {counted(into[number], 'edge')}"
        yield theme.line(f"wave {number}: {counted(len(wave), 'action')}", width)
        yield theme.line("  " + ", ".join(wave), width)
    left = report.waves[MOST_WAVES:]
    if left:
        yield f"{theme.glyphs.ellipsis} {len(left):,} more waves, {sum(map(len, left)):,} actions"
