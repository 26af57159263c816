"""What is meant to be read in a text: HTML without its tags, the texts in JSON, Markdown blocks.

Everything here is linear in the length of the text.
"""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

_DEEPEST = 50
_HEADING_WORDS = 8

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)\b[^<>]{0,2000}>|<!--|<![A-Za-z][^<>]{0,2000}>")
_UNSHOWN = {
    name: re.compile(f"</{name}[^<>]{{0,100}}>", re.IGNORECASE)
    for name in ("head", "script", "style", "template")
}
_COMMENT_END = re.compile("-->")
_INLINE_TAGS = "a abbr b bdi cite code em font i kbd mark q s small span strong sub sup u var"
_INLINE = frozenset(_INLINE_TAGS.split())
_BULLET = re.compile(r"\s*(?:[-*+•‣◦]|\(?[0-9]{1,3}[.)])\s+(?=\S)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_RULE = re.compile(r"[-=*_|+:\s]{3,}")
_ENDS = (".", "!", "?", "\u2026", "\u3002", "\uff01", "\uff1f", '"', "\u201d", ")")
_EMPHASIS = re.compile(r"\*\*|`")
_LINK = re.compile(r"!?\[([^\[\]]{1,300})\]\([^()\s]{1,500}\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph or list item on one line; or a heading or row of a table, which are no prose."""

    text: str
    is_heading: bool = False


def blocks_of(text: str) -> list[Block]:
    """The blocks of a text in order; JSON gives its texts, and `key: value` for other values."""
    values = list(_json_texts(text))
    if not values:
        return list(_prose(_without_tags(text)))
    return [Block(block.text) for value in values for block in _prose(_without_tags(value))]


def _json_texts(text: str) -> Iterator[str]:
    """The texts in the JSON that is most of a text; nothing if there is none."""
    start = min((text.find(mark) for mark in "[{" if mark in text), default=-1)
    if start < 0:
        return
    try:
        value, end = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode(text, start)
    except (ValueError, RecursionError):
        return
    if 2 * (end - start) >= len(text.strip()):
        yield from _leaves(value, "", _DEEPEST)


def _leaves(value: Any, key: str, depth: int) -> Iterator[str]:
    if depth and isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _leaves(inner, name, depth - 1)
    elif depth and isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _leaves(inner, key, depth - 1)
    elif isinstance(value, str) and " " in value.strip():
        yield value
    elif value is not None and value != "":
        yield f"{key}: {value}" if key else str(value)


def _without_tags(text: str) -> str:
    """The text with tags, comments, scripts and entities replaced by what they show."""
    kept: list[str] = []
    end = 0
    while tag := _TAG.search(text, end):
        kept.append(text[end : tag.start()])
        closing, name = tag[1], (tag[2] or "").lower()
        kept.append("" if name in _INLINE else "\n\n")
        end = tag.end()
        hidden = _COMMENT_END if tag[0] == "<!--" else None if closing else _UNSHOWN.get(name)
        if hidden is not None:
            # Without its end it hides all that follows, as it does in a browser.
            closed = hidden.search(text, end)
            end = len(text) if closed is None else closed.end()
    kept.append(text[end:])
    return html.unescape("".join(kept))


def _prose(text: str) -> Iterator[Block]:
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        bullet = _BULLET.match(line)
        heading = _HEADING.match(line)
        is_row = line.lstrip().startswith("|")
        if not line.strip() or bullet or heading or is_row or _RULE.fullmatch(line):
            yield from _paragraph(paragraph)
            paragraph = [line[bullet.end() :]] if bullet else []
        else:
            paragraph.append(line.lstrip("> \t"))
        if heading:
            yield Block(_plain(line[heading.end() :]).rstrip("# "), is_heading=True)
        elif is_row and not _RULE.fullmatch(line):
            cells = (cell.strip() for cell in line.split("|"))
            yield Block(_plain(", ".join(cell for cell in cells if cell)), is_heading=True)


def _paragraph(lines: list[str]) -> Iterator[Block]:
    text = _plain(" ".join(lines))
    if text:
        is_short = len(text.split(maxsplit=_HEADING_WORDS)) <= _HEADING_WORDS
        is_sentence = text.endswith(_ENDS) or any(f"{end} " in text for end in ".!?")
        yield Block(text, is_heading=is_short and not is_sentence)


def _plain(text: str) -> str:
    return " ".join(_EMPHASIS.sub("", _LINK.sub(r"\1", text)).split())
