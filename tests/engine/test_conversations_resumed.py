"""A conversation that is broken off anywhere goes on, and nothing that was called is called again."""

from collections.abc import Sequence
from typing import Any

import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import RunSpec
from cortex_cli.events import Event
from cortex_cli.testing import Answer
from tests.engine.bench import act, run
from tests.engine.resuming import check_parts, check_same, resume
from tests.engine.talking import Following, TalkTools, calls, said, talk

pytestmark = pytest.mark.anyio


def model(*turns: Answer) -> Following:
    return Following(*turns, Answer(text="done"))


def conversation(llm: Following, **more: Any) -> tuple[RunSpec, TalkTools]:
    spec, _, tools = talk(
        model=llm, after=[act("last", parameters={"gives": "$(steps.ask)"})], **more
    )
    return spec, tools


def cut(events: Sequence[Event], kind: str, action_id: str) -> Sequence[Event]:
    """The events up to the first of a kind about an action."""
    place = next(
        number
        for number, event in enumerate(events)
        if (event.event_type, event.action_id) == (kind, action_id)
    )
    return events[: place + 1]


async def test_wherever_it_was_broken_off_it_comes_to_the_same() -> None:
    def fresh() -> RunSpec:
        llm = model(calls({"gives": "$5 ${x}"}), calls({"error": "no"}), calls({"gives": 3}))
        return conversation(llm)[0]

    whole = await run(fresh())
    assert whole.last.data.outputs == {"ask": "done", "last": "done"}
    for place in range(1, len(whole)):
        first = whole[:place]
        check_same(first, await resume(fresh(), Past(first)), whole)


async def test_the_model_is_told_again_what_it_has_called() -> None:
    llm = model(calls({"gives": "$5 ${x}"}, text="I look."), calls({"gives": 2}))
    whole = await run(conversation(llm)[0])
    spec, tools = conversation(llm)
    await resume(spec, Past(cut(whole, "action_completed", "tool-2")))
    assert tools.calls[0].action.id == "last"
    # What it said beside its calls is not kept.
    assert said(llm, 3) == [
        ("assistant", ""), ("tool", "$5 ${x}"), ("assistant", ""), ("tool", "2"),
    ]  # fmt: skip
    first = llm.requests[3].messages[2].calls[0]
    assert (first.name, first.arguments) == ("tool", '{"gives":"$5 ${x}"}')


async def test_a_turn_that_was_broken_off_after_a_call_is_not_asked_for_again() -> None:
    llm = model(calls({"gives": 1}, {"gives": 2}))
    whole = await run(conversation(llm)[0])
    first = cut(whole, "action_started", "tool")
    spec, tools = conversation(llm)
    second = await resume(spec, Past(first))
    check_parts(first, second)
    assert [call.action.id for call in tools.calls] == ["tool", "last"]
    assert said(llm, 2) == [("assistant", ""), ("tool", "1")]
    assert second.last.data.outputs == {"ask": "done", "last": "done"}


async def test_the_calls_of_a_strict_run_are_approved_together() -> None:
    llm = model(calls({"gives": 1}))
    spec, tools = conversation(llm, protocol={"mode": "strict"})
    log = await run(spec)
    assert (log.last.event_type, tools.calls) == ("agent_paused", [])
    past = Past(log)
    past.approved.add((("ask",), "approve_plan"))
    again, tools = conversation(llm, protocol={"mode": "strict"})
    log = await resume(again, past)
    assert log.last.event_type == "agent_completed"
    assert said(llm, 1) == [("assistant", ""), ("tool", "1")]
