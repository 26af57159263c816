"""What a run does: PROTOCOL 2, 4 and 5, on virtual time."""

import anyio
import pytest

from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError, UsageError
from cortex_cli.events import decode, encode
from tests.engine.bench import Log, Tools, act, run, run_plan, spec_of, stream


async def test_independent_actions_run_side_by_side_and_data_flows_along_references() -> None:
    log = await run_plan(
        act("a", output_key="first", parameters={"seconds": 3}),
        act("b", parameters={"seconds": 2}),
        act("c", parameters={"got": "${first.seconds}", "seconds": 1}),
    )
    assert log.starts() == pytest.approx({"a": 0, "b": 0, "c": 3})
    assert log.of("action_completed", action="c")[0].output == {"got": 3, "seconds": 1}
    assert log.last.event_type == "agent_completed"
    assert log.last.data.duration == pytest.approx(4)


async def test_events_come_numbered_without_a_gap_in_protocol_order_and_survive_the_wire() -> None:
    log = await run_plan(act("a"), act("b", "a"))
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))
    assert log.types() == [
        "agent_started", "iteration_started", "plan_generated",
        "action_started", "action_completed", "action_started", "action_completed",
        "iteration_completed", "termination", "agent_completed",
    ]  # fmt: skip
    assert [decode(encode(event)) for event in log] == list(log)
    assert len({event.execution_id for event in log}) == 1


async def test_a_retry_waits_longer_each_time_and_gives_its_slot_to_others() -> None:
    retry = {"max_attempts": 3, "delay_seconds": 10, "jitter": False}
    log = await run_plan(
        act("flaky", retry=retry, priority=1, parameters={"error": "no", "fails": 2}),
        act("other", parameters={"seconds": 1}),
        max_parallel_actions=1,
    )
    assert log.starts()["other"] == pytest.approx(0)
    assert [data.delay_seconds for data in log.of("action_retrying")] == [10, 20]
    completed = log.of("action_completed", action="flaky")[0]
    assert completed.attempts == 3
    assert completed.duration_seconds == pytest.approx(30)
    assert log.of("action_queued", action="flaky")[0].reason == "retry"


async def test_a_retry_waits_at_least_as_long_as_the_service_asked_for() -> None:
    tools = Tools()
    retry = {"max_attempts": 4, "delay_seconds": 1, "max_delay_seconds": 20, "jitter": False}
    asked = {"error": "slow down", "retry_after": 30, "fails": 2}
    log = await run(spec_of([act("busy", retry=retry, parameters=asked)], tools))
    assert [data.delay_seconds for data in log.of("action_retrying")] == [30, 30]
    short = {**asked, "retry_after": 0.5}
    log = await run(spec_of([act("busy", retry=retry, parameters=short)], tools))
    assert [data.delay_seconds for data in log.of("action_retrying")] == [1, 2]


async def test_a_handler_knows_which_attempt_is_the_last() -> None:
    tools = Tools()
    bad = act("bad", retry_count=1, parameters={"error": "no"})
    await run(spec_of([bad], tools))
    await run(spec_of([bad], tools, auto_retry_on_failure=False))
    assert [call.is_last_attempt for call in tools.calls] == [False, True, True]


async def test_an_action_that_used_up_its_attempts_fails_the_run_with_its_error() -> None:
    log = await run_plan(
        act("bad", retry_count=1, parameters={"error": "out of paper"}), act("after", "bad")
    )
    failed = log.of("action_failed")[0]
    assert (failed.error, failed.error_type, failed.attempts) == ("out of paper", "broken", 2)
    assert log.of("action_skipped", action="after")[0].reason == "upstream_failed"
    assert log.of("termination")[0].reason == "action_failed"
    assert log.last.event_type == "agent_failed"
    assert log.last.data.error == "action 'bad' failed: out of paper"
    assert log.last.data.error_type == "broken"


async def test_what_cannot_end_differently_is_not_retried() -> None:
    log = await run_plan(act("bad", retry_count=5, parameters={"error": "no", "retryable": False}))
    assert log.of("action_failed")[0].attempts == 1


async def test_auto_retry_off_means_no_retries_at_all() -> None:
    bad = act("bad", retry_count=5, parameters={"error": "no"})
    log = await run_plan(bad, auto_retry_on_failure=False)
    assert log.of("action_failed")[0].attempts == 1


async def test_a_timeout_ends_the_attempt_and_is_retried() -> None:
    tools = Tools()
    slow = act("slow", timeout_seconds=5, retry_count=1, parameters={"seconds": 60})
    log = await run(spec_of([slow], tools))
    failed = log.of("action_failed")[0]
    assert (failed.error_type, failed.attempts) == ("timeout", 2)
    assert "5 s" in failed.error
    assert tools.cancelled == ["slow", "slow"]


