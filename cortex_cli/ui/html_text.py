"""Text for a page: made safe to show, then escaped; and the few shapes that text comes in."""

from collections.abc import Iterable, Sequence
from html import escape

from cortex_cli.ui.sanitise import safe_line, safe_text

_LINE = 600


def text(value: str, most: int = _LINE) -> str:
    """Any text as one line of a page: controls and bidi overrides are shown, markup is text."""
    return escape(safe_line(value, most))


def block(value: str, left_out: int = 0) -> str:
    """Any text with its lines kept; a mark says how many characters it lacks."""
    mark = f'<p class="cut">cut here: {left_out:,} more characters</p>' if left_out > 0 else ""
    return f"<pre>{escape(safe_text(value))}</pre>{mark}"


def section(title: str, body: str, note: str = "", style: str = "") -> str:
    """A part of the page under its title; nothing if there is nothing in it."""
    if not body:
        return ""
    small = f" <small>{text(note)}</small>" if note else ""
    styled = f' class="{style}"' if style else ""
    return f"<section{styled}><h2>{text(title)}{small}</h2>{body}</section>\n"


def fold(title: str, body: str, note: str = "", *, is_open: bool = False) -> str:
    """Something that can be opened and closed."""
    small = f" <small>{text(note)}</small>" if note else ""
    opened = " open" if is_open else ""
    return f'<details class="fold"{opened}><summary>{text(title)}{small}</summary>{body}</details>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], figures: Sequence[int]) -> str:
    """Rows of cells that are HTML already; nothing without rows. `figures` are columns of numbers."""
    body = "".join(f"<tr>{_cells('td', row, figures)}</tr>" for row in rows)
    if not body:
        return ""
    head = _cells("th", heads, figures)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(tag: str, cells: Sequence[str], figures: Sequence[int]) -> str:
    return "".join(
        f'<{tag} class="n">{cell}</{tag}>' if place in figures else f"<{tag}>{cell}</{tag}>"
        for place, cell in enumerate(cells)
    )
