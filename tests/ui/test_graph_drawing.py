"""The steps of a drawing: placing, ordering, routing, and lines that can be followed by eye."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from cortex_cli.kinds import EdgeKind
from cortex_cli.ui.graph_canvas import UNICODE_PEN, Box, Pen, draw
from cortex_cli.ui.graph_layers import GAP, Arrow, Cell, Hop, Layout, lay_out
from cortex_cli.ui.graph_routes import route
from cortex_cli.ui.spacing import settle

AFTER = EdgeKind.DEPENDS_ON
KINDS = tuple(EdgeKind)
# Borders that can't be taken for lines: T on top, B at the bottom, X where lines leave.
PLAIN = Pen(
    lines=UNICODE_PEN.lines,
    border="|LBR|RTLX",
    strong_border="|LBR|RTLX",
    heads={EdgeKind.DEPENDS_ON: "v", EdgeKind.DATA: "d", EdgeKind.BARRIER: "b"},
)
HEADS = {sign: kind for kind, sign in PLAIN.heads.items()}
STEPS = {1: (-1, 0), 2: (0, 1), 4: (1, 0), 8: (0, -1)}
OPPOSITE = {1: 4, 2: 8, 4: 1, 8: 2}
DIRECTIONS = {
    character: {bit for bit in STEPS if directions & bit}
    for directions, character in enumerate(PLAIN.lines)
    if directions not in {1, 2, 4, 8}
}


def drawn(layout: Layout, pen: Pen = PLAIN) -> list[str]:
    boxes = {cell.name: Box((cell.name,)) for row in layout.layers for cell in row if cell.name}
    return draw(layout, boxes, pen, bordered=True)


def arrows_in(lines: list[str], layout: Layout) -> set[Arrow]:
    """The arrows of a drawing, found by following the lines from their heads upwards."""
    tops = [row for row, line in enumerate(lines) if "T" in line]
    bottoms = [row for row, line in enumerate(lines) if "B" in line]
    found: set[Arrow] = set()
    for number, top in enumerate(tops):
        heads = [(at, sign) for at, sign in enumerate(lines[top - 1]) if top and sign in HEADS]
        for column, sign in heads:
            target = box_at(layout, number, column)
            for row, at in origins(lines, top - 2, column):
                found.add((box_at(layout, bottoms.index(row), at), target, HEADS[sign]))
    return found


def origins(lines: list[str], row: int, column: int) -> Iterator[tuple[int, int]]:
    """Where a line that is met from below comes from: the way out of a box.

    A character that has no part in the direction of travel is another line crossing over.
    """
    todo, seen = [(row, column, 1)], set[tuple[int, int, int]]()
    while todo:
        state = row, column, heading = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        sign = lines[row][column]
        if sign == "X":
            yield row, column
            continue
        ways = DIRECTIONS[sign]
        onward = ways - {OPPOSITE[heading]} if OPPOSITE[heading] in ways else {heading}
        # Down leads to other ends of the same line, not to where it comes from.
        for way in onward - {4}:
            step = STEPS[way]
            todo.append((row + step[0], column + step[1], way))


def box_at(layout: Layout, number: int, column: int) -> str:
    (name,) = [
        cell.name
        for cell in layout.layers[number]
        if cell.name and cell.left < column < cell.left + cell.width - 1
    ]
    return name


@st.composite
def layered_graphs(draw: st.DrawFn) -> tuple[list[dict[str, int]], list[Arrow]]:
    """A few layers of boxes, and arrows that lead down, over one or more layers."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    layers = [
        {f"n{layer}_{place}": draw(st.sampled_from([9, 13, 21])) for place in range(size)}
        for layer, size in enumerate(sizes)
    ]
    pairs = [
        (source, target)
        for above, names in enumerate(layers)
        for below in layers[above + 1 :]
        for source in names
        for target in below
    ]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=14))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=len(chosen), max_size=len(chosen)))
    return layers, [(*pair, kind) for pair, kind in zip(chosen, kinds, strict=True)]


@given(layered_graphs())
@settings(deadline=None)
def test_every_arrow_can_be_followed_from_its_head_to_its_one_source(
    graph: tuple[list[dict[str, int]], list[Arrow]],
) -> None:
    layers, arrows = graph
    layout = lay_out(layers, arrows, 400)
    assert layout
    assert arrows_in(drawn(layout), layout) == set(arrows)


@given(layered_graphs(), st.integers(40, 120))
@settings(deadline=None)
def test_a_drawing_is_never_wider_than_its_room(
    graph: tuple[list[dict[str, int]], list[Arrow]], room: int
) -> None:
    layout = lay_out(*graph, room)
    if layout:
        assert max(map(len, drawn(layout))) <= room
        for layer in layout.layers:
            for left, right in pairwise(layer):
                assert left.left + left.width + GAP <= right.left


def test_what_does_not_fit_is_not_laid_out() -> None:
    assert lay_out([{"a": 9, "b": 9}], [], 19) is None
    assert lay_out([{"a": 9, "b": 9}], [], 20) is not None


def test_a_chain_is_straight() -> None:
    layout = lay_out([{"a": 9}, {"bb": 13}, {"c": 9}], [("a", "bb", AFTER), ("bb", "c", AFTER)], 80)
    assert layout
    assert "\n".join(drawn(layout, UNICODE_PEN)) == snapshot("""\
  ┌───────┐
  │   a   │
  └───┬───┘
      ▼
┌───────────┐
│    bb     │
└─────┬─────┘
      ▼
  ┌───────┐
  │   c   │
  └───────┘\
""")


