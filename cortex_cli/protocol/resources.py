"""What a run shares out besides slots: pools of units, and rates at which actions may start."""

import re
from collections.abc import Mapping
from typing import NamedTuple

_RATE = re.compile(r"\s*(\d+)\s*(?:/|per)\s*(\d*)\s*(s|sec|second|min|m|minute|h|hour|d|day)s?\s*")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
MOST_UNITS = 1_000_000


class Rate(NamedTuple):
    """At most so many units in any stretch of so many seconds."""

    units: float
    seconds: float


Resource = float | Rate
"""The units of a pool, or a rate."""


def parse_resource(value: float | str) -> Resource:
    """A pool from a number, a rate from a text such as `60/min`; ValueError for anything else."""
    if isinstance(value, str):
        found = _RATE.fullmatch(value)
        if found is None:
            message = f"{value[:40]!r} is no rate; write, for example, '60/min', '5/s' or '100/2h'"
            raise ValueError(message)
        units, times, unit = found.groups()
        rate = Rate(float(units), float(times or 1) * _SECONDS[unit[0]])
        _check(rate.units)
        _check(rate.seconds)
        return rate
    _check(value)
    return float(value)


def _check(units: float) -> None:
    if not 0 < units <= MOST_UNITS:
        message = f"a resource has more than 0 and at most {MOST_UNITS:,} units, not {units:g}"
        raise ValueError(message)


def units_of(resource: Resource) -> float:
    """The units that are there when nobody has taken any."""
    return resource.units if isinstance(resource, Rate) else resource


def within(outer: Mapping[str, Resource], inner: Mapping[str, Resource]) -> dict[str, Resource]:
    """What a nested run and the run around it share out; of one name the one of fewer units."""
    both = {**outer, **inner}
    for name in outer.keys() & inner.keys():
        both[name] = min(outer[name], inner[name], key=units_of)
    return both
