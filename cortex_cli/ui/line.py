"""Lines of a display, which never grow wider than their room."""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cortex_cli.ui.sanitise import fit
from cortex_cli.ui.theme import Theme


class Line:
    """Builds a line piece by piece: each is made safe, and cut where the room ends."""

    def __init__(self, theme: Theme, width: int) -> None:
        """`width` is the room in columns."""
        self.text = Text(no_wrap=True, overflow="crop")
        self.left = max(0, width)
        self.theme = theme

    def add(self, text: str, style: str = "", most: int | None = None) -> "Line":
        """Append a piece of at most `most` columns."""
        room = self.left if most is None else min(most, self.left)
        if room > 0 and text:
            shown = self.theme.line(text, room)
            self.left -= cell_len(shown)
            self.text.append(shown, style or None)
        return self

    def column(self, text: str, cells: int, style: str = "", *, right: bool = False) -> "Line":
        """Append a piece as a column of exactly `cells`, or of what room there is."""
        cells = min(cells, self.left)
        shown = fit(self.theme.line(text), cells, self.theme.glyphs.ellipsis)
        blank = cells - cell_len(shown)
        if right:
            self.gap(blank)
        self.add(shown, style)
        return self if right else self.gap(blank)

    def gap(self, cells: int) -> "Line":
        """Append spaces."""
        cells = max(0, min(cells, self.left))
        self.left -= cells
        self.text.append(" " * cells)
        return self

    def take(self, other: "Line") -> "Line":
        """Append another line if there is room for it."""
        if other.text.cell_len <= self.left:
            self.left -= other.text.cell_len
            self.text.append_text(other.text)
        return self

    def end(self, other: "Line") -> "Line":
        """Append another line at the right edge if there is room for it."""
        return self.gap(self.left - other.text.cell_len).take(other)


def print_lines(console: Console, lines: Iterable[Text]) -> None:
    """Print lines as they are; what is longer than the screen is left to the terminal to fold."""
    for line in lines:
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
