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
# What has ended stays for a while, so that the rows above don't jump between two answers.
_LINGERS_SECONDS = 10.0


def panels(view: RunView, theme: Theme, now: float, width: int, height: int) -> list[Text]:
    """The lines below the actions; none on a low screen, at most a third of a high one."""
    if height < _LEAST_HEIGHT:
        return []
    room = height // 3
    lines = [line for line in view.lines if _is_of_interest(line, now)]
    said = [_said(line, theme, width) for line in lines[-min(3, room // 3) :]]
    return [*said, *_streams(view, theme, now, width, min(6, room - len(said)))]


def _said(line: Said, theme: Theme, width: int) -> Text:
    shown = _gutter(theme, width).add(line.label, "dim", _LABEL)
    return shown.gap(2).add(line.text, "dim").text


def _is_of_interest(line: Said, now: float) -> bool:
    is_running = line.row is not None and line.row.state is ActionState.RUNNING
    return is_running or now - line.at < _LINGERS_SECONDS


def _streams(view: RunView, theme: Theme, now: float, width: int, most: int) -> list[Text]:
    """The last words of the answers that are being written: of one alone several lines."""
    streams = list(view.streams)[:_MOST_STREAMS]
    if not streams and view.streams.last and now - view.streams.last_ended_at < _LINGERS_SECONDS:
        streams = [view.streams.last]
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
