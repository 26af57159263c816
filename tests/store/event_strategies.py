"""Strategies for events of every kind, made from the types of their fields."""

import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from cortex_cli.events import Event

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
_PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(),
    float: FLOATS,
    bool: st.booleans(),
    Any: JSON,
    type(None): st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
}


def of_type(wanted: Any) -> st.SearchStrategy[Any]:
    """Values of a type that a field of an event has."""
    if wanted in _PLAIN:
        return _PLAIN[wanted]
    if get_origin(wanted) is not None:
        return _made_of(get_origin(wanted), get_args(wanted))
    if issubclass(wanted, Enum):
        return st.sampled_from(wanted)
    fields = {field.name: of_type(field.type) for field in msgspec.structs.fields(wanted)}
    return st.builds(wanted, **fields)


def _made_of(origin: Any, inner: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin is Literal:
        return st.sampled_from(inner)
    parts = [of_type(one) for one in inner if one is not Ellipsis]
    if origin is dict:
        return st.dictionaries(*parts, max_size=3)
    if origin in {list, tuple}:
        is_long = origin is list or Ellipsis in inner
        values = st.lists(parts[0], max_size=3) if is_long else st.tuples(*parts)
        return values.map(origin)
    assert origin in {Union, types.UnionType}, origin
    return st.one_of(parts)


_KINDS = {kind: of_type(kind) for kind in get_args(Event)}


def events_in_order() -> st.SearchStrategy[list[Event]]:
    """Events of any kinds, numbered from 1."""
    return st.lists(st.one_of(list(_KINDS.values())), max_size=12).map(
        lambda events: [
            msgspec.structs.replace(event, sequence=number)
            for number, event in enumerate(events, 1)
        ]
    )
