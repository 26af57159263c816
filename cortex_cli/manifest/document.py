"""What was read from a file: the values, and the place of each in the file."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

Step: TypeAlias = str | int

_INDEXED_FROM = 32
_ALWAYS_ALLOWED = 50_000
_BYTES_A_VALUE = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a document may hold; what goes beyond is an error.

    `max_bytes` is the size of the file, `max_depth` the nesting of lists and mappings, `max_nodes`
    the number of values (keys not counted, what aliases repeat counted each time), `max_aliases`
    the number of aliases written.
    """

    max_bytes: int = 32 * 1024 * 1024
    max_depth: int = 64
    max_nodes: int = 3_000_000
    max_aliases: int = 1_000

    def most_values(self, size: int) -> int:
        """How many values a file of `size` bytes may write down, besides what aliases repeat.

        Manifests have less than one in five bytes. A megabyte that has one in two would take more
        than the second in which all that is wrong with it is to be known.
        """
        return min(self.max_nodes, _ALWAYS_ALLOWED + size // _BYTES_A_VALUE)


def packed(line: int, column: int) -> int:
    """A place as one integer; both parts count from 0 and stay below 2 ** 32."""
    return line << 32 | column


def unpacked(place: int) -> tuple[int, int]:
    """The line and column, from 1, of a packed place."""
    return (place >> 32) + 1, (place & 0xFFFFFFFF) + 1


class Places:
    """The packed places of all values of a document, at 8 bytes a place.

    The places of a container's children lie side by side: one an item of a list, two (key, value)
    an entry of a mapping, in the order of the file. Containers are known by identity, so the
    document must be kept, unchanged, as long as its places are used.
    """

    __slots__ = ("_marks", "_positions", "_starts", "root", "sources")

    def __init__(self) -> None:
        self.root = 0
        self.sources: dict[int, str] = {}
        self._marks = array("Q")
        self._starts: dict[int, int] = {}
        self._positions: dict[int, dict[str, int]] = {}

    def add(self, container: dict[str, Any] | list[Any], marks: "array[int]") -> None:
        """Keep the places of all children of a container, once it is complete."""
        self._starts[id(container)] = len(self._marks)
        self._marks.extend(marks)

    def of_item(self, container: list[Any], index: int) -> int:
        """The place of an item that the list has."""
        return self._marks[self._starts[id(container)] + index]

    def of_entry(self, container: dict[str, Any], key: str) -> tuple[int, int]:
        """The places of a key that the mapping has, and of its value."""
        first = self._starts[id(container)] + 2 * self._position(container, key)
        return self._marks[first], self._marks[first + 1]

    def _position(self, container: dict[str, Any], key: str) -> int:
        if len(container) < _INDEXED_FROM:
            return list(container).index(key)
        positions = self._positions.get(id(container))
        if positions is None:
            positions = {name: position for position, name in enumerate(container)}
            self._positions[id(container)] = positions
        return positions[key]


@dataclass(frozen=True, slots=True)
class _Spot:
    value: Any
    place: int
    key_place: int
    complete: bool = True


class Document:
    """The mapping that a manifest file holds.

    `value` is made of dict, list, str, int, float, bool and None; what the file repeats by an alias
    is one shared object, so treat it as read-only. `file` is the name for messages.
    """

    __slots__ = ("_places", "file", "value")

    def __init__(self, value: dict[str, Any], file: str, places: Places) -> None:
        """`places` holds the places of every container within `value`."""
        self.value = value
        self.file = file
        self._places = places

    def locate(self, path: Sequence[Step], *, key: bool = False) -> tuple[int, int]:
        """The line and column, from 1, of the value at a path, or with `key` of its key.

        A path that goes deeper than the document gives the place of the deepest value on it. What
        came from an alias is located where it was first written, the alias itself where it stands.
        """
        spot = self._spot(path)
        return unpacked(spot.key_place if key and spot.complete else spot.place)

    def raw(self, path: Sequence[Step]) -> str | None:
        """How the number at a path is written in the file; None for everything but numbers."""
        spot = self._spot(path)
        number = isinstance(spot.value, int | float) and not isinstance(spot.value, bool)
        if not number or not spot.complete:
            return None
        return self._places.sources.get(spot.place, str(spot.value))

    def _spot(self, path: Sequence[Step]) -> _Spot:
        spot = _Spot(self.value, self._places.root, self._places.root)
        for step in path:
            child = self._child(spot.value, step)
            if child is None:
                return _Spot(spot.value, spot.place, spot.key_place, complete=False)
            spot = child
        return spot

    def _child(self, parent: Any, step: Step) -> _Spot | None:
        if isinstance(step, str) and isinstance(parent, dict):
            mapping = cast("dict[str, Any]", parent)
            if step in mapping:
                key_place, place = self._places.of_entry(mapping, step)
                return _Spot(mapping[step], place, key_place)
        elif isinstance(step, int) and isinstance(parent, list):
            items = cast("list[Any]", parent)
            if 0 <= step < len(items):
                place = self._places.of_item(items, step)
                return _Spot(items[step], place, place)
        return None