async def test_what_is_made_ready_for_an_attempt_does_not_count_against_its_limit() -> None:
    class SlowToCome(Tools):
        async def prepare(self, call: ActionCall) -> None:
            await anyio.sleep(60)
            if call.parameters.get("never"):
                message = "it never came"
                raise ActionError(message, error_type="service", retryable=False)

    slow = act("slow", timeout_seconds=5, parameters={"seconds": 3})
    late = act("late", "slow", timeout_seconds=5, parameters={"seconds": 6})
    never = act("never", timeout_seconds=5, retry_count=3, parameters={"never": True})
    log = await run(spec_of([slow, late, never], SlowToCome()))
    assert log.of("action_completed", action="slow")[0].duration_seconds == pytest.approx(63)
    assert log.of("action_failed", action="late")[0].duration_seconds == pytest.approx(65)
    assert log.of("action_failed", action="never")[0].error == "it never came"


async def test_no_timeout_means_no_timeout() -> None:
    log = await run_plan(act("slow", timeout_seconds=None, parameters={"seconds": 3_000}))
    assert log.ends() == {"slow": "completed"}


async def test_on_failure_continue_gives_null_to_those_that_depend_on_it() -> None:
    log = await run_plan(
        act("bad", on_failure="continue", output_key="x", parameters={"error": "no"}),
        act("next", parameters={"got": "$x", "text": "${x:-nothing}", "why": "$(steps.bad.error)"}),
    )
    wanted = {"got": None, "text": "nothing", "why": "no"}
    assert log.of("action_completed", action="next")[0].output == wanted
    assert log.last.event_type == "agent_completed"


async def test_abort_cancels_what_runs_and_keeps_what_is_done() -> None:
    log = await run_plan(
        act("done", parameters={"gives": 1}),
        act("runs", parameters={"seconds": 99}),
        act("bad", on_failure="abort", parameters={"seconds": 1, "error": "no"}),
        act("waits", "runs"),
    )
    assert log.ends() == {
        "done": "completed", "runs": "cancelled", "bad": "failed", "waits": "skipped"
    }  # fmt: skip
    assert log.last.data.duration == pytest.approx(1)
    assert log.last.data.outputs == {"done": 1}


async def test_fail_fast_ends_a_wait_for_a_retry_at_once() -> None:
    patient = {"max_attempts": 2, "delay_seconds": 50, "jitter": False}
    log = await run_plan(
        act("waits", retry=patient, parameters={"error": "no"}),
        act("bad", parameters={"seconds": 1, "error": "no"}),
        fail_fast=True,
    )
    assert log.ends() == {"waits": "cancelled", "bad": "failed"}
    assert log.last.data.duration == pytest.approx(1)


async def test_decisions_choose_and_branches_join_again() -> None:
    cases = [
        {"when": "steps.count.output.n > 10", "value": "many", "then": ["big"]},
        {"when": "steps.count.output.n > 1", "value": "$(steps.count.n)", "then": ["small"]},
    ]
    log = await run_plan(
        act("count", parameters={"gives": {"n": 3}}),
        act("choose", type="decision", target=None, cases=cases, default={"then": ["none"]}),
        act("big"),
        act("small"),
        act("none"),
        act("join", "big", "small", "none"),
    )
    assert log.of("action_completed", action="choose")[0].output == 3
    assert {data.reason for data in log.of("action_skipped")} == {"not_chosen"}
    assert log.ends()["small"] == log.ends()["join"] == "completed"


async def test_a_decision_without_a_true_case_takes_its_default() -> None:
    log = await run_plan(
        act("choose", type="decision", target=None, cases=[{"when": "false", "then": ["a"]}]),
        act("a"),
    )
    assert log.of("action_completed", action="choose")[0].output is None
    assert log.ends()["a"] == "skipped"


async def test_conditions_skip_or_fail_with_the_expression_in_the_error() -> None:
    log = await run_plan(
        act("a", output_key="n", parameters={"gives": 1}),
        act("no", condition="n > 1"),
        act("yes", condition="n == 1"),
        act("odd", condition="n > 'x'", on_failure="continue"),
    )
    assert log.ends() == {"a": "completed", "no": "skipped", "yes": "completed", "odd": "failed"}
    failed = log.of("action_failed", action="odd")[0]
    assert failed.attempts == 0
    assert "n > 'x'" in failed.error


async def test_a_case_that_cannot_be_evaluated_fails_the_decision() -> None:
    log = await run_plan(
        act("a", output_key="n", parameters={"gives": 1}),
        act("choose", type="decision", target=None, cases=[{"when": "n > 'x'"}]),
    )
    assert log.ends()["choose"] == "failed"


async def test_internal_actions_give_back_their_parameters() -> None:
    parameters = {"n": "$(steps.a.n)", "text": "is $(steps.a.n)"}
    log = await run_plan(
        act("a", parameters={"gives": {"n": 7}}),
        act("i", type="internal", target=None, parameters=parameters),
    )
    assert log.of("action_completed", action="i")[0].output == {"n": 7, "text": "is 7"}


