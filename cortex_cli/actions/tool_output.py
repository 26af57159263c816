"""What the text that a tool has written says: a JSON value, plain text, a reason."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, cast

import msgspec

LONGEST_REASON = 2_000

_OPENING = re.compile(r"^[ \t]*[\[{]", re.MULTILINE)
_REST_OF_LINE = re.compile(r"[ \t\r]*$", re.MULTILINE)
# Only finds where a value ends: numbers stay text, so that no length of theirs matters.
_FINDER = json.JSONDecoder(parse_int=str, parse_float=str)
_SPARE_CHARS = 1_000_000
_DEEP_CHARS = 10_000


def command_output(text: str) -> Any:
    """The value of a text that is JSON as a whole; otherwise the text without its last line end."""
    return _first_json([text], text)


def script_output(text: str) -> Any:
    """The last JSON value of a text; if there is none, the text without its last line end.

    A value stands alone on the lines that it takes up. A number, a string, true, false or null
    counts on the last line only, objects and arrays anywhere.
    """
    return _first_json(_values(text), text)


def as_object(line: str) -> dict[str, Any]:
    """The JSON object that a line is; empty if it is none."""
    if line.startswith("{"):
        with suppress(msgspec.DecodeError, RecursionError):
            return msgspec.json.decode(line, type=dict[str, Any])
    return {}


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a value that is an object; none of any other."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def one_line(reason: object, masked: Callable[[str], str] = str) -> str:
    """A reason for people, on one line: a text, or a value as JSON; cut after 2,000 characters.

    `masked` takes the secrets out before it is cut.
    """
    text = masked(reason if isinstance(reason, str) else msgspec.json.encode(reason).decode())
    line = " ".join(part.strip() for part in text.splitlines() if part.strip())
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]} … [cut]"


def _first_json(candidates: Iterator[str] | list[str], text: str) -> Any:
    for candidate in candidates:
        with suppress(msgspec.DecodeError, RecursionError):
            return msgspec.json.decode(candidate)
    return text.removesuffix("\n").removesuffix("\r")


def _values(text: str) -> Iterator[str]:
    yield text
    yield text.rstrip().rpartition("\n")[2]
    yield from _last_container(text)


def _last_container(text: str) -> Iterator[str]:
    last: tuple[int, int] | None = None
    position = 0
    # Text that begins values over and over and never ends them must not take quadratic time.
    left = len(text) + _SPARE_CHARS
    while left > 0 and (opening := _OPENING.search(text, position)):
        start = opening.end() - 1
        end, read = _end_of_value(text, start)
        if end is not None and _REST_OF_LINE.match(text, end):
            last = start, end
        position = opening.end() if end is None else end
        left -= read
    if last:
        yield text[slice(*last)]


def _end_of_value(text: str, start: int) -> tuple[int | None, int]:
    """Where the value that starts here ends, if it does; how many characters were read in vain."""
    try:
        return _FINDER.raw_decode(text, start)[1], 0
    except json.JSONDecodeError as error:
        return None, error.pos - start + 1
    except RecursionError:
        return None, _DEEP_CHARS
