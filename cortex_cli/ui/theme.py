"""How things look: words, glyphs and colours for states and types, and the consoles to print on.

Colours are the terminal's own sixteen, so they follow the user's scheme. No fact is told by colour
or glyph alone: a word always stands beside it.
"""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, TYPE_CHECKING

from cortex_cli.kinds import ActionState, ActionType, Severity
from cortex_cli.ui.glyphs import ASCII, UNICODE, Glyphs
from cortex_cli.ui.sanitise import LINE_LIMIT, fit, in_ascii, pad, safe_line, safe_text

if TYPE_CHECKING:
    from rich.console import Console

STATE_STYLES: Mapping[ActionState, str] = {
    ActionState.PENDING: "dim",
    ActionState.WAITING_FOR_DEPENDENCIES: "dim",
    ActionState.QUEUED: "yellow",
    ActionState.RUNNING: "cyan",
    ActionState.COMPLETED: "green",
    ActionState.FAILED: "bold red",
    ActionState.CANCELLED: "magenta",
    ActionState.SKIPPED: "dim",
}
STATE_WORDS: Mapping[ActionState, str] = {
    **{state: state.value for state in ActionState},
    ActionState.PENDING: "waiting",
    ActionState.WAITING_FOR_DEPENDENCIES: "waiting",
}
TYPE_STYLES: Mapping[ActionType, str] = {
    ActionType.TOOL: "blue",
    ActionType.AGENT: "magenta",
    ActionType.RELIC: "yellow",
    ActionType.WORKFLOW: "magenta",
    ActionType.LLM: "cyan",
    ActionType.DECISION: "green",
    ActionType.INTERNAL: "dim",
}
SEVERITY_STYLES: Mapping[Severity, str] = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "cyan",
}
_DUMB = frozenset({"dumb", "unknown"})


class ColorChoice(StrEnum):
    """What `--color` takes."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """What a stream can show: which glyphs, and whether its encoding has more than ASCII."""

    glyphs: Glyphs = UNICODE
    ascii_only: bool = False

    def line(self, text: str, cells: int | None = None) -> str:
        """Any text as one safe line that the stream can encode, cut to `cells` columns if given."""
        limit = LINE_LIMIT if cells is None else max(LINE_LIMIT, cells)
        shown = self._encodable(safe_line(text, limit))
        return shown if cells is None else fit(shown, cells, self.glyphs.ellipsis)

    def cell(self, text: str, cells: int) -> str:
        """Any text as one safe line of exactly `cells` columns."""
        return pad(self.line(text), cells, self.glyphs.ellipsis)

    def text(self, text: str) -> str:
        """Any text with its lines kept, safe, and such that the stream can encode it."""
        return self._encodable(safe_text(text))

    def glyph(self, state: ActionState) -> str:
        """The one-column sign of a state."""
        return self.glyphs.states[state]

    def spinner(self, seconds: float) -> str:
        """The sign of something that runs, turning with the time at eight steps a second."""
        frames = self.glyphs.spinner
        return frames[int(seconds * 8) % len(frames)]

    def _encodable(self, text: str) -> str:
        if not self.ascii_only:
            return text
        return "\n".join(in_ascii(line.replace("…", "...")) for line in text.split("\n"))


def wants_color(choice: ColorChoice, environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether to colour: `--color`, then NO_COLOR, then FORCE_COLOR, then TERM and the stream."""
    if choice is not ColorChoice.AUTO:
        return choice is ColorChoice.ALWAYS
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in {"", "0"}:
        return True
    return is_terminal and not is_dumb(environ)


def is_dumb(environ: Mapping[str, str]) -> bool:
    """Whether TERM says that the terminal can't move its cursor."""
    return environ.get("TERM", "").lower() in _DUMB


def theme_for(stream: IO[str], environ: Mapping[str, str]) -> Theme:
    """The theme for a text stream: plain glyphs for a dumb terminal or a narrow encoding."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    narrow = not codecs.lookup(encoding).name.startswith("utf")
    return Theme(glyphs=ASCII if narrow or is_dumb(environ) else UNICODE, ascii_only=narrow)


def make_console(
    stream: IO[str],
    environ: Mapping[str, str],
    color: ColorChoice = ColorChoice.AUTO,
    width: int | None = None,
    height: int | None = None,
) -> "Console":
    """A rich console on `stream` that takes no markup, no emoji codes and highlights nothing.

    Its size, in columns and rows, is what is given, else COLUMNS and LINES, else the terminal's.
    """
    from rich.console import Console

    is_terminal = stream.isatty()
    dumb = is_dumb(environ)
    colored = wants_color(color, environ, is_terminal=is_terminal)
    return Console(
        file=stream,
        force_terminal=is_terminal,
        force_interactive=is_terminal and not dumb,
        color_system="standard" if colored else None,
        no_color=not colored,
        width=width or _size_of(environ, "COLUMNS") or (80 if dumb else None),
        height=height or _size_of(environ, "LINES") or (24 if dumb else None),
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={name: environ[name] for name in environ if name not in {"COLUMNS", "LINES"}},
    )


def _size_of(environ: Mapping[str, str], name: str) -> int | None:
    given = environ.get(name, "")
    return (int(given) or None) if given.isdecimal() and len(given) < 6 else None
