r"""User text made safe to show: what would steer a terminal, or hide, becomes a visible escape.

Names, errors, tool output and model output go through here before they reach any screen or log
line; what is stored stays as it was. What is shown instead: `\x1b`, `\u202e`, `\u{e0041}` for
controls, format characters, lone surrogates and unassigned code points; a mark with
a number where something was cut. Making text safe twice changes nothing more.
"""

import re
from functools import lru_cache
from unicodedata import category

LINE_LIMIT = 2_000
TEXT_LIMIT = 1_000_000

_MOST_MARKS = 4
_TAB = "    "

# Letters, digits, punctuation and emoji that need no closer look. Everything else is looked up in
# the Unicode tables one by one, so leaving a good range out here costs time, never safety.
_UNSUSPICIOUS = (
    r"\n\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0373\u0384-\u03ff\u0400-\u0482\u2010-\u2027"
    r"\u2190-\u2bff\u3001-\u3029\u3041-\u3096\u30a0-\u30ff\u4e00-\u9fff\uac00-\ud7a3"
    r"\U0001f300-\U0001faff"
)
_SUSPICIOUS = re.compile(f"[^{_UNSUSPICIOUS}]+")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
# Not format characters by category, yet drawn as nothing: fillers, joiners, selectors.
_HIDDEN_LETTERS = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_SELECTORS = frozenset({"\ufe0e", "\ufe0f"})
_KEYCAP = "\u20e3"


def safe_line(text: str, limit: int = LINE_LIMIT) -> str:
    r"""`text` as one line of at most `limit` characters (at least 40), safe to print.

    Line ends inside it are shown as `\n`, those at its end are dropped; a tab is four spaces. What
    was cut is counted: `… (+12,345 characters)`.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    head = text[: limit + 1]
    if len(head) == len(text):
        head = head.rstrip("\r\n")
    safe = _escape(head).replace("\n", "\\n")
    return _cut(safe, limit, beyond=len(text) - limit - 1)


def safe_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` with its lines kept, safe to print, at most `limit` characters (at least 40) long.

    A line end of two characters is one, a tab is four spaces. No line is cut.
    """
    head = text[: limit + 1]
    return _cut(_escape(head.replace("\r\n", "\n")), limit, beyond=len(text) - limit - 1)


def fit(text: str, cells: int, ellipsis: str = "…") -> str:
    """`text`, which is safe already, cut to at most `cells` columns; `ellipsis` shows the cut."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= cells:
        return text
    if cells <= len(ellipsis):
        return ellipsis[: max(0, cells)]
    return set_cell_size(text, cells - len(ellipsis)).rstrip() + ellipsis


def pad(text: str, cells: int, ellipsis: str = "…") -> str:
    """`text`, which is safe already, cut or filled with spaces to exactly `cells` columns."""
    from rich.cells import cell_len

    cut = fit(text, cells, ellipsis)
    return cut + " " * (cells - cell_len(cut))


def in_ascii(text: str) -> str:
    """`text` for a stream that has only ASCII: other characters as escapes."""
    return text if text.isascii() else "".join(c if c < "\x7f" else escape(c) for c in text)


def escape(character: str) -> str:
    r"""The visible escape of one character: `\x1b`, `\u202e` or `\u{e0041}`."""
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\u{{{point:x}}}"


def _escape(text: str) -> str:
    return _SUSPICIOUS.sub(_shown, text)


def _cut(safe: str, limit: int, *, beyond: int) -> str:
    """`safe` cut to `limit`; `beyond` characters were never looked at, or none if negative."""
    if len(safe) <= limit and beyond < 0:
        return safe
    total = len(safe) + max(0, beyond)
    room = limit - len(f"… (+{total:,} characters)")
    kept = safe[: max(0, room)].rstrip("\ufe0e\ufe0f")
    return f"{kept}… (+{total - len(kept):,} characters)"


@lru_cache(maxsize=4_096)
def _kind(character: str) -> str:
    if character in _SELECTORS:
        return "selector"
    of = category(character)
    if of in _HIDDEN_CATEGORIES or _HIDDEN_LETTERS.match(character):
        return "hidden"
    return "mark" if of[0] == "M" else "plain"


def _shown(match: re.Match[str]) -> str:
    """A run of suspicious characters as it is shown.

    Marks need something to sit on: at the start of a line, or after an escape, they are escaped.
    One emoji or text selector may follow a character that can have one.
    """
    run = match[0]
    base = match.string[match.start() - 1] if match.start() else "\n"
    shown: list[str] = []
    marks = 0
    for place, character in enumerate(run):
        kind = _kind(character)
        if kind == "mark" and base != "\n":
            marks += 1
            if marks <= _MOST_MARKS:
                shown.append(character)
            continue
        shown.append(_cut_marks(marks))
        bare = marks == 0
        marks = 0
        if kind == "plain":
            shown.append(character)
            base = character
        elif kind == "selector" and bare and _takes_selector(base, run[place + 1 : place + 2]):
            shown.append(character)
            base = "a"
        else:
            shown.append(_TAB if character == "\t" else escape(character))
            base = " " if character == "\t" else "\n"
    return "".join([*shown, _cut_marks(marks)])


def _takes_selector(base: str, following: str) -> bool:
    return base > "\x7f" or (base in "0123456789#*" and following == _KEYCAP)


def _cut_marks(marks: int) -> str:
    return f"…(+{marks - _MOST_MARKS:,} marks)" if marks > _MOST_MARKS else ""
