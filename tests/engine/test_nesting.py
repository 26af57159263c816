"""Agents and workflows inside a run."""

from typing import TYPE_CHECKING

import pytest

from tests.engine.bench import Tools, act, run, spec_of

if TYPE_CHECKING:
    from cortex_cli.engine.ports import RunSpec


async def test_a_nested_run_has_its_own_context_and_gives_back_its_outputs() -> None:
    inner = spec_of(
        [act("work", output_key="x", parameters={"gives": "${inputs.n}"})],
        outputs={"answer": {"source": "got $x"}},
        name="inner",
    )
    outer = [
        act("a", output_key="x", parameters={"gives": 4}),
        act("sub", type="agent", target="inner", parameters={"n": "$x"}, output_key="y"),
        act("use", parameters={"got": "${y.answer}"}),
    ]
    log = await run(spec_of(outer, Tools(nested_specs={"inner": inner})))
    assert log.of("action_completed", action="use")[0].output == {"got": "got 4"}
    nested = [event for event in log if event.path == ("sub",)]
    assert nested[0].event_type == "agent_started"
    assert nested[-1].event_type == "agent_completed"
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))


async def test_without_outputs_a_nested_run_gives_back_what_its_actions_gave() -> None:
    inner = spec_of([act("w", parameters={"gives": 1})])
    log = await run(
        spec_of([act("s", type="workflow", target="i")], Tools(nested_specs={"i": inner}))
    )
    assert log.of("action_completed", action="s")[0].output == {"w": 1}


async def test_nesting_thirty_deep_completes_with_one_slot() -> None:
    tools = Tools()
    spec = spec_of([act("leaf")], tools)
    specs = {"n0": spec}
    for depth in range(1, 31):
        inner = act(f"d{depth}", type="workflow", target=f"n{depth - 1}")
        specs[f"n{depth}"] = spec_of([inner], Tools(nested_specs=specs))
    top = spec_of([act("top", type="agent", target="n30")], Tools(nested_specs=specs),
                  max_parallel_actions=1)  # fmt: skip
    log = await run(top)
    assert log.last.event_type == "agent_completed"
    assert len(log.ends()) == 32


async def test_calls_that_go_round_end_with_an_error() -> None:
    specs: dict[str, RunSpec] = {}
    specs["self"] = spec_of([act("again", type="agent", target="self")], Tools(nested_specs=specs))
    log = await run(specs["self"])
    assert "nested deeper than 32" in log.of("action_failed")[0].error
    assert log.last.event_type == "agent_failed"


async def test_a_nested_failure_fails_the_action_with_its_error_and_is_retried() -> None:
    inner = spec_of([act("bad", parameters={"error": "no ink"})], name="inner")
    outer = act("sub", type="agent", target="inner", retry={"max_attempts": 2, "jitter": False})
    log = await run(spec_of([outer], Tools(nested_specs={"inner": inner})))
    failed = log.of("action_failed", action="sub")[0]
    assert (failed.error, failed.attempts) == ("action 'bad' failed: no ink", 2)
    assert [e.event_type for e in log if e.path == ("sub",)].count("agent_failed") == 2


async def test_a_timeout_of_an_agent_ends_what_it_runs() -> None:
    tools = Tools()
    inner = spec_of([act("slow", parameters={"seconds": 99}), act("then", "slow")], tools)
    outer = act("sub", type="agent", target="inner", timeout_seconds=3)
    log = await run(spec_of([outer], Tools(nested_specs={"inner": inner})))
    assert log.of("action_failed", action="sub")[0].error_type == "timeout"
    assert log.of("action_cancelled", action="slow")[0].reason == "timeout"
    assert tools.cancelled == ["slow"]
    assert log.last.data.duration == pytest.approx(3)


async def test_a_nested_deadline_fails_the_action() -> None:
    inner = spec_of([act("slow", parameters={"seconds": 99})], max_execution_time_seconds=2)
    log = await run(
        spec_of([act("sub", type="agent", target="i")], Tools(nested_specs={"i": inner}))
    )
    assert log.of("action_failed", action="sub")[0].error_type == "deadline"


async def test_an_abort_outside_ends_the_nested_run_and_then_its_action() -> None:
    inner = spec_of([act("slow", parameters={"seconds": 99}), act("then", "slow")])
    outer = [
        act("sub", type="agent", target="inner"),
        act("bad", on_failure="abort", parameters={"seconds": 1, "error": "no"}),
    ]
    log = await run(spec_of(outer, Tools(nested_specs={"inner": inner})))
    assert log.ends() == {
        "sub/slow": "cancelled", "sub/then": "skipped", "sub": "cancelled", "bad": "failed"
    }  # fmt: skip
    assert log.last.data.duration == pytest.approx(1)


async def test_an_agent_that_is_not_there_fails_its_action() -> None:
    log = await run(spec_of([act("sub", type="agent", target="gone")]))
    assert log.of("action_failed", action="sub")[0].error_type == "not_found"


async def test_nested_fire_and_forget_belongs_to_the_root_run() -> None:
    aside = act("aside", mode="fire_and_forget", parameters={"seconds": 5})
    inner = spec_of([act("w"), aside])
    log = await run(
        spec_of(
            [act("sub", type="agent", target="i"), act("after", "sub", parameters={"seconds": 1})],
            Tools(nested_specs={"i": inner}),
        )
    )
    assert log.starts()["after"] == pytest.approx(0)
    assert log.ends()["sub/aside"] == "completed"
    assert log.last.seconds - log[0].seconds == pytest.approx(5)


async def test_a_nested_cap_limits_the_nested_run_only() -> None:
    inner = spec_of(
        [act(f"n{i}", parameters={"seconds": 1}) for i in range(3)], max_parallel_actions=1
    )
    outer = [
        act("sub", type="agent", target="i"),
        *(act(f"o{i}", parameters={"seconds": 1}) for i in range(3)),
    ]
    log = await run(spec_of(outer, Tools(nested_specs={"i": inner}), max_parallel_actions=5))
    starts = log.starts()
    assert [starts[f"o{i}"] for i in range(3)] == pytest.approx([0, 0, 0])
    assert [starts[f"n{i}"] for i in range(3)] == pytest.approx([0, 1, 2])
