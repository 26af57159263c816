"""What `cortex why` prints: the sentences, then the events that show them."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

from cortex_cli.ui.entry import section
from cortex_cli.ui.line import Line
from cortex_cli.ui.theme import STATE_STYLES, STATE_WORDS, Theme
from cortex_cli.ui.why import Evidence, Explanation
from cortex_cli.ui.wrapping import wrapped

_SECONDS = 8
_MOST_LINES = 12


def why_lines(explanation: Explanation, theme: Theme, width: int) -> Iterator[Text]:
    """The lines, `width` columns wide (at least 40)."""
    state = explanation.state
    head = Line(theme, width).add(theme.glyph(state), STATE_STYLES[state]).gap(1)
    word = f" {STATE_WORDS[state]}"
    head.add(explanation.action, "bold", max(8, head.left - len(word)))
    yield head.add(word, STATE_STYLES[state]).text
    for told in explanation.sentences:
        yield from _sentence(told, theme, width)
    yield from section("Events", _events(explanation, theme, width))


def _sentence(told: str, theme: Theme, width: int) -> Iterator[Text]:
    parts = [part for part in theme.text(told).split("\n") if part.strip()]
    lines = [line for part in parts for line in wrapped(part, width - 2)]
    for line in lines[:_MOST_LINES]:
        yield Line(theme, width).gap(2).add(line).text
    if len(lines) > _MOST_LINES:
        yield Line(theme, width).gap(2).add(theme.glyphs.ellipsis, "dim").text


def _events(explanation: Explanation, theme: Theme, width: int) -> Iterator[Text]:
    names = [cell_len(theme.line(one.action)) for one in explanation.evidence]
    name = min(max(names, default=0), width // 3)
    for one in explanation.evidence:
        yield _event(one, theme, width, name, is_own=one.action == explanation.action)
    if explanation.left_out:
        more = f"{theme.glyphs.ellipsis} {explanation.left_out:,} more"
        yield Line(theme, width).gap(2).add(more, "dim").text


def _event(one: Evidence, theme: Theme, width: int, name: int, *, is_own: bool) -> Text:
    line = Line(theme, width).column(f"{one.seconds:.2f}s", _SECONDS, "dim", right=True).gap(2)
    line.column(one.action, name, "" if is_own else "dim").gap(2)
    return line.add(one.what, "" if is_own else "dim").text
