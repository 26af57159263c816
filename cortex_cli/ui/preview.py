"""A glimpse of a value: bounded in time and length, whatever its size."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, cast

_LENGTH = 200
_ITEMS = 6
_ITEM_LENGTH = 40
_MOST_BITS = 4_096


def preview(value: Any) -> str:
    """What is in a JSON value, in a few hundred characters at most; not safe to print yet."""
    if not isinstance(value, Mapping):
        return _short(value, _LENGTH)
    mapping = cast(Mapping[Any, Any], value)
    items = [
        f"{str(name)[:_ITEM_LENGTH]}: {_short(item, _ITEM_LENGTH)}"
        for name, item in islice(mapping.items(), _ITEMS)
    ]
    if len(mapping) > _ITEMS:
        items.append(f"{len(mapping) - _ITEMS:,} more")
    return ", ".join(items)


def _short(value: Any, length: int) -> str:
    if isinstance(value, str):
        return value[: 2 * length].strip()[:length]
    if isinstance(value, Mapping | Sequence):
        count = len(cast("Mapping[Any, Any] | Sequence[Any]", value))
        return f"{count:,} item{'' if count == 1 else 's'}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"an integer of {value.bit_length():,} bits"
    return "" if value is None else str(value)[:length]
