"""Runs whose models called tools are replayed without them, event by event, and call nothing."""

import itertools
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import anyio
import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import Approver, RunRequest, RunSpec
from cortex_cli.errors import MissError
from cortex_cli.events import ActionStarted, AgentStarted, Event, WarningRaised
from cortex_cli.llm.extractive import ExtractiveModel
from cortex_cli.session.handle import RunHandle
from cortex_cli.testing import Answer, BrokenOff, Call, Hang, Pace, Refusal, ScriptedLLM
from cortex_cli.testing.scripts import Script
from cortex_cli.unseen import TurnEnded
from tests.engine.bench import Tools, act, run
from tests.engine.resuming import resume
from tests.engine.talking import Following, calls, talk
from tests.engine.test_plans_strict import Person
from tests.engine.test_replay import kept, replay
from tests.engine.test_written_talks import answer, texts, written
from tests.engine.virtual_time import VirtualLoop

Made = tuple[RunSpec, Any, Tools]

REFUSED = Answer(
    calls=[
        Call("delete_all", {"what": "$HOME"}),
        Call("typed", {"text": "a", "path": "/etc"}),
        Call("tool", "{oops"),
        Call("tool", {"gives": "$5 ${x}"}),
    ]
)
SCHEMA = {"type": ["object", "null"], "required": ["n"]}
BUSY = Refusal(status=503)
SLOW = Pace(first_token_seconds=1, tokens_per_second=2)


def fallen_back() -> Made:
    one = ScriptedLLM([calls({"gives": 1}), Refusal(status=401, message="no key")], name="one")
    return talk(model=one, fallback=ScriptedLLM(["done"], name="two"))


def nested() -> Made:
    llm = Following(calls({"gives": 1}), REFUSED, Answer(text="inner"))
    inner, _, _ = talk(model=llm)
    return talk(calls({}, {}, of="helper"), "outer", nested={"helper": inner})


def side_by_side() -> Made:
    turns = [calls({"seconds": 1}, {"seconds": 2}, pace=SLOW), REFUSED]
    llm = Following(*turns, Answer(text="done", pace=SLOW))
    about, protocol = {"prompt": "about $item"}, {"max_parallel_actions": 2}
    return talk(model=llm, parameters=about, for_each=["x", "y", "z"], protocol=protocol)


MADE: dict[str, Callable[[], Made]] = {
    "an answer": lambda: talk("all done"),
    "one after another": lambda: talk(calls({"gives": 1}, text="I look."), calls({}), "done"),
    "side by side, while written": lambda: talk(
        calls({"seconds": 5}, {"seconds": 1}, pace=SLOW), Answer(text="d o n e", pace=SLOW)
    ),
    "refused": lambda: talk(REFUSED, calls({}, of="nothing"), "sorry"),
    "far too many": lambda: talk(Answer(calls=[Call("wrong") for _ in range(300)]), "done"),
    "failed": lambda: talk(calls({"error": "no", "retryable": False}, {"seconds": 2}), "so be it"),
    "repaired": lambda: talk(calls({}), "{}", '{"n": 1}', parameters={"schema": SCHEMA}),
    "null": lambda: talk("null", parameters={"schema": SCHEMA}),
    "never fits": lambda: talk(*["{}"] * 6, parameters={"schema": SCHEMA}),
    "busy": lambda: talk(calls({}), Refusal(status=503, retry_after=7), BrokenOff("I"), "done"),
    "busy for ever": lambda: talk(calls({}), BUSY, BUSY, BUSY, retry={"max_attempts": 1}),
    "no key": lambda: talk(Refusal(status=401, message="no key"), retry={"max_attempts": 3}),
    "fallen back": fallen_back,
    "never done": lambda: talk(*[calls({})] * 3, protocol={"max_iterations": 3}),
    "timed out, and again": lambda: talk(
        calls({"seconds": 20}), "again", timeout_seconds=10, retry={"max_attempts": 2}
    ),
    "timed out while it speaks": lambda: talk(Hang("I think"), timeout_seconds=3),
    "with thoughts, cut short": lambda: talk(Answer(text="it is", thought="hm", is_cut=True)),
    "relics": lambda: talk(Answer(calls=[Call("shelf_get", {"key": "k"})]), "done"),
    "nested": nested,
    "items": side_by_side,
    "no model that can": lambda: talk(model=ExtractiveModel(), retry={"max_attempts": 2}),
    "by a plan": lambda: talk(
        model=texts(written("a", gives=2) + written("b", gives="$(steps.a)"), answer("it is 2"))
    ),
    "by a plan with mistakes": lambda: talk(
        model=texts(written("a", "delete_all"), written("a", gives=1), answer({}), answer({"n": 1})),
        parameters={"schema": SCHEMA},
    ),
}  # fmt: skip


