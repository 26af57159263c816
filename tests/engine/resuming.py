"""A run that is broken off and goes on, and what must hold of both parts together."""

from collections.abc import Iterator, Sequence
from typing import Any

from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import Approver, RunRequest, RunSpec
from cortex_cli.events import (
    ActionCompleted,
    ActionEnded,
    ActionEvent,
    ActionRetrying,
    ActionStarted,
    AgentEnded,
    ApprovalRequested,
    Event,
)
from cortex_cli.kinds import ActionType
from cortex_cli.session.handle import RunHandle
from tests.engine.bench import Log

_NESTING = {ActionType.AGENT, ActionType.WORKFLOW}

Place = tuple[tuple[str, ...], str, tuple[int, ...]]
"""An action in one attempt of each action that it is nested in."""


async def resume(spec: RunSpec, past: Past, approver: Approver | None = None) -> Log:
    """The further part of a run."""
    log = Log()
    request = RunRequest(past=past, inputs=past.inputs, approver=approver)
    async with RunHandle(spec, request).stream() as events:
        async for event in events:
            log.append(event)
    return log


def placed(events: Sequence[Event]) -> Iterator[tuple[Place, ActionEvent]]:
    """The events about actions, each with its place."""
    attempts: dict[tuple[str, ...], int] = {}
    for event in events:
        if isinstance(event, ActionEvent):
            around = [event.path[: n + 1] for n in range(len(event.path))]
            numbers = tuple(attempts.get(path, 0) for path in around)
            if isinstance(event, ActionStarted):
                attempts[(*event.path, event.action_id)] = event.data.attempt
            yield (event.path, event.action_id, numbers), event


def in_flight(events: Sequence[Event]) -> dict[Place, int]:
    """The attempts of leaves that have begun and not ended."""
    found: dict[Place, int] = {}
    for place, event in placed(events):
        if isinstance(event, ActionStarted):
            if event.data.type not in _NESTING:
                found[place] = event.data.attempt
        elif isinstance(event, ActionEnded | ActionRetrying) or has_failed(event):
            found.pop(place, None)
    return found


def has_failed(event: ActionEvent) -> bool:
    """Whether an attempt has failed, and a person is asked what to do about it."""
    return isinstance(event, ApprovalRequested) and bool(event.data.error)


def final(events: Sequence[Event]) -> dict[str, tuple[str, Any]]:
    """How each action has ended in the end: the kind of that event, and the output if it has one."""
    return {
        "/".join((*event.path, event.action_id)): (
            event.event_type,
            getattr(event.data, "output", None) or getattr(event.data, "reason", None),
        )
        for event in events
        if isinstance(event, ActionEnded)
    }


def check_parts(first: Sequence[Event], second: Sequence[Event]) -> None:
    """What holds of every run that goes on, wherever it was broken off.

    What was in flight is begun anew, with the number that its attempt had, unless `second` was
    broken off as well, before that.
    """
    both = [*first, *second]
    assert [event.sequence for event in both] == list(range(1, len(both) + 1))
    completed = set[Place]()
    for place, event in placed(both):
        assert not (isinstance(event, ActionStarted | ActionCompleted) and place in completed), (
            f"{event.event_type} of {place}, which has completed"
        )
        if isinstance(event, ActionCompleted):
            completed.add(place)
    begun: dict[Place, int] = {}
    for place, event in list(placed(both))[len(list(placed(first))) :]:
        if isinstance(event, ActionStarted):
            begun.setdefault(place, event.data.attempt)
    expected = in_flight(first)
    is_broken_off = not isinstance(both[-1], AgentEnded)
    awaited = expected.keys() & begun.keys() if is_broken_off else expected
    assert {place: begun.get(place) for place in awaited} == {
        place: expected[place] for place in awaited
    }


def check_same(first: Sequence[Event], second: Log, whole: Log) -> None:
    """A run in two parts has come to the same as one that nothing has interrupted."""
    check_parts(first, second)
    both = [*first, *second]
    assert final(both) == final(whole)
    assert {place for place, event in placed(both) if isinstance(event, ActionCompleted)} == {
        place for place, event in placed(whole) if isinstance(event, ActionCompleted)
    }
    assert second.last.event_type == whole.last.event_type
    assert second.last.data.outputs == whole.last.data.outputs
    assert second.last.data.counts == whole.last.data.counts
    assert (second.last.data.error is None) == (whole.last.data.error is None)
