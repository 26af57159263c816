"""Runs whose plans a model wrote are replayed without it, event by event."""

import random
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import anyio
import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.planner import PlanNote, PlanOrder, PlanThought, WrittenRest
from cortex_cli.engine.ports import RunSpec
from cortex_cli.engine.recorded import Recorded
from cortex_cli.engine.replayed_writing import RecordedPlanner
from cortex_cli.errors import ActionError, MissError
from cortex_cli.events import Event, Usage
from cortex_cli.testing import ScriptedPlanner
from cortex_cli.testing.planners import Turn
from tests.engine.bench import Tools, act, run, spec_of, stream
from tests.engine.planned import DONE, OFFERS, goal_spec, step
from tests.engine.resuming import resume
from tests.engine.test_plans_at_random import a_planner
from tests.engine.test_replay import kept, replay
from tests.engine.virtual_time import VirtualLoop

USED = Usage(input_tokens=10, output_tokens=5, cost_usd=0.25)
MORE = Usage(input_tokens=1, output_tokens=2)
FINAL = ActionError("no such model", error_type="not_found", retryable=False)
BUSY = ActionError("busy")

TURNS: dict[str, list[Turn]] = {
    "an answer": [[USED, DONE]],
    "one after another": [
        [PlanThought("Hm."), step("a", seconds=1), 2, step("b", "a"), USED], [DONE, MORE]
    ],
    "held back": [[step("b", "a"), 1, step("a"), 1], [DONE]],
    "repaired": [[step("x", target="nowhere"), step("a")], [step("b", "a"), MORE], [DONE]],
    "held until a repair": [[step("b", "a")], [step("a")], [DONE]],
    "never put right": [[step("b", "a")], [], [], []],
    "prose": [["Well. ", WrittenRest("Well.", "it is prose"), step("a")], [DONE]],
    "a note": [[PlanNote("small models plan badly"), step("a")], [DONE]],
    "asked again": [[step("a"), BUSY], [step("b", "a"), USED], [DONE]],
    "a failure at last": [[step("a", seconds=3), step("b", "z"), USED, FINAL]],
    "three failures": [[BUSY], [BUSY], [USED, BUSY]],
    "mended": [[step("a", error="no"), step("b", "a"), USED], [step("c"), MORE], [DONE]],
    "mended in vain": [[step("a", error="no")], [MORE], [step("c")], [DONE]],
    "mended by an answer": [[step("a", error="no")], [DONE]],
    "mended, and failed": [[step("a", error="no")], [step("c"), 1, FINAL]],
    "a part called twice": [[step("a", error="no")], [step("a", target="other")], [DONE]],
}  # fmt: skip


async def check(make: RunSpec, again: RunSpec) -> list[Event]:
    """Run and replay; the second has a planner that is never asked."""
    events = kept(await run(make))
    assert await replay(again, events) == events
    return events


@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
@pytest.mark.parametrize("mode", ["default", "autonomous"])
@pytest.mark.anyio
async def test_what_a_model_wrote_is_replayed(turns: list[Turn], mode: str) -> None:
    spec = goal_spec(turns, max_iterations=4, mode=mode)
    events = await check(spec, goal_spec([], max_iterations=4, mode=mode))
    assert events[-1].event_type.startswith("agent_")


@pytest.mark.anyio
async def test_tokens_that_were_not_streamed_are_not_needed() -> None:
    def made(turns: list[Turn]) -> RunSpec:
        return goal_spec(turns, stream_llm_tokens=False)

    await check(made(TURNS["repaired"]), made([]))


@pytest.mark.anyio
async def test_the_plan_of_a_sub_agent_is_replayed() -> None:
    def made(turns: list[Turn], inner: list[Turn]) -> RunSpec:
        helper = goal_spec(inner, name="helper")
        return goal_spec(turns, Tools({"helper": helper}))

    asks = {"id": "h", "type": "agent", "target": "helper", "parameters": {"goal": "x"}}
    inner: list[Turn] = [[step("a", seconds=1), USED], [DONE, MORE]]
    await check(made([[asks, step("b", seconds=2)], [DONE]], inner), made([], []))


