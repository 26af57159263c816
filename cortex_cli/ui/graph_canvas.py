"""Drawing a laid-out graph with the characters of a terminal."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cortex_cli.kinds import EdgeKind
from cortex_cli.ui.graph_layers import Cell, Layout
from cortex_cli.ui.graph_routes import Channel, Net, route

_UP, _RIGHT, _DOWN, _LEFT = 1, 2, 4, 8
_VERTICAL, _ACROSS = _UP | _DOWN, _LEFT | _RIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """The characters to draw with.

    `lines` is indexed by the directions in which a line leaves a character: 1 up, 2 right, 4 down,
    8 left. A border is left, bottom left, bottom, bottom right, right, top right, top, top left,
    and the exit of lines in the bottom.
    """

    lines: str
    border: str
    strong_border: str
    heads: Mapping[EdgeKind, str]


UNICODE_PEN = Pen(
    lines=" │─╰││╭├─╯─┴╮┤┬┼",
    border="│└─┘│┐─┌┬",
    strong_border="┃┗━┛┃┓━┏┯",
    heads={EdgeKind.DEPENDS_ON: "▼", EdgeKind.DATA: "▽", EdgeKind.BARRIER: "◇"},
)
ASCII_PEN = Pen(
    lines=" |-+||++-+-+++++",
    border="|+-+|+-++",
    strong_border="########+",
    heads={EdgeKind.DEPENDS_ON: "v", EdgeKind.DATA: "V", EdgeKind.BARRIER: "x"},
)


@dataclass(frozen=True, slots=True)
class Box:
    """What stands in a box: lines that are safe to print; `strong` on the critical path."""

    lines: tuple[str, ...]
    strong: bool = False


def draw(layout: Layout, boxes: Mapping[str, Box], pen: Pen, *, bordered: bool) -> list[str]:
    """The drawing, line by line: the first layer on top, lines going down."""
    canvas = _Canvas(pen)
    row = 0
    for layer, hops in zip(layout.layers, layout.hops, strict=True):
        named = [(cell, boxes[cell.name]) for cell in layer if cell.name is not None]
        height = max(len(box.lines) for _, box in named) + 2 * bordered
        for cell, box in named:
            for place, line in enumerate(box.lines, start=row + bordered):
                canvas.write(place, cell, line)
        if bordered:
            exits = {hop.source for hop in hops}
            for cell, box in named:
                canvas.border((row, row + height - 1), cell, box, has_exit=cell in exits)
        for passing in [cell for cell in layer if cell.name is None]:
            canvas.down(row, row + height, passing.center, passing)
        row = _draw_channel(canvas, route(hops), row + height) if hops else row + height
    return canvas.text()


def _draw_channel(canvas: "_Canvas", channel: Channel, row: int) -> int:
    """Draw the lines from `row` on; returns the row after them, that of the next layer."""
    tracks = row + channel.has_turns
    heads = tracks + channel.tracks
    for net in channel.nets:
        _draw_net(canvas, net, (row, tracks, heads))
    for column, kind in channel.heads.items():
        canvas.head(heads, column, kind)
    return heads + 1


def _draw_net(canvas: "_Canvas", net: Net, rows: tuple[int, int, int]) -> None:
    """Draw one net, given the rows where its channel, the tracks and the heads begin."""
    row, tracks, heads = rows
    if net.track is None:
        canvas.down(row, heads + 1, net.start, net)
        return
    track = tracks + net.track
    if net.turned == net.start:
        canvas.down(row, track, net.start, net)
    else:
        canvas.across(row, net.start, net.turned, net)
        canvas.link(row, net.start, _UP, net)
        canvas.link(row, net.turned, _DOWN, net)
        canvas.down(row + 1, track, net.turned, net)
    canvas.link(track, net.turned, _UP, net)
    canvas.across(track, net.first, net.last, net)
    for end in net.ends:
        canvas.link(track, end, _DOWN, net)
        canvas.down(track + 1, heads + 1, end, net)


class _Canvas:
    """Text by row and column, and lines as the directions in which they leave each character."""

    def __init__(self, pen: Pen) -> None:
        self.pen = pen
        self._texts: dict[tuple[int, int], str] = {}
        self._lines: defaultdict[tuple[int, int], dict[object, int]] = defaultdict(dict)

    def write(self, row: int, cell: Cell, text: str) -> None:
        """Put text in the middle of a cell, whatever number of columns its characters take."""
        from rich.cells import cell_len

        width = cell_len(text)
        column = cell.left + (cell.width - width) // 2
        self._texts.update({(row, column + place): "" for place in range(1, width)})
        self._texts[row, column] = text

    def border(self, rows: tuple[int, int], cell: Cell, box: Box, *, has_exit: bool) -> None:
        """Draw a border around a cell, from the first row to the last."""
        sides = self.pen.strong_border if box.strong else self.pen.border
        left, bottom_left, bottom, bottom_right, right, top_right, top, top_left, way_out = sides
        first, last = cell.left, cell.left + cell.width - 1
        above, under = rows
        for column in range(first + 1, last):
            self._texts[above, column], self._texts[under, column] = top, bottom
        for place in range(above + 1, under):
            self._texts[place, first], self._texts[place, last] = left, right
        self._texts[above, first], self._texts[above, last] = top_left, top_right
        self._texts[under, first], self._texts[under, last] = bottom_left, bottom_right
        if has_exit:
            self._texts[under, cell.center] = way_out

    def head(self, row: int, column: int, kind: EdgeKind) -> None:
        """Draw the head of an arrow over the end of its line."""
        self._texts[row, column] = self.pen.heads[kind]

    def link(self, row: int, column: int, directions: int, owner: object) -> None:
        """Let a line of `owner` leave a character in more directions."""
        lines = self._lines[row, column]
        lines[owner] = lines.get(owner, 0) | directions

    def down(self, row: int, end: int, column: int, owner: object) -> None:
        """Draw a line from `row` down to before the row `end`."""
        for place in range(row, end):
            self.link(place, column, _VERTICAL, owner)

    def across(self, row: int, one: int, other: int, owner: object) -> None:
        """Draw a line between two columns, both included."""
        first, last = sorted((one, other))
        for column in range(first, last):
            self.link(row, column, _RIGHT, owner)
            self.link(row, column + 1, _LEFT, owner)

    def text(self) -> list[str]:
        """All rows, without spaces at their ends."""
        columns: defaultdict[int, dict[int, str]] = defaultdict(dict)
        for (row, column), lines in self._lines.items():
            columns[row][column] = self.pen.lines[_seen(lines.values())]
        for (row, column), text in self._texts.items():
            columns[row][column] = text
        return [
            "".join(columns[row].get(column, " ") for column in range(max(columns[row]) + 1))
            for row in range(max(columns, default=-1) + 1)
        ]


def _seen(directions: Collection[int]) -> int:
    """What is seen where lines meet: of two that cross, the one that goes down."""
    if len(directions) > 1 and set(directions) == {_VERTICAL, _ACROSS}:
        return _VERTICAL
    seen = 0
    for one in directions:
        seen |= one
    return seen
