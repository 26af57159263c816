"""`Sealed`: a secret on its way to where it is needed, which shows nothing of itself before."""

import json
from collections.abc import Callable, Iterable
from typing import Any, Self, cast

MASK = "***"
"""What stands where a secret would."""


class Sealed(str):
    """A text that holds a secret: as a text it is its mask, and `reveal` gives what it stands for.

    Whoever takes it for a plain string gets the mask: JSON, logs, `repr`, slices, copies and
    pickles hold nothing else. msgspec does not encode it at all.
    """

    __slots__ = ("_value",)
    _value: str

    def __new__(cls, mask: str, value: str) -> Self:
        """`mask` is what everyone may see."""
        sealed = super().__new__(cls, mask)
        sealed._value = value
        return sealed

    def reveal(self) -> str:
        """The text itself; for where it leaves the process on purpose, and nowhere else."""
        return self._value

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """What copies and pickles are made of: the mask."""
        return str, (str(self),)


def rewritten(value: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of a nested JSON value in which `change` has replaced every scalar and every key.

    Iterative, so that no depth is too much.
    """
    holder: list[Any] = [value]
    pending: list[tuple[Any, Any]] = [(holder, 0)]
    while pending:
        container, key = pending.pop()
        child = container[key]
        if isinstance(child, dict):
            fields = cast(dict[Any, Any], child)
            copy: Any = {change(name): inner for name, inner in fields.items()}
            pending.extend((copy, name) for name in copy)
        elif isinstance(child, list | tuple):
            copy = list(cast(Iterable[Any], child))
            pending.extend((copy, place) for place in range(len(copy)))
        else:
            copy = change(child)
        container[key] = copy
    return holder[0]


def reveal(value: Any) -> Any:
    """A copy of a nested JSON value with what it holds sealed in the open."""
    return rewritten(value, _opened)


def holds_sealed(value: Any) -> bool:
    """Whether there is anything sealed in a nested JSON value, keys included."""
    pending: list[Any] = [value]
    while pending:
        child = pending.pop()
        if isinstance(child, dict):
            fields = cast(dict[Any, Any], child)
            pending.extend(fields)
            pending.extend(fields.values())
        elif isinstance(child, list | tuple):
            pending.extend(cast(Iterable[Any], child))
        elif isinstance(child, Sealed):
            return True
    return False


def joined(parts: Iterable[str]) -> str:
    """The parts one after the other; sealed if one of them is, with the rest still readable."""
    known = list(parts)
    text = "".join(known)
    if any(isinstance(part, Sealed) for part in known):
        return Sealed(text, "".join(map(_opened, known)))
    return text


def as_json(value: Any) -> str:
    """A value as compact JSON; sealed if there is anything sealed in it."""
    text = _compact(value)
    return Sealed(text, _compact(reveal(value))) if holds_sealed(value) else text


def _opened(value: Any) -> Any:
    return value.reveal() if isinstance(value, Sealed) else value


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
