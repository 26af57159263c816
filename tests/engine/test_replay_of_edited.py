"""A record that somebody has changed is a miss or is refused, and never a traceback or a hang."""

from functools import cache
from typing import Any, cast

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_cli.engine.ports import RunSpec
from cortex_cli.errors import CortexError
from cortex_cli.events import Event, decode, encode
from tests.engine.bench import run
from tests.engine.planned import goal_spec
from tests.engine.test_chaos import case_of, play
from tests.engine.test_plans_at_random import a_planner
from tests.engine.test_replay import kept, replay
from tests.engine.test_replay_of_talks import a_talk
from tests.engine.virtual_time import VirtualLoop

VALUES = st.sampled_from(
    [None, 0, 1, -1, 3.5, 10**12, True, "", "x", "a0", "failed", "cancelled", "timeout", "deadline",
     "budget_exhausted", "paused", "done", "run_stopped", [], {}, ["ask"], [1, 1]]
)  # fmt: skip


@cache
def recorded(seed: int) -> tuple[RunSpec, list[Any]]:
    """A run that can be replayed, and its events as JSON data."""
    options = {"loop_factory": VirtualLoop}
    if seed % 3 == 0:
        case = case_of(seed)
        spec, log = case.spec, anyio.run(play, case, backend_options=options)
    elif seed % 3 == 1:
        limits: dict[str, Any] = {"max_iterations": 2, "self_healing": True}
        made = goal_spec(a_planner(seed), **limits)
        spec, log = goal_spec([], **limits), anyio.run(run, made, backend_options=options)
    else:
        spec = a_talk(seed)[0]
        log = anyio.run(run, spec, backend_options=options)
    return spec, [msgspec.json.decode(encode(event)) for event in kept(log)]


def changed(value: Any, data: st.DataObject) -> Any:
    """The value with something in it that is not as it was."""
    if isinstance(value, dict) and value:
        values = cast("dict[str, Any]", value)
        key = data.draw(st.sampled_from(sorted(values)))
        if data.draw(st.integers(0, 5)) == 0:
            return {name: one for name, one in values.items() if name != key}
        return {**values, key: changed(values[key], data)}
    if isinstance(value, list) and value:
        several = cast("list[Any]", value)
        place = data.draw(st.integers(0, len(several) - 1))
        return [*several[:place], changed(several[place], data), *several[place + 1 :]]
    return data.draw(VALUES)


def edited(lines: list[Any], data: st.DataObject) -> list[Any]:
    place = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(st.integers(0, len(lines) - 1))
    match data.draw(st.sampled_from(["drop", "double", "swap", "cut", *["change"] * 4])):
        case "drop":
            return [*lines[:place], *lines[place + 1 :]]
        case "double":
            return [*lines[:place], lines[other], *lines[place:]]
        case "swap":
            swapped = list(lines)
            swapped[place], swapped[other] = lines[other], lines[place]
            return swapped
        case "cut":
            return lines[: place + 1]
        case _:
            return [*lines[:place], changed(lines[place], data), *lines[place + 1 :]]


def read(lines: list[Any]) -> list[Event]:
    """The events, numbered anew; a time that is none is refused where a file is read."""
    events = [
        decode(msgspec.json.encode({**line, "sequence": number}))
        for number, line in enumerate(lines, start=1)
    ]
    for event in events:
        assert event.seconds >= 0
    return events


@pytest.mark.no_cover
@pytest.mark.timeout(120)
@settings(max_examples=300)
@given(seed=st.integers(0, 11), data=st.data())
def test_a_changed_record_is_a_miss_or_comes_to_the_same(seed: int, data: st.DataObject) -> None:
    spec, lines = recorded(seed)
    for _ in range(data.draw(st.integers(1, 2))):
        lines = edited(lines, data) if lines else lines
    try:
        events = read(lines)
    except (msgspec.MsgspecError, ValueError, TypeError, AssertionError):
        return
    error: CortexError | None = None
    try:
        anyio.run(replay, spec, events, backend_options={"loop_factory": VirtualLoop})
    except CortexError as caught:
        error = caught
    assert error is None or error.exit_code in {2, 6}
