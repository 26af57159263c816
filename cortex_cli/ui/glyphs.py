"""The drawing characters, once for Unicode and once for ASCII."""

from collections.abc import Mapping
from dataclasses import dataclass

from cortex_cli.kinds import ActionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """The drawing characters; each string is one column wide, or one column a character.

    `bar` and its two halves draw a stretch of time; `track` is what a bar hasn't reached, `wait`
    is time spent waiting. A tree is drawn with `branch`, `last`, `pipe` and `blank`, all three wide.
    """

    states: Mapping[ActionState, str]
    spinner: str
    bar: str
    bar_starts: str
    bar_ends: str
    track: str
    wait: str
    ellipsis: str
    gutter: str
    arrow: str
    separator: str
    branch: str
    last: str
    pipe: str
    blank: str = "   "


UNICODE = Glyphs(
    states={
        ActionState.PENDING: "·",
        ActionState.WAITING_FOR_DEPENDENCIES: "·",
        ActionState.QUEUED: "○",
        ActionState.RUNNING: "●",
        ActionState.COMPLETED: "✓",
        ActionState.FAILED: "✗",
        ActionState.CANCELLED: "■",
        ActionState.SKIPPED: "-",
    },
    spinner="⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
    bar="━",
    bar_starts="╺",
    bar_ends="╸",
    track="─",
    wait="·",
    ellipsis="…",
    gutter="│",
    arrow="→",
    separator="·",
    branch="├─ ",
    last="└─ ",
    pipe="│  ",
)
ASCII = Glyphs(
    states={
        ActionState.PENDING: ".",
        ActionState.WAITING_FOR_DEPENDENCIES: ".",
        ActionState.QUEUED: "o",
        ActionState.RUNNING: "*",
        ActionState.COMPLETED: "+",
        ActionState.FAILED: "x",
        ActionState.CANCELLED: "!",
        ActionState.SKIPPED: "-",
    },
    spinner="|/-\\",
    bar="#",
    bar_starts="#",
    bar_ends="#",
    track="-",
    wait=".",
    ellipsis="...",
    gutter="|",
    arrow="->",
    separator="-",
    branch="|- ",
    last="`- ",
    pipe="|  ",
)
