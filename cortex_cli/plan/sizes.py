"""How much JSON a value makes, told without making it."""

from collections.abc import Iterable
from typing import Any, cast

from cortex_cli.errors import ActionError

LARGEST = 16 * 1024 * 1024

# The largest output is 16 MiB itself, and the mark that says it was cut; it can be passed on whole.
_MARK = 1024
_SCALAR = 6
# Up to so many parts a value is counted as a tree, which costs a third of what sharing does.
_FEW = 10_000
_BITS_OF_DIGIT = 3

_Container = dict[Any, Any] | list[Any]


class Room:
    """The room for one value that is put together: about 16 MiB of JSON.

    A part counts each time that it occurs. A few values nested into each other twice at each
    level, which take next to no memory, would be too large for anyone to write down.
    """

    __slots__ = ("_kept", "_left", "_sizes")

    def __init__(self) -> None:
        """All the room there is."""
        self._left = LARGEST + _MARK
        self._sizes: dict[int, int] = {}
        # Invariant: whatever has its id among the sizes is alive, so that no id has a new owner.
        self._kept: list[_Container] = []

    def take(self, value: Any) -> None:
        """Take the room that a part needs; ActionError of type `too_large` if there is too little.

        The size is the length of the JSON text, with escapes left out.
        """
        size = _plain_size(value)
        if size is None:
            self._measure(cast(_Container, value))
            size = self._size(value)
        self._left -= size
        if self._left < 0:
            raise _too_large()

    def _measure(self, value: _Container) -> None:
        self._kept.append(value)
        pending: list[_Container] = [value]
        begun: set[int] = set()
        while pending:
            container = pending[-1]
            key = id(container)
            if key in begun or key in self._sizes:
                pending.pop()
                if key not in self._sizes:
                    self._sizes[key] = self._sum(container)
                continue
            if 2 * len(container) > self._left:
                raise _too_large()
            begun.add(key)
            inner = [
                cast(_Container, child)
                for child in _values(container)
                if isinstance(child, (dict, list)) and id(cast(_Container, child)) not in begun
            ]
            if inner:
                pending += inner
            else:
                pending.pop()
                self._sizes[key] = self._sum(container)

    def _sum(self, container: _Container) -> int:
        size = 2 + sum(self._size(child) + 1 for child in _values(container))
        if isinstance(container, dict):
            size += sum(len(str(key)) + 3 for key in container)
        if size > self._left:
            raise _too_large()
        return size

    def _size(self, value: Any) -> int:
        if isinstance(value, (dict, list)):
            # A value that holds itself has no JSON text: whoever writes it down says so.
            return self._sizes.get(id(cast(_Container, value)), 0)
        return _scalar_size(value)


def _plain_size(value: Any) -> int | None:
    """The size of a value of few parts, each counted as it occurs; None for one of many."""
    size = parts = 0
    pending = [value]
    while pending:
        part = pending.pop()
        parts += 1
        if parts > _FEW:
            return None
        if isinstance(part, dict):
            fields = cast(dict[Any, Any], part)
            size += 2 + sum(len(str(key)) + 4 for key in fields)
            pending.extend(fields.values())
        elif isinstance(part, list):
            elements = cast(list[Any], part)
            size += 2 + len(elements)
            pending.extend(elements)
        else:
            size += _scalar_size(part)
    return size


def _scalar_size(value: Any) -> int:
    if isinstance(value, str):
        return 2 + (len(value) if value.isascii() else _encoded(value))
    return value.bit_length() // _BITS_OF_DIGIT + 1 if isinstance(value, int) else _SCALAR


def _values(container: _Container) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _encoded(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _too_large() -> ActionError:
    return ActionError(
        "with the values of its references this would be larger than 16 MiB",
        error_type="too_large",
        retryable=False,
        hint="pass on a part of the value, or the path of a file",
    )