@pytest.mark.anyio
async def test_the_patch_of_a_plan_that_is_written_down_is_replayed() -> None:
    def made(planner: ScriptedPlanner | None) -> RunSpec:
        plan = [act("a", parameters={"error": "no"}), act("b", "a")]
        return replace(spec_of(plan, self_healing=True), planner=planner, offers=OFFERS)

    events = await check(made(ScriptedPlanner([[step("c")]])), made(None))
    assert any(event.event_type == "plan_patched" for event in events)


@pytest.mark.anyio
async def test_a_run_that_was_killed_while_its_plan_was_written_is_replayed_in_its_parts() -> None:
    turns: list[Turn] = [[step("a", seconds=1), 2, step("b", "a")], [DONE]]
    log = kept(await run(goal_spec(turns)))
    place = 1 + next(n for n, e in enumerate(log) if e.event_type == "action_completed")
    rest = goal_spec([[step("c", "a")], [DONE]])
    second = kept(await resume(rest, Past(log[:place])))
    events = [*log[:place], *second]
    assert await replay(goal_spec([]), events) == events


@pytest.mark.parametrize("after", [0.5, 1.5, 5])
def test_a_run_that_was_cancelled_while_its_plan_was_written_is_replayed(after: float) -> None:
    async def cancelled() -> None:
        turns: list[Turn] = [[1, step("a", seconds=1), 3, step("b"), 9]]
        log: list[Event] = []
        async with (
            stream(goal_spec(turns)) as events,
            anyio.create_task_group() as tasks,
        ):

            async def cancel() -> None:
                await anyio.sleep(after)
                events.cancel()

            tasks.start_soon(cancel)
            log += [event async for event in events]
        assert await replay(goal_spec([]), kept(log)) == kept(log)

    anyio.run(cancelled, backend_options={"loop_factory": VirtualLoop})


def test_a_deadline_and_a_budget_that_end_the_writing_are_replayed() -> None:
    async def ended() -> None:
        slow: list[Turn] = [[step("a"), 9]]
        limit: dict[str, Any] = {"max_execution_time_seconds": 2}
        made = goal_spec(slow, **limit)
        await check(made, goal_spec([], **limit))
        spends: list[Turn] = [[step("a"), USED]]
        budget: dict[str, Any] = {"budget": {"tokens": 15}}
        made = goal_spec(spends, **budget)
        events = await check(made, goal_spec([], **budget))
        assert events[-1].data["error_type"] == "budget_exhausted"

    anyio.run(ended, backend_options={"loop_factory": VirtualLoop})


@pytest.mark.anyio
async def test_a_plan_that_may_call_less_by_now_is_a_miss() -> None:
    events = kept(await run(goal_spec([[step("a")], [DONE]])))
    with pytest.raises(
        MissError, match=r"has plan_extended, and the run comes to warning .*may not be called"
    ):
        await replay(replace(goal_spec([]), offers=OFFERS[1:]), events)


@pytest.mark.anyio
async def test_the_planner_of_a_replay_is_never_asked() -> None:
    planner = RecordedPlanner(Recorded(kept(await run(goal_spec([[DONE]])))))
    assert planner.name == "model"
    with pytest.raises(AssertionError, match="find out"):
        planner.write(PlanOrder(agent_name="a", goal="find out", iteration=1, max_iterations=1))


def check_random_plans(seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans with random mistakes, and random waits before a model is asked again."""
    for seed in seeds:
        monkeypatch.setattr(random, "Random", partial(Random, seed))
        limits: dict[str, Any] = {
            "max_iterations": 4,
            "max_parallel_actions": 3,
            "self_healing": bool(seed % 2),
            "mode": "strict" if seed % 11 == 0 else "default",
            "stream_llm_tokens": seed % 5 != 0,
        }

        async def once(seed: int = seed, limits: dict[str, Any] = limits) -> None:
            await check(goal_spec(a_planner(seed), **limits), goal_spec([], **limits))

        anyio.run(once, backend_options={"loop_factory": VirtualLoop})
        monkeypatch.undo()


@pytest.mark.no_cover
@pytest.mark.parametrize("block", range(3))
def test_random_plans_with_random_mistakes_are_replayed(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_random_plans(range(block * 50, (block + 1) * 50), monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(6))
def test_thousands_of_random_plans_are_replayed(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_random_plans(range(1_000 + block * 500, 1_000 + (block + 1) * 500), monkeypatch)