def test_a_diamond_with_an_edge_past_a_layer() -> None:
    layout = lay_out(
        [{"a": 9}, {"b": 9, "c": 9}, {"d": 9}],
        [
            ("a", "b", AFTER),
            ("a", "c", EdgeKind.DATA),
            ("b", "d", AFTER),
            ("c", "d", EdgeKind.BARRIER),
            ("a", "d", AFTER),
        ],
        80,
    )
    assert layout
    assert "\n".join(drawn(layout, UNICODE_PEN)) == snapshot("""\
               ┌───────┐
               │   a   │
               └───┬───┘
       ╭──────────┬┴──╮
       ▼          ▽   │
┌───────┐  ┌───────┐  │
│   b   │  │   c   │  │
└───┬───┘  └───┬───┘  │
    ╰──────╮   │ ╭────╯
           ▼   ◇ ▼
          ┌───────┐
          │   d   │
          └───────┘\
""")


def test_boxes_are_put_in_an_order_in_which_fewer_lines_cross() -> None:
    layout = lay_out(
        [{"a": 9, "b": 9, "c": 9}, {"x": 9, "y": 9, "z": 9}],
        [("a", "z", AFTER), ("b", "y", AFTER), ("c", "x", AFTER)],
        80,
    )
    assert layout
    first, second = ([cell.name for cell in layer] for layer in layout.layers)
    assert list(zip(first, second, strict=True)) in (
        [("a", "z"), ("b", "y"), ("c", "x")],
        [("c", "x"), ("b", "y"), ("a", "z")],
    )


def test_of_two_arrows_between_the_same_boxes_the_first_is_drawn() -> None:
    arrows = [("a", "b", EdgeKind.DATA), ("a", "b", AFTER)]
    layout = lay_out([{"a": 9}, {"b": 9}], arrows, 80)
    assert layout
    assert arrows_in(drawn(layout), layout) == {("a", "b", EdgeKind.DATA)}


def test_a_box_with_many_arrows_is_wide_enough_for_all_of_them() -> None:
    sources = {f"s{number}": 5 for number in range(12)}
    layout = lay_out([sources, {"sink": 5}], [(name, "sink", AFTER) for name in sources], 120)
    assert layout
    assert len(arrows_in(drawn(layout), layout)) == 12


def cell(center: int) -> Cell:
    return Cell(None, 1, center)


def test_lines_that_would_run_into_each_other_step_aside() -> None:
    left, right, lower_left, lower_right = cell(4), cell(10), cell(4), cell(10)
    channel = route([Hop(left, lower_right, None), Hop(right, lower_left, None)])
    assert channel.has_turns
    first, second = channel.nets
    assert (first.turned, second.turned) == (5, 10)
    assert first.track is not None
    assert second.track is not None
    assert second.track < first.track


def test_the_picture_of_lines_that_step_aside() -> None:
    left, right, lower_left, lower_right = cell(0), cell(6), cell(0), cell(6)
    layout = Layout(
        [[left, right, Cell("a", 3, 10)], [lower_left, lower_right, Cell("b", 3, 10)]],
        [[Hop(left, lower_right, None), Hop(right, lower_left, None)], []],
    )
    assert "\n".join(drawn(layout, UNICODE_PEN)) == snapshot("""\
│     │   ┌─┐
│     │   │a│
│     │   └─┘
╰╮    │
╭│────╯
│╰────╮
│     │
│     │   ┌─┐
│     │   │b│
│     │   └─┘\
""")


@pytest.mark.parametrize(("text", "columns"), [("ab", 2), ("日本", 4), ("e\u0301", 1), ("❤️", 2)])
def test_text_of_any_width_keeps_the_border_straight(text: str, columns: int) -> None:
    layout = lay_out([{"a": 9, "b": 9}], [], 40)
    assert layout
    lines = draw(layout, {"a": Box((text,)), "b": Box(("b",))}, UNICODE_PEN, bordered=True)
    assert len(lines[1]) == len(lines[0]) - columns + len(text)
    assert lines[1].endswith("│  │   b   │")


places = st.lists(
    st.tuples(st.floats(-50, 150), st.integers(1, 20), st.floats(0.5, 20)), min_size=1, max_size=12
)


@given(places, st.integers(0, 4), st.integers(0, 60))
@settings(deadline=None)
def test_what_is_settled_keeps_its_order_its_gaps_and_its_room(
    things: list[tuple[float, int, float]], gap: int, spare: int
) -> None:
    wanted, widths, weights = zip(*things, strict=True)
    room = sum(widths) + gap * (len(widths) - 1) + spare
    lefts = settle(wanted, widths, gap, room, weights)
    assert lefts[0] >= 0
    assert lefts[-1] + widths[-1] <= room
    for left, width, following in zip(lefts, widths, lefts[1:], strict=False):
        assert left + width + gap <= following


def test_what_has_room_stands_where_it_is_wanted() -> None:
    assert settle([0, 10, 30], [3, 3, 3], 2, 40, [1, 1, 1]) == [0, 10, 30]
    assert settle([10, 10], [3, 3], 1, 40, [1, 1]) == [8, 12]
    assert settle([10, 10], [3, 3], 1, 40, [1, 99]) == [6, 10]
    assert settle([], [], 1, 40, []) == []
