"""Random plans in random pieces, with random mistakes: what holds of all of them."""

from random import Random
from typing import Any

import anyio
import pytest

from cortex_cli.engine.planner import PlanOrder, WrittenRest
from cortex_cli.errors import ActionError
from cortex_cli.events import ActionEnded, ActionStarted, Event, IterationCompleted
from cortex_cli.report import PlannedAction
from cortex_cli.testing import ScriptedPlanner
from cortex_cli.testing.planners import Scripted, Turn
from tests.engine.bench import Log, run, stream
from tests.engine.planned import DONE, goal_spec, step

pytestmark = pytest.mark.anyio

MODES = ["async", "async", "async", "sync", "fire_and_forget"]


def an_action(random: Random, name: str, others: list[str]) -> dict[str, Any]:
    """An action that may name any of the others, whether that is wise or not."""
    written = step(
        name,
        *random.sample(others, min(len(others), random.choice([0, 0, 1, 2]))),
        mode=random.choice(MODES),
        seconds=random.choice([0, 0.1, 1, 3]),
        run_if=random.choice(["success", "success", "failure", "always"]),
        on_failure=random.choice(["fail", "fail", "continue", "abort"]),
        wait_for_all=random.choice([True, True, False]),
    )
    if random.random() < 0.2:
        written["parameters"]["error"] = "no"
    if random.random() < 0.2 and others:
        written["parameters"]["seen"] = f"$(steps.{random.choice(others)})"
    if random.random() < 0.1:
        written["target"] = random.choice(["nowhere", "delete_all"])
    if random.random() < 0.1 and written["mode"] != "fire_and_forget":
        written["for_each"] = [1, 2]
    return written


def a_decision(random: Random, name: str, others: list[str]) -> dict[str, Any]:
    return {
        "id": name,
        "type": "decision",
        "cases": [{"when": "true", "then": random.sample(others, min(len(others), 2))}],
        "default": {"then": others[:1]},
    }


def a_planner(seed: int) -> ScriptedPlanner:
    random = Random(seed)

    def turn(order: PlanOrder) -> Turn:
        names = [f"a{n}" for n in range(random.randint(1, 12))]
        parts: list[Scripted] = []
        for name in random.sample(names, len(names)):
            make = a_decision if random.random() < 0.1 else an_action
            parts += (make(random, name, names), random.choice([0, 0, 0.05, 0.5]))
            if random.random() < 0.1:
                parts.append(WrittenRest('{"id": ', "it was cut off in the middle"))
        if random.random() < 0.1:
            parts.append(ActionError("busy", retryable=random.random() < 0.8))
        if order.iteration > 2 and random.random() < 0.5:
            parts.append(DONE)
        return parts

    return ScriptedPlanner(turn)


def planned_in(event: Event) -> list[PlannedAction]:
    """The actions that an event brings."""
    report = getattr(event.data, "report", None)
    return [*getattr(event.data, "actions", ()), *getattr(report, "actions", ())]


def check(log: Log) -> None:
    """One final state for every planned action, and each event in its place."""
    planned: set[str] = set()
    awaited: set[str] = set()
    ended: set[str] = set()
    for event in log:
        planned |= {action.id for action in planned_in(event)}
        awaited |= {one.id for one in planned_in(event) if one.mode != "fire_and_forget"}
        if event.action_id is not None:
            assert event.action_id in planned - ended, f"{event.action_id} is not running"
        if isinstance(event, ActionEnded):
            ended.add(event.action_id)
        if isinstance(event, IterationCompleted):
            assert awaited <= ended
    assert planned == ended
    check_waits(log)


def check_waits(log: Log) -> None:
    """What starts does so after the end of all that it waits for."""
    ends = {event.action_id: event.sequence for event in log if isinstance(event, ActionEnded)}
    starts = {event.action_id: event.sequence for event in log if isinstance(event, ActionStarted)}
    extended = log.of("plan_extended", "plan_patched")
    any_will_do = {
        planned.id
        for data in extended
        for planned, action in zip(data.actions, data.written, strict=False)
        if not action.get("wait_for_all", True)
    }
    for edge in [edge for data in extended for edge in data.edges]:
        if edge.target in starts and edge.target not in any_will_do:
            assert ends[edge.source] < starts[edge.target]


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(40))
async def test_every_plan_ends_and_every_action_of_it_in_one_state(seed: int) -> None:
    log = await run(goal_spec(a_planner(seed), max_iterations=4))
    check(log)


@pytest.mark.parametrize("seed", range(20))
async def test_every_plan_that_is_cancelled_ends_at_once(seed: int) -> None:
    random = Random(seed)
    planner = a_planner(seed)
    log, after = Log(), random.uniform(0, 5)
    async with (
        stream(goal_spec(planner, max_iterations=4)) as events,
        anyio.create_task_group() as tasks,
    ):

        async def cancel() -> None:
            await anyio.sleep(after)
            events.cancel()

        tasks.start_soon(cancel)
        async for event in events:
            log.append(event)
    assert planner.open_streams == 0
    assert {a.id for d in log.of("plan_extended") for a in d.actions} == set(log.ends())
    assert log.last.data.duration < after + 0.5
