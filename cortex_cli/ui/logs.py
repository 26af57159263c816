"""What `cortex logs` prints: a line for each line that was said, with when and by whom."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from cortex_cli.ui.line import Line
from cortex_cli.ui.said import Kind, Saying
from cortex_cli.ui.theme import Theme

_WHOLE_LINE = 1_000_000
_SECONDS = 9
_STYLES = {
    Kind.PROGRESS: "",
    Kind.TEXT: "cyan",
    Kind.THOUGHT: "italic dim",
    Kind.WARNING: "yellow",
    Kind.RETRY: "yellow",
    Kind.ERROR: "red",
}
_WORDS = {
    Kind.PROGRESS: "",
    Kind.TEXT: "says: ",
    Kind.THOUGHT: "thinks: ",
    Kind.WARNING: "warning: ",
    Kind.RETRY: "",
    Kind.ERROR: "failed: ",
}


def log_lines(sayings: Iterable[Saying], name: str, theme: Theme) -> Iterator[Text]:
    """`    0.52s  fetch_arxiv  says: …`: nothing is cut, so that it can be searched.

    `name` is that of the run, for what no action has said.
    """
    for saying in sayings:
        word = _WORDS[saying.kind]
        parts = theme.text(saying.text).split("\n")
        for part in filter(str.strip, parts):
            line = Line(theme, _WHOLE_LINE)
            line.column(f"{saying.seconds:.2f}s", _SECONDS, "dim", right=True).gap(2)
            line.add(saying.action or name or "run", "bold").gap(2)
            line.add(word, "dim").text.append(part, _STYLES[saying.kind] or None)
            yield line.text
            word = " " * len(word)
