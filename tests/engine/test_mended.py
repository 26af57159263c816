"""What reviews have found, one test each."""

import asyncio
from typing import Any

import anyio
import pytest

from cortex_cli.engine.ports import ActionCall, RunRequest, RunSpec
from cortex_cli.session.handle import RunHandle
from cortex_cli.store.journal import MemoryJournal
from tests.engine.bench import Log, Tools, act, run, run_plan, spec_of, stream

LONG = {"seconds": 1_000}


async def test_leaving_before_the_first_event_ends_the_run_at_once() -> None:
    tools = Tools()
    async with stream(spec_of([act("a", parameters=LONG)], tools)):
        pass
    assert anyio.current_time() < 900
    assert len(tools.calls) == len(tools.cancelled)


async def test_cancelling_before_the_first_event_is_not_lost() -> None:
    log = Log()
    async with stream(spec_of([act("a", parameters=LONG)])) as events:
        events.cancel()
        async for event in events:
            log.append(event)
    assert log.last.event_type == "agent_cancelled"


async def test_a_reader_and_a_closer_are_both_woken() -> None:
    events = stream(spec_of([act("a", parameters=LONG)]))
    seen = Log()

    async def read() -> None:
        async for event in events:
            seen.append(event)

    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.sleep(1)
            await events.aclose()
    assert seen.last.event_type == "agent_cancelled"


async def test_a_place_in_a_capped_run_is_not_lost_with_what_waited_for_it() -> None:
    inner = spec_of([act("i", parameters={"seconds": 50})])
    middle_tools = Tools(nested_specs={"inner": inner})
    middle = spec_of(
        [
            act("agent", type="agent", target="inner", timeout_seconds=3),
            act("first", priority=1, parameters={"seconds": 10}),
            act("c", parameters={"seconds": 1}),
        ],
        middle_tools,
        max_parallel_actions=1,
    )
    outer = [act("sub", type="workflow", target="middle")]
    log = await run(spec_of(outer, Tools(nested_specs={"middle": middle}), max_parallel_actions=3))
    assert log.ends()["sub/c"] == "completed"
    assert log.last.data.duration == pytest.approx(11)


async def test_an_output_that_cannot_be_worked_out_is_null_with_a_warning() -> None:
    deep: Any = {}
    bottom = deep
    for _ in range(30_000):
        bottom["next"] = {}
        bottom = bottom["next"]
    spec = spec_of(
        [act("a", output_key="x", parameters={"gives": deep})],
        outputs={"text": {"source": "it is $x"}},
    )
    log = await run(spec)
    assert log.last.data.outputs == {"text": None}
    assert "'text' could not be worked out" in log.of("warning")[0].message


async def test_a_folder_that_is_no_text_fails_the_action() -> None:
    log = await run_plan(
        act("a", output_key="x", parameters={"gives": {"n": 1}}), act("b", cwd="$x", retry_count=3)
    )
    failed = log.of("action_failed", action="b")[0]
    assert (failed.error_type, failed.attempts) == ("parameters", 1)


async def test_a_nested_run_that_is_ended_from_outside_does_not_say_it_succeeded() -> None:
    inner = spec_of([act("slow", parameters=LONG)])
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"on_failure": "abort"}, {}, "agent_cancelled"),
        ({}, {"max_execution_time_seconds": 2}, "agent_failed"),
    ]
    for fields, limits, last in cases:
        outer = [
            act("sub", type="agent", target="i"),
            act("bad", parameters={"seconds": 1, "error": "no"}, **fields),
        ]
        log = await run(spec_of(outer, Tools(nested_specs={"i": inner}), **limits))
        nested = [event.event_type for event in log if event.path == ("sub",)]
        assert nested[-1] == last


async def test_what_is_nested_in_fire_and_forget_takes_no_slot_of_the_run() -> None:
    inner = spec_of([act(f"i{n}", parameters={"seconds": 5}) for n in range(3)])
    outer = [
        act("aside", type="agent", target="i", mode="fire_and_forget"),
        act("main", parameters={"seconds": 1}),
    ]
    log = await run(spec_of(outer, Tools(nested_specs={"i": inner}), max_parallel_actions=1))
    assert log.last.data.duration == pytest.approx(1)
    assert log.ends()["aside"] == "completed"