async def test_fire_and_forget_delays_nothing_and_its_failure_is_a_warning() -> None:
    log = await run_plan(
        act("main"),
        act("aside", "main", mode="fire_and_forget", parameters={"seconds": 3, "error": "no"}),
    )
    assert log.last.event_type == "agent_completed"
    assert log.last.data.duration == pytest.approx(0)
    assert log.ends() == {"main": "completed", "aside": "failed"}
    assert "aside" in log.of("warning")[0].message
    assert log.last.seconds - log[0].seconds == pytest.approx(3)


async def test_fire_and_forget_is_cancelled_visibly_after_the_grace() -> None:
    log = await run_plan(
        act("aside", mode="fire_and_forget", parameters={"seconds": 99}),
        fire_and_forget_grace_seconds=2,
    )
    assert log.of("action_cancelled")[0].reason == "grace_ended"
    assert log.last.event_type == "agent_completed"


async def test_the_deadline_ends_the_run_and_says_so() -> None:
    log = await run_plan(
        act("slow", parameters={"seconds": 99}), act("after", "slow"), max_execution_time_seconds=4
    )
    assert log.of("termination")[0].reason == "deadline"
    assert log.of("action_cancelled")[0].reason == "deadline"
    assert log.of("action_skipped")[0].reason == "deadline"
    assert log.last.data.error_type == "deadline"
    assert log.last.data.duration == pytest.approx(4)


async def test_a_target_that_is_not_there_fails_the_action() -> None:
    log = await run_plan(act("lost", target="nowhere", retry_count=3))
    failed = log.of("action_failed")[0]
    assert (failed.error_type, failed.attempts) == ("not_found", 1)


async def test_outputs_are_resolved_and_a_missing_one_is_null_with_a_warning() -> None:
    outputs = {
        "said": {"source": "It is $(steps.a.n)."},
        "none": {"source": "$(steps.a.nothing)"},
        "maybe": {"source": "$(steps.a.nothing)", "optional": True},
    }
    log = await run(spec_of([act("a", parameters={"gives": {"n": 7}})], outputs=outputs))
    assert log.last.data.outputs == {"said": "It is 7.", "none": None, "maybe": None}
    assert [data.message for data in log.of("warning")] == ["output 'none' has no value"]


async def test_progress_and_usage_are_passed_on() -> None:
    log = await run_plan(act("a", parameters={"says": ["half way"]}))
    assert log.of("progress")[0].message == "half way"


async def test_stream_action_results_off_leaves_outputs_out_of_the_events_only() -> None:
    log = await run_plan(
        act("a", output_key="x", parameters={"gives": 5}),
        act("b", type="internal", target=None, parameters={"x": "$x"}),
        stream_action_results=False,
    )
    assert [data.output for data in log.of("action_completed")] == [None, None]
    assert log.last.data.outputs == {"a": 5, "b": {"x": 5}}


async def test_a_goal_without_a_plan_says_what_is_missing() -> None:
    spec = spec_of([act("a")])
    import dataclasses

    bare = dataclasses.replace(spec, outlook=None, goal="be good")
    with pytest.raises(UsageError, match="has no plan"):
        await run(bare)


async def test_work_that_never_suspends_does_not_keep_others_from_running() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await anyio.lowlevel.checkpoint()
            ticks += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        await run_plan(*(act(f"a{n}") for n in range(200)), max_parallel_actions=2)
        tasks.cancel_scope.cancel()
    assert ticks > 3


async def test_cancelling_ends_all_and_publishes_it() -> None:
    log = Log()
    async with stream(spec_of([act("a", parameters={"seconds": 99}), act("b", "a")])) as events:
        async for event in events:
            log.append(event)
            if event.event_type == "action_started":
                events.cancel()
    assert log.ends() == {"a": "cancelled", "b": "skipped"}
    assert log.of("termination")[0].reason == "cancelled"
    assert log.last.event_type == "agent_cancelled"


async def test_the_starts_of_a_run_are_those_that_the_plan_promised() -> None:
    actions = [
        act(f"a{n}", *(f"a{m}" for m in range(n) if (n * 7 + m * 3) % 5 == 0),
            estimate_seconds=(n * 13) % 7 + n / 100 + 1,
            parameters={"seconds": (n * 13) % 7 + n / 100 + 1})
        for n in range(40)
    ]  # fmt: skip
    spec = spec_of(actions, max_parallel_actions=3)
    log = await run(spec)
    assert spec.outlook is not None
    planned = dict(zip((a.id for a in actions), spec.outlook.schedule.starts, strict=True))
    assert log.starts() == pytest.approx(planned, abs=0.002)
    assert log.last.data.duration == pytest.approx(spec.outlook.scheduled_seconds)


async def test_a_slow_action_never_delays_one_that_does_not_depend_on_it() -> None:
    actions = [
        act(
            f"c{chain}_{step}",
            *([f"c{chain}_{step - 1}"] if step else []),
            parameters={"seconds": 1.0 if step == chain % 6 else 0.1},
        )
        for chain in range(8)
        for step in range(6)
    ]
    log = await run_plan(*actions, max_parallel_actions=8)
    assert log.last.data.duration == pytest.approx(1.5)
