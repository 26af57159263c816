"""A label and what belongs to it, folded to the width of the screen; several under one title."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from cortex_cli.ui.line import Line
from cortex_cli.ui.theme import Theme
from cortex_cli.ui.wrapping import wrapped

LABEL = 9
MOST_LINES = 5


def entry(theme: Theme, width: int, label: str, text: str, style: str = "") -> Iterator[Text]:
    """At most five lines of a text, indented, the label before the first."""
    room = width - 2 - LABEL - 1
    parts = [part for part in theme.text(text).split("\n") if part.strip()]
    lines = [line for part in parts for line in wrapped(part, room)]
    cut = len(lines) > MOST_LINES
    for place, shown in enumerate(lines[:MOST_LINES]):
        line = Line(theme, width).gap(2)
        line.column("" if place else label, LABEL, style or "dim").gap(1)
        line.add(shown, "")
        if cut and place == MOST_LINES - 1:
            line.add(f" {theme.glyphs.ellipsis}", "dim")
        yield line.text


def section(title: str, lines: Iterable[Text], note: str = "") -> Iterator[Text]:
    """The lines under their title, after an empty one; nothing if there are none."""
    body = list(lines)
    if body:
        yield Text()
        yield Text.assemble((title, "bold"), (f"  {note}" if note else "", "dim"))
        yield from body