async def test_nothing_that_a_failed_decision_chooses_runs() -> None:
    log = await run_plan(
        act("n", output_key="n", parameters={"gives": 1}),
        act(
            "choose", type="decision", target=None, on_failure="continue", retry_count=2,
            cases=[{"when": "n > 'x'", "then": ["delete"]}], default={"then": ["keep"]},
        ),
        act("delete"),
        act("keep"),
    )  # fmt: skip
    assert log.ends() == {
        "n": "completed", "choose": "failed", "delete": "skipped", "keep": "skipped"
    }  # fmt: skip
    assert {data.reason for data in log.of("action_skipped")} == {"not_chosen"}


async def test_an_action_chosen_by_its_name_and_not_by_its_id_is_chosen() -> None:
    log = await run_plan(
        act(
            "choose", type="decision", target=None,
            cases=[{"when": "true", "then": ["a"]}], default={"then": ["The A"]},
        ),
        act("a", name="The A"),
    )  # fmt: skip
    assert log.ends()["a"] == "completed"


async def test_an_action_that_has_started_is_cancelled_and_not_skipped() -> None:
    retry = {"max_attempts": 2, "delay_seconds": 1, "jitter": False}
    log = await run_plan(
        act("flaky", retry=retry, priority=1, parameters={"error": "no"}),
        act("busy", parameters=LONG),
        max_parallel_actions=1,
        max_execution_time_seconds=5,
    )
    assert log.ends() == {"flaky": "cancelled", "busy": "cancelled"}


async def test_all_that_waits_when_a_run_is_aborted_says_so() -> None:
    log = await run_plan(
        act("bad", on_failure="abort", parameters={"seconds": 1, "error": "no"}),
        act("runs", parameters=LONG),
        act("w1", "runs"),
        act("w2", "w1"),
        act("w3", "w2"),
    )
    assert [data.reason for data in log.of("action_skipped")] == ["aborted"] * 3


async def test_a_chain_that_only_computes_lets_the_deadline_pass() -> None:
    chain = [
        act(f"a{n}", *([f"a{n - 1}"] if n else []), type="internal", target=None)
        for n in range(3_000)
    ]
    others = 0

    async def count() -> None:
        nonlocal others
        while True:
            await anyio.lowlevel.checkpoint()
            others += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        await run_plan(*chain)
        tasks.cancel_scope.cancel()
    assert others > 2


async def test_variables_are_texts_and_json_and_know_each_other_by_env() -> None:
    tools = Tools()
    spec = spec_of([act("a", env={"O": "${inputs.o}", "T": "${inputs.t}"})], tools)
    import dataclasses

    spec = dataclasses.replace(spec, variables={"A": "x", "B": "${env.A}/y", "C": "${inputs.o}"})
    await run(spec, {"o": {"k": None}, "t": True})
    assert tools.calls[0].env == {
        "A": "x", "B": "x/y", "C": '{"k":null}', "O": '{"k":null}', "T": "true"
    }  # fmt: skip


class Late(Tools):
    """Reports after its first attempt is over."""

    async def run(self, call: ActionCall) -> Any:
        if call.attempt == 2:
            self.first.report.progress("too late")
            return None
        self.first = call
        return await super().run(call)


async def test_an_earlier_attempt_reports_nothing_any_more() -> None:
    log = await run(spec_of([act("a", retry_count=1, parameters={"error": "no"})], Late()))
    assert log.of("progress") == []


class Asks(Tools):
    """Waits for a task that somebody has cancelled."""

    async def run(self, call: ActionCall) -> Any:
        if call.action.id == "asks":
            other = asyncio.ensure_future(asyncio.sleep(10))
            other.cancel()
            await other
        return await super().run(call)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancellation_that_a_tool_met_is_its_failure(anyio_backend: str) -> None:
    assert anyio_backend
    log = await run(spec_of([act("asks"), act("other", parameters={"seconds": 0.01})], Asks()))
    assert log.of("action_failed", action="asks")[0].error_type == "cancelled"
    assert log.ends()["other"] == "completed"


async def test_a_host_that_is_cancelled_still_gets_the_last_event_into_the_journal() -> None:
    for slots in (1, 50):
        journal = MemoryJournal()
        handle = RunHandle(wide(slots), RunRequest(), journal)
        with anyio.move_on_after(5):
            async for _ in handle.stream():
                pass
        await anyio.sleep(1)
        last = list(journal)[-1]
        assert last.event_type == "agent_cancelled"
        ended = sum(e.event_type in {"action_cancelled", "action_skipped"} for e in journal)
        assert ended == 100


def wide(slots: int) -> RunSpec:
    return spec_of([act(f"a{n}", parameters=LONG) for n in range(100)], max_parallel_actions=slots)