async def check(made: Made) -> list[Event]:
    """Run and replay; nothing more is called in the replay, and no model asked."""
    spec, _, tools = made
    events = kept(await run(spec))
    asked = len(tools.calls)
    assert await replay(spec, events) == events
    assert len(tools.calls) == asked
    return events


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_a_model_called_is_replayed(make: Callable[[], Made]) -> None:
    events = anyio.run(check, make(), backend_options={"loop_factory": VirtualLoop})
    assert events[-1].event_type.startswith("agent_")


@pytest.mark.anyio
async def test_a_conversation_is_replayed_on_both_backends() -> None:
    await check(talk(calls({"gives": 1}, {}), REFUSED, "done"))


@pytest.mark.anyio
async def test_only_the_run_of_a_conversation_says_that_it_is_one() -> None:
    native = await check(talk(calls({}), "done"))
    by_plan = await check(talk(model=texts(answer("done"))))
    told = [[one.data.is_conversation for one in events if isinstance(one, AgentStarted)]
            for events in (native, by_plan)]  # fmt: skip
    assert [[bool(one) for one in each] for each in told] == [[False, True], [False, False]]


@pytest.mark.anyio
async def test_calls_that_are_refused_are_kept_as_they_would_have_been_made() -> None:
    events = await check(talk(REFUSED, "done"))
    refused = [one.data.refused for one in events if isinstance(one, WarningRaised)]
    assert [bool(one and one.written) for one in refused] == [False, True, False]


async def asked(spec: RunSpec, person: Approver) -> list[Event]:
    request = RunRequest(approver=person)
    async with RunHandle(spec, request).stream() as events:
        log = kept([event async for event in events])
    assert await replay(spec, log, request) == log
    return log


@pytest.mark.parametrize("rules", [{"mode": "strict"}, {"require_user_approval": ["tool"]}])
@pytest.mark.anyio
async def test_what_a_person_says_of_calls_is_replayed(rules: dict[str, Any]) -> None:
    turns = [calls({"gives": 1}, {"gives": 2}), calls({"gives": 3}), "done"]
    spec, _, _ = talk(*turns, protocol=rules)
    log = await asked(spec, Person([True, "not these", True, True]))
    assert any(event.event_type == "approval_given" for event in log)
    await check(talk(*turns, protocol=rules))


@pytest.mark.parametrize("after", [0.5, 1.5, 4, 9])
def test_a_conversation_that_was_cancelled_is_replayed(after: float) -> None:
    async def cancelled() -> None:
        spec, _, _ = talk(calls({"seconds": 2}, {"seconds": 4}, pace=SLOW), Hang("I think"))
        handle = RunHandle(spec, RunRequest())
        stream = handle.stream()
        log: list[Event] = []
        async with stream as events, anyio.create_task_group() as tasks:

            async def cancel() -> None:
                await anyio.sleep(after)
                stream.cancel()

            tasks.start_soon(cancel)
            log += [event async for event in events]
        assert log[-1].event_type == "agent_cancelled"
        assert await replay(spec, kept(log)) == kept(log)

    anyio.run(cancelled, backend_options={"loop_factory": VirtualLoop})


