"""Feeds of a run whose plans a model writes: fetched before it is asked, and in its orders."""

from dataclasses import replace
from typing import Any

import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import RunSpec
from cortex_cli.protocol.fetch import Fetch
from cortex_cli.testing import ScriptedPlanner
from tests.engine.bench import Log, Tools, run
from tests.engine.planned import DONE, goal_spec, step
from tests.engine.resuming import resume

pytestmark = pytest.mark.anyio


def feed(name: str = "news", **fields: Any) -> Fetch:
    values = {"id": name, "output_key": name, "feed": name, "type": "tool", "target": "t", **fields}
    return Fetch.model_validate(values)


def fed(planner: ScriptedPlanner, *feeds: Fetch, **protocol: Any) -> RunSpec:
    return replace(goal_spec(planner, Tools(), **protocol), feeds=feeds)


def writer() -> ScriptedPlanner:
    return ScriptedPlanner([(step("a", seconds=40),), (step("b", seconds=40),), (DONE,)])


def values(planner: ScriptedPlanner) -> list[dict[str, Any]]:
    return [dict(order.feeds) for order in planner.orders]


def fetches(log: Log) -> list[str]:
    return [name for name in log.order() if name not in {"a", "b"}]


async def test_feeds_are_fetched_before_the_model_is_asked_and_by_actions() -> None:
    planner = writer()
    log = await run(fed(planner, feed(parameters={"gives": 7, "seconds": 5})))
    assert values(planner)[0] == {"news": 7}
    assert log.order()[:2] == ["news", "a"]
    assert log.starts()["a"] == pytest.approx(5)
    extended = log.types().index("plan_extended")
    assert extended < log.types().index("action_started")


async def test_a_feed_is_fetched_again_in_a_later_iteration_once_it_is_too_old() -> None:
    planner = writer()
    feeds = (feed(), feed("slow", interval=100), feed("quick", interval=50))
    log = await run(fed(planner, *feeds))
    assert fetches(log) == ["news", "slow", "quick", "quick_3"]
    assert log.last.event_type == "agent_completed"


async def test_an_action_of_the_model_may_refer_to_a_feed() -> None:
    planner = ScriptedPlanner([(step("a", gives="it is $news"), DONE)])
    log = await run(fed(planner, feed(parameters={"gives": 7})))
    assert log.of("action_completed", action="a")[0].output == "it is 7"
    assert list(log.last.data.outputs) == ["a"] or log.last.data.outputs == "done"


async def test_a_feed_may_refer_to_a_feed() -> None:
    planner = ScriptedPlanner([(DONE,)])
    feeds = (feed("sum", parameters={"gives": "$news!"}), feed(parameters={"gives": 7}))
    await run(fed(planner, *feeds))
    assert values(planner) == [{"news": 7, "sum": "7!"}]


async def test_a_feed_that_fails_has_no_value_and_fails_nothing() -> None:
    planner = ScriptedPlanner([(step("a"), DONE)])
    log = await run(fed(planner, feed(parameters={"error": "no"}), feed("b")))
    assert values(planner) == [{"b": {}}]
    assert (log.ends()["news"], log.last.event_type) == ("failed", "agent_completed")


async def test_a_run_that_ends_while_it_fetches_asks_nobody() -> None:
    planner = writer()
    slow = feed(parameters={"seconds": 99})
    log = await run(fed(planner, slow, max_execution_time_seconds=3))
    assert (log.ends(), planner.orders) == ({"news": "cancelled"}, [])
    assert log.of("termination")[0].reason.value == "deadline"


@pytest.mark.parametrize("interval", [None, 10])
async def test_a_resumed_run_asks_with_what_was_fetched(interval: float | None) -> None:
    again = feed(interval=interval, parameters={"gives": 7})
    whole = await run(fed(writer(), again))
    completed = next(
        place
        for place, event in enumerate(whole)
        if event.event_type == "action_completed" and event.action_id == "news"
    )
    for cut in range(2, len(whole)):
        planner = ScriptedPlanner(
            lambda order: (step("a", seconds=40),) if order.iteration == 1 and not (
                order.outcomes or order.pending
            ) else (DONE,)
        )  # fmt: skip
        second = await resume(fed(planner, again), Past(whole[:cut]))
        assert second.last.event_type == "agent_completed", cut
        assert all(order.feeds == {"news": 7} for order in planner.orders)
        if cut > completed:
            assert "news" not in second.order()
