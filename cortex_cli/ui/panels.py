"""What models are writing and what tools have said last, beneath the actions."""

from rich.text import Text

from cortex_cli.kinds import ActionState
from cortex_cli.ui.line import Line
from cortex_cli.ui.run_view import RunView, Said
from cortex_cli.ui.streams import Stream
from cortex_cli.ui.theme import Theme
from cortex_cli.ui.wrapping import wrapped

_LEAST_HEIGHT = 12
_MOST_STREAMS = 4
_LABEL = 24
_NOTICE_SECONDS = 10.0


def panels(view: RunView, theme: Theme, width: int, height: int) -> list[Text]:
    """The lines below the actions; none on a low screen, at most a third of a high one."""
    if height < _LEAST_HEIGHT:
        return []
    room = height // 3
    said = _said(view, theme, width, min(3, room // 3))
    return [*said, *_streams(view, theme, width, min(6, room - len(said)))]


def _said(view: RunView, theme: Theme, width: int, most: int) -> list[Text]:
    """The last lines of progress, the newest at the bottom."""
    lines = [line for line in view.lines if _is_of_interest(line, view.latest)]
    return [
        _gutter(theme, width).add(line.label, "dim", _LABEL).gap(2).add(line.text, "dim").text
        for line in lines[-most:]
    ]


def _is_of_interest(line: Said, latest: float) -> bool:
    if line.row is None:
        return latest - line.at < _NOTICE_SECONDS
    return line.row.state is ActionState.RUNNING


def _streams(view: RunView, theme: Theme, width: int, most: int) -> list[Text]:
    """The last words of the answers that are being written: of one alone several lines."""
    streams = list(view.streams)[:_MOST_STREAMS]
    if not streams:
        return []
    if len(streams) == 1:
        return _stream(streams[0], theme, width, most)
    return [_last_words(stream, theme, width) for stream in streams[:most]]


def _stream(stream: Stream, theme: Theme, width: int, most: int) -> list[Text]:
    head = _gutter(theme, width).add(stream.label, "bold", max(_LABEL, width // 2))
    kind = "thinks" if stream.is_thought else f"{stream.tokens:,} tokens"
    head.gap(2).add(stream.model, "cyan").gap(2 if stream.model else 0).add(kind, "dim")
    style = "italic dim" if stream.is_thought else ""
    lines = _last_lines(stream, theme, width - 2, most - 1)
    return [head.text, *(_gutter(theme, width).add(line, style).text for line in lines)]


def _last_words(stream: Stream, theme: Theme, width: int) -> Text:
    line = _gutter(theme, width).column(stream.label, min(_LABEL, width // 3), "bold").gap(2)
    words = _last_lines(stream, theme, line.left, 1)
    return line.add(words[0] if words else "", "italic dim" if stream.is_thought else "").text


def _last_lines(stream: Stream, theme: Theme, width: int, most: int) -> list[str]:
    """The last lines of an answer; wrapped from where each began, so that none jumps about."""
    lines: list[str] = []
    for written in reversed(stream.text.rstrip().split("\n")):
        lines[:0] = wrapped(theme.line(written), width)
        if len(lines) >= most:
            break
    return lines[-most:]


def _gutter(theme: Theme, width: int) -> Line:
    return Line(theme, width).add(f"{theme.glyphs.gutter} ", "dim")
