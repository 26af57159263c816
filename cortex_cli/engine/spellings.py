"""How a secret may be spelled in a text: as it is, escaped, percent-encoded, in base64.

A spelling is a list of elements, one a character of what is spelled, and an element is all the
ways in which that character can be written. It can be matched as a whole, and it can be told
whether the end of a text may be the beginning of one.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

Element = tuple[str, ...]
Spelling = tuple[Element, ...]

SHORTEST = 6
"""Fewer characters can't be told from any other text."""

_SHORTEST_PART = 8
_SHORTEST_PATH = 16
_WINDOW = 48
_BOUNDARY = re.compile(r"-----(BEGIN|END) .*-----")
_PLAIN = re.compile(r"[A-Za-z0-9._-]")
_SHORT_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_URL_SAFE = {"+": "-", "/": "_"}
_BREAKS = ("\n", "\r\n", "\\n", "\\r\\n")
# In base64 at a distance of 0, 1 or 2 bytes from a group's start, the characters before the first
# that is the secret's alone.
_FOREIGN = (0, 2, 3)


def pieces_of(secret: str) -> list[str]:
    """What must not be seen of a secret, each by itself: it, or the parts that it is made of.

    These are its lines, the strings in it if it is JSON, the password and the path of a URL. Long
    texts are cut into pieces, as one piece after the other hides the whole.
    """
    pieces = (piece for part in _parts(secret) for piece in _windows(part))
    return list(dict.fromkeys(pieces))


def spellings_of(piece: str) -> list[Spelling]:
    """Every way in which a piece is looked for."""
    texts = [tuple(map(_character, piece))]
    return [*texts, *(_in_base64(core) for core in _cores(piece.encode("utf-8", "surrogatepass")))]


def may_begin(spelling: Spelling, text: str, start: int) -> bool:
    """Whether more text could make `text[start:]` the spelling, or a longer one than it is."""
    positions = {start}
    for element in spelling:
        ways = [(place, way) for place in positions for way in element]
        if any(
            way.startswith(text[place:]) and len(way) > len(text) - place for place, way in ways
        ):
            return True
        positions = {place + len(way) for place, way in ways if text.startswith(way, place)}
    return False


def anchor_of(spelling: Spelling) -> str:
    """The longest run of characters that are written in one way only, line breaks aside.

    Every text that holds the spelling has it, there or in its `without_breaks`. The first
    character has no part in it: `n` may be taken for a line break with what stands before it.
    """
    runs = [""]
    for element in spelling[1:]:
        digit = element[0]
        is_plain = len(element) == 1 or (
            digit not in _URL_SAFE and element is _digit_or_break(digit)
        )
        runs = [*runs[:-1], runs[-1] + digit] if is_plain else [*runs, ""]
    return max(runs, key=len)


def without_breaks(text: str) -> str:
    """The text with no line breaks in it, escaped ones neither."""
    if "\n" not in text and "\\" not in text:
        return text
    for line_break in ("\n", "\r", "\\n", "\\r"):
        text = text.replace(line_break, "")
    return text


def _parts(secret: str) -> Iterator[str]:
    lines = [line.strip() for line in secret.splitlines()]
    parts = [
        line for line in lines if len(line) >= _SHORTEST_PART and not _BOUNDARY.fullmatch(line)
    ]
    yield from parts if parts and len(lines) > 1 else [secret]
    for string in _strings(secret):
        yield from (part for part in _parts(string) if len(part) >= _SHORTEST_PART)
    if "://" in secret and len(lines) == 1:
        yield from _of_url(secret)


def _strings(secret: str) -> Iterator[str]:
    """The strings in a secret that is JSON, such as the key of a service account."""
    if not secret.lstrip().startswith(("{", "[")):
        return
    try:
        pending: list[Any] = [json.loads(secret)]
    except (ValueError, RecursionError):
        return
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            pending.extend(cast(dict[str, Any], value).values())
        elif isinstance(value, list):
            pending.extend(cast(list[Any], value))


def _of_url(secret: str) -> Iterator[str]:
    """What programs show of a URL by itself."""
    from urllib.parse import urlsplit

    try:
        url = urlsplit(secret)
    except ValueError:
        return
    if len(url.password or "") >= SHORTEST:
        yield url.password or ""
    elif len(url.path) >= _SHORTEST_PATH:
        yield url.path
    if len(url.query) >= _SHORTEST_PART:
        yield url.query


def _windows(part: str) -> Iterator[str]:
    while len(part) >= 2 * _WINDOW:
        yield part[:_WINDOW]
        part = part[_WINDOW:]
    yield part


def _cores(data: bytes) -> Iterator[str]:
    """The base64 of some bytes, as far as what stands before and after has no part in it."""
    for shift, foreign in enumerate(_FOREIGN):
        encoded = b64encode(bytes(shift) + data).decode()
        yield encoded[foreign : (shift + len(data)) * 8 // 6]
        if shift == 0 and encoded.endswith("="):
            yield encoded.rstrip("=")


def _in_base64(core: str) -> Spelling:
    first, *others = core
    return _digit(first), *(_digit_or_break(digit) for digit in others)


@cache
def _digit(digit: str) -> Element:
    other = _URL_SAFE.get(digit)
    return (digit,) if other is None else (*_character(digit), other)


@cache
def _digit_or_break(digit: str) -> Element:
    ways = _digit(digit)
    return (*ways, *(line_break + way for line_break in _BREAKS for way in ways))


@cache
def _character(character: str) -> Element:
    if _PLAIN.fullmatch(character):
        return (character,)
    ways = [character, *_percent(character), *_escaped(character)]
    if character == " ":
        ways.append("+")
    if character in _ENTITIES:
        ways.append(_ENTITIES[character])
    return tuple(dict.fromkeys(ways))


def _percent(character: str) -> Iterator[str]:
    upper = "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
    yield from (upper, upper.lower())


def _escaped(character: str) -> Iterator[str]:
    """As in a JSON text, and as in a JSON text inside of a JSON text."""
    units = character.encode("utf-16-be", "surrogatepass")
    codes = [units[place : place + 2].hex() for place in range(0, len(units), 2)]
    for slash in ("\\", "\\\\"):
        yield "".join(f"{slash}u{code}" for code in codes)
        yield "".join(f"{slash}u{code.upper()}" for code in codes)
        if character in _SHORT_ESCAPES:
            yield slash + _SHORT_ESCAPES[character]
    if character == "\\":
        yield from ("\\\\", "\\\\\\\\")
    elif " " < character < "\x7f":
        yield from (f"\\{character}", f"\\\\\\{character}")
    if character == "\n":
        yield from ("\r\n", "\\r\\n", "%0D%0A", "%0d%0a")
