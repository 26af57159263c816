"""The iterator of events: begun late, left early, and what then is left."""

import gc

import anyio
import pytest

from cortex_cli.engine.ports import ActionCall
from tests.engine.bench import Tools, act, run, spec_of, stream

LONG = {"seconds": 1_000, "says": ["on my way"]}


async def test_break_leaves_nothing_running() -> None:
    tools = Tools()
    async for event in stream(spec_of([act("a", parameters={"seconds": 1_000})], tools)):
        if event.event_type == "action_started":
            break
    gc.collect()
    await anyio.sleep(0.01)
    assert tools.cancelled == ["a"]


async def test_leaving_the_context_waits_until_all_has_ended() -> None:
    tools = Tools()
    async with stream(spec_of([act("a", parameters=LONG)], tools)) as events:
        async for event in events:
            if event.event_type == "progress":
                break
    assert tools.cancelled == ["a"]


async def test_a_cancelled_reader_cancels_the_run() -> None:
    tools = Tools()
    with anyio.move_on_after(5):
        await run(spec_of([act("a", parameters={"seconds": 1_000})], tools))
    assert tools.cancelled == ["a"]
    assert anyio.current_time() < 100


async def test_an_error_of_the_run_is_raised_where_its_events_are_read() -> None:
    class Odd(Tools):
        async def run(self, call: ActionCall) -> object:
            raise ZeroDivisionError(call.action.id)

    with pytest.raises(ExceptionGroup) as raised:
        await run(spec_of([act("a")], Odd()))
    assert raised.group_contains(ZeroDivisionError, depth=1)


async def test_nothing_runs_before_the_first_event_is_asked_for() -> None:
    tools = Tools()
    events = stream(spec_of([act("a")], tools))
    await anyio.sleep(1)
    assert tools.calls == []
    await events.aclose()
    events.cancel()


async def test_closing_twice_and_after_the_end_does_nothing() -> None:
    events = stream(spec_of([act("a")]))
    async for _ in events:
        pass
    await events.aclose()
    await events.aclose()
    with pytest.raises(StopAsyncIteration):
        await events.__anext__()


async def test_a_run_waits_for_no_reader_and_loses_no_event() -> None:
    actions = [act(f"a{number}", type="internal") for number in range(5_500)]
    tools = Tools()
    async with stream(spec_of([*actions, act("last", "a5499")], tools)) as events:
        await anyio.sleep(1)
        assert len(tools.calls) == 1
        log = [event async for event in events]
    assert len(log) > 10_000
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))
    assert log[-1].event_type == "agent_completed"