@pytest.mark.parametrize("mode", ["default", "strict"])
@pytest.mark.anyio
async def test_a_conversation_that_was_killed_and_went_on_is_replayed_in_its_parts(
    mode: str,
) -> None:
    def fresh() -> RunSpec:
        turns = [calls({"gives": "$5"}, {"error": "no"}), REFUSED, calls({"gives": 3})]
        llm = Following(*turns, Answer(text="done"))
        return talk(model=llm, after=[act("last")], protocol={"mode": mode})[0]

    log = kept(await run(fresh()))
    for place in range(3, len(log), 3):
        second = kept(await resume(fresh(), Past(log[:place])))
        events = [*log[:place], *second]
        assert await replay(fresh(), events) == events


@pytest.mark.anyio
async def test_a_conversation_whose_tools_may_do_less_by_now_is_a_miss() -> None:
    events = kept(await run(talk(calls({}), "done")[0]))
    with pytest.raises(MissError, match=r"the run comes to warning of 'ask' \"a call was refused"):
        await replay(talk("x", tools=["typed"])[0], renamed(events, ["typed"]))


def renamed(events: list[Event], tools: list[str]) -> list[Event]:
    """The events of a run whose prompt had other tools."""
    from msgspec.structs import replace

    def changed(event: Event) -> Event:
        if not isinstance(event, ActionStarted) or event.path:
            return event
        parameters = {**event.data.parameters, "tools": tools}
        return replace(event, data=replace(event.data, parameters=parameters))

    return [
        replace(event, data=replace(event.data, inputs={**event.data.inputs, "tools": tools}))
        if isinstance(event, AgentStarted) and event.path
        else changed(event)
        for event in events
    ]


@pytest.mark.anyio
async def test_what_the_turns_used_is_told_unseen_and_comes_to_the_same() -> None:
    events = await check(talk(calls({"gives": "a b"}), BUSY, "one two"))
    ends = [one for event in events for one in event.unseen if isinstance(one, TurnEnded)]
    assert [one.ending.value for one in ends] == ["done", "failed", "done"]
    used = [one.usage for one in ends if one.usage is not None]
    total = events[-1].data["usage"]
    assert sum(one.output_tokens for one in used) == total.output_tokens == 5


def a_script(random: Random) -> Script:
    made = random.random()
    if made < 0.1:
        return random.choice([BUSY, BrokenOff("I th"), Refusal(status=401, message="no")])
    if made < 0.3:
        return "all done"
    wanted = [
        Call(
            random.choice(["tool", "tool", "typed", "shelf_get", "helper", "delete_all"]),
            {"seconds": random.choice([0, 0.5, 2]), **random.choice([{}, {"error": "no"}])},
        )
        for _ in range(random.randint(1, 4))
    ]
    return Answer(text="I look.", calls=wanted, pace=random.choice([None, SLOW]))


def a_talk(seed: int) -> Made:
    random = Random(seed)

    def scripts() -> Iterator[Script]:
        return (a_script(random) for _ in itertools.count())

    inner, _, tools = talk(model=ScriptedLLM(scripts()), protocol={"max_iterations": 2})
    tools.nested_specs = {}
    return talk(
        model=ScriptedLLM(scripts()),
        nested={"helper": inner},
        for_each=random.choice([None, ["x", "y"]]),
        retry={"max_attempts": random.choice([1, 2]), "delay_seconds": 0.1},
        timeout_seconds=random.choice([None, 3, 8]),
        protocol={
            "max_iterations": 4,
            "max_parallel_actions": random.choice([1, 3]),
            "stream_llm_tokens": random.random() < 0.7,
            "max_execution_time_seconds": random.choice([5, 3600]),
        },
    )


def check_random_talks(seeds: range) -> None:
    for seed in seeds:
        anyio.run(check, a_talk(seed), backend_options={"loop_factory": VirtualLoop})


@pytest.mark.no_cover
@pytest.mark.parametrize("block", range(2))
def test_random_conversations_are_replayed(block: int) -> None:
    check_random_talks(range(block * 50, (block + 1) * 50))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(6))
def test_thousands_of_random_conversations_are_replayed(block: int) -> None:
    check_random_talks(range(1_000 + block * 500, 1_000 + (block + 1) * 500))
