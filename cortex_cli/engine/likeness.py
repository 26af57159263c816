"""Whether two events say the same, but for times; and if not, what is the first difference."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from cortex_cli.events import Event, PlanGenerated, WarningRaised, encode

# How to go on is said of the run as it is now.
_LEFT_OUT = frozenset({"duration_seconds", "duration", "delay_seconds", "estimate", "resume"})
# What is unseen is so in the run as it is now: what comes of it is compared.
_NOT_COMPARED = frozenset({"timestamp", "sequence", "execution_id", "unseen"})
_TOLERANCE = 1e-9
_LONGEST = 120


def difference(recorded: Event, made: Event) -> str | None:
    """The first difference in words; None if there is none but in times."""
    if type(recorded) is type(made) and recorded == msgspec.structs.replace(
        made, timestamp=recorded.timestamp, unseen=recorded.unseen
    ):
        return None
    if _about(recorded) != _about(made):
        return f"the record has {described(recorded)}, and the run comes to {described(made)}"
    for place, old, new in _differences(_value(recorded), _value(made), ""):
        return (
            f"{described(recorded)}: {place} is {_brief(old)} in the record, and {_brief(new)} now"
        )
    return None


def described(event: Event) -> str:
    """Which event it is, for people."""
    names = [*event.path, *([event.action_id] if event.action_id else [])]
    about = f" of '{'/'.join(names)}'" if names else ""
    target = getattr(event.data, "target", None)
    what = f" ({event.data['type']} '{target}')" if target else ""
    if isinstance(event, WarningRaised):
        what = f" {_brief(event.data.message)}"
    return f"{event.event_type}{about}{what}"


def _about(event: Event) -> tuple[Any, ...]:
    return type(event), event.path, event.action_id, event.iteration


def _value(event: Event) -> dict[str, Any]:
    value = cast("dict[str, Any]", msgspec.json.decode(encode(event)))
    if isinstance(event, PlanGenerated):
        # Estimates, and all that follows from them, are times.
        report = value["data"]["report"]
        report["actions"] = [
            {key: one[key] for key in ("id", "name", "type", "mode", "target", "wave")}
            for one in report["actions"]
        ]
        report["estimate"] = report["critical_path"] = None
    return value


def _differences(old: Any, new: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _in_mappings(cast("dict[str, Any]", old), cast("dict[str, Any]", new), place)
    elif isinstance(old, list) and isinstance(new, list):
        before, after = cast("list[Any]", old), cast("list[Any]", new)
        for number, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from _differences(one, other, f"{place}[{number}]")
        if len(before) != len(after):
            yield f"the length of {place}", len(before), len(after)
    elif not _is_same(old, new):
        yield place, old, new


def _in_mappings(
    old: Mapping[str, Any], new: Mapping[str, Any], place: str
) -> Iterator[tuple[str, Any, Any]]:
    left_out = _LEFT_OUT if place == "data" else frozenset[str]()
    if not place:
        left_out = _NOT_COMPARED
    for key in dict.fromkeys([*old, *new]):
        if key not in left_out:
            inner = f"{place}.{key}" if place else key
            yield from _differences(old.get(key), new.get(key), inner)


def _is_same(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        # What is made of durations may differ in the last digit.
        return math.isclose(old, new, rel_tol=_TOLERANCE)
    return type(old) is type(new) and old == new


def _brief(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
