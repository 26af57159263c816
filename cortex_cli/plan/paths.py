"""Paths into JSON values: how they are written, and how they are followed."""

import re
from enum import Enum
from typing import Any, Final, cast

Path = tuple[str | int, ...]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SEGMENT = re.compile(
    r"""
    \.(?P<field>[A-Za-z_][A-Za-z0-9_-]*)
    | \[(?P<index>[0-9]{1,9})\]
    | \[(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\]
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"""\\(["'\\])""")


class Missing(Enum):
    """The type of MISSING, which tells a field that is not there from one that is null."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


class PathSyntaxError(ValueError):
    """A path that is not well formed; `position` counts characters of its text from 0.

    Whoever knows what the path is part of makes it an error for the user.
    """

    def __init__(self, reason: str, position: int, *, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position
        self.hint = hint


def read_path(text: str, start: int = 0) -> tuple[str, Path, int]:
    """The longest path that begins at `start`: its root, its segments and where it ends.

    A root is letters, digits and `_`. A segment is `.field` (letters, digits, `_` and `-`),
    `[0]`, or `["any text"]` in either kind of quotes, where a backslash keeps a quote or a
    backslash from its meaning. Raises PathSyntaxError where no name is, and for a `.field`
    that begins with `__`.
    """
    name = NAME.match(text, start)
    if name is None:
        reason = "a name is expected"
        raise PathSyntaxError(reason, start)
    segments: list[str | int] = []
    end = name.end()
    while (segment := _SEGMENT.match(text, end)) is not None:
        segments.append(_segment(segment))
        end = segment.end()
    return name[0], tuple(segments), end


def _segment(found: re.Match[str]) -> str | int:
    if found["index"] is not None:
        return int(found["index"])
    if found["quoted"] is not None:
        return unquote(found["quoted"])
    refuse_dunder(found["field"], found.start("field"))
    return found["field"]


def unquote(quoted: str) -> str:
    """The text between two quotes; a backslash before a quote or a backslash is dropped."""
    return _ESCAPED.sub(r"\1", quoted[1:-1])


def refuse_dunder(field: str, position: int) -> None:
    """Raise PathSyntaxError for a field such as `__class__`, which has no place in a manifest."""
    if field.startswith("__"):
        reason = f"a field that begins with '__' cannot be named: {field!r}"
        raise PathSyntaxError(reason, position, hint=f'a key of that name is ["{field}"]')


def walk(value: Any, path: Path) -> Any:
    """What a path leads to in a JSON value, or MISSING.

    Follows keys of mappings and places of lists, never attributes. A number also names the key
    that is its text, and a text of digits a place of a list.
    """
    for segment in path:
        if isinstance(value, dict):
            value = _in_mapping(cast(dict[Any, Any], value), segment)
        elif isinstance(value, list):
            value = _in_list(cast(list[Any], value), segment)
        else:
            return MISSING
    return value


def _in_mapping(mapping: dict[Any, Any], segment: str | int) -> Any:
    if segment in mapping:
        return mapping[segment]
    return mapping.get(str(segment), MISSING)


def _in_list(values: list[Any], segment: str | int) -> Any:
    is_place = isinstance(segment, int) or (segment.isascii() and segment.isdecimal())
    if not is_place or len(str(segment)) > len(str(len(values))):
        return MISSING
    place = int(segment)
    return values[place] if 0 <= place < len(values) else MISSING
