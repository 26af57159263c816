"""Random plans, faults, limits and moments to cancel: what must hold whatever happens.

10,000 runs by default, on virtual time; `pytest -m slow tests/engine/test_chaos.py` makes a
million.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import anyio
import pytest

from cortex_cli.engine.people import Answer, Decision, Failure, Question
from cortex_cli.engine.ports import RunRequest, RunSpec
from cortex_cli.engine.stream import EventStream
from cortex_cli.events import (
    ActionEnded,
    ActionRetrying,
    ActionStarted,
    AgentEnded,
    AgentStarted,
    ApprovalRequested,
    Event,
    encode,
)
from cortex_cli.kinds import ActionMode, EdgeKind, WayOn
from cortex_cli.plan.check import check_plan, is_sound
from cortex_cli.plan.provided import Names
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.resources import Rate
from cortex_cli.session.handle import RunHandle
from tests.engine.bench import Log, Tools, act, spec_of
from tests.engine.virtual_time import VirtualLoop

NAMES = Names(shared={"pool": 2.0, "call": Rate(2, 3)})


@dataclass(frozen=True)
class Case:
    """A run that a seed has thought up."""

    spec: RunSpec
    cancel_at: float | None
    person: "Person | None" = None


class Person:
    """Answers after a while: mostly yes, sometimes no, seldom not at all; by the id alone.

    What has failed is tried again, mostly, until there have been three attempts, or six.
    """

    is_there = True

    def can_decide(self, failure: Failure) -> bool:
        return sum(map(ord, failure.action.id)) % 5 != 1

    async def decide(self, failure: Failure) -> Decision | None:
        number = sum(map(ord, failure.action.id)) % 5
        await anyio.sleep(number / 4)
        if failure.attempts % 3 == 0:
            return Decision(way=WayOn.STOP if number == 2 else WayOn.SKIP, by="ada")
        return None if number == 3 else Decision(way=WayOn.RETRY, by="ada")

    async def ask(self, question: Question) -> Answer | None:
        number = sum(map(ord, question.action.id)) % 7
        await anyio.sleep(number / 4)
        return None if number == 1 else Answer(approved=number != 2, by="ada")


def case_of(seed: int) -> Case:
    """The plan, the faults, the limits and the cancel time of a seed."""
    random = Random(seed)
    healing: dict[str, Any] = {"self_healing": True} if seed % 4 == 1 else {}
    inner_healing = healing if seed % 8 == 1 else {}
    inner_actions = actions_of(random, random.randint(0, 4), "n")
    inner = spec_of(inner_actions, **limits_of(random), **inner_healing)
    tools = Tools(nested_specs={"inner": inner})
    actions = actions_of(random, random.randint(1, 9), "a", can_nest=True)
    limits = limits_of(random)
    if random.random() < 0.15:
        limits["max_execution_time_seconds"] = random.choice([0.5, 1.5, 4])
    cancel_at = random.choice([0.0, 0.5, 1.0, 1.5, 3.0]) if random.random() < 0.25 else None
    has_person = random.random() < 0.7
    if random.random() < 0.2:
        limits["require_user_approval"] = random.choice([True, ["tool"], ["agent", "none"]])
    return Case(
        spec_of(actions, tools, **limits, **healing), cancel_at, Person() if has_person else None
    )


def limits_of(random: Random) -> dict[str, Any]:
    return {
        "max_parallel_actions": random.randint(1, 4),
        "resources": {"pool": 2, "call": "2/3s"},
        "fail_fast": random.random() < 0.2,
        "fire_and_forget_grace_seconds": random.choice([0, 1, 10]),
    }


def actions_of(random: Random, size: int, prefix: str, *, can_nest: bool = False) -> list[Action]:
    actions: list[Action] = []
    for number in range(size):
        usable = [a.id for a in actions if a.mode is not ActionMode.FIRE_AND_FORGET]
        waits = [name for name in usable if random.random() < 0.35]
        actions.append(
            act(f"{prefix}{number}", *waits, **fields_of(random, usable, can_nest=can_nest))
        )
    return actions if is_sound(check_plan(actions, NAMES)[1]) else []


def fields_of(random: Random, usable: list[str], *, can_nest: bool) -> dict[str, Any]:
    parameters: dict[str, Any] = {"seconds": random.choice([0, 0, 0.5, 1, 1, 2])}
    if random.random() < 0.3:
        parameters["error"] = "broken"
        parameters["fails"] = random.choice([1, 2, 1_000])
    if usable and random.random() < 0.3:
        parameters["gives"] = f"$(steps.{random.choice(usable)}.seconds)"
    fields: dict[str, Any] = {
        "parameters": parameters,
        "mode": random.choice(["async"] * 5 + ["sync", "fire_and_forget"]),
        "run_if": random.choice(["success"] * 4 + ["failure", "always"]),
        "on_failure": random.choice(["fail", "fail", "continue", "abort"]),
        "wait_for_all": random.random() < 0.8,
        "priority": random.choice([0, 0, 1]),
        "timeout_seconds": random.choice([None, None, 0.7, 1.5]),
        "retry": {"max_attempts": random.choice([1, 1, 2, 3]), "delay_seconds": 1, "jitter": False},
    }
    if random.random() < 0.25:
        fields["resources"] = random.choice([{"pool": 1}, {"pool": 2}, {"call": 1}])
    if random.random() < 0.2:
        fields["condition"] = random.choice(["true", "1 == 2", "inputs.x > 1"])
    kind = random.random()
    if can_nest and kind < 0.15:
        fields |= {"type": "agent", "target": "inner", "resources": {}}
    elif kind < 0.25:
        fields |= {"type": "internal", "target": None}
        del fields["timeout_seconds"]
    return fields


async def play(case: Case) -> Log:
    """Run the case, cancelling it where it says so."""
    log = Log()

    async def cancel(events: EventStream, moment: float) -> None:
        await anyio.sleep(moment)
        events.cancel()

    request = RunRequest(inputs={"x": 1}, approver=case.person)
    events_of_run = RunHandle(case.spec, request).stream()
    async with events_of_run as events, anyio.create_task_group() as tasks:
        if case.cancel_at is not None:
            tasks.start_soon(cancel, events, case.cancel_at)
        async for event in events:
            log.append(event)
        tasks.cancel_scope.cancel()
    return log


def check(case: Case, log: Log) -> None:
    """Hold the events of a run against the invariants."""
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))
    assert isinstance(log[-1], AgentEnded)
    assert not log[-1].path
    check_ends(case.spec, log)
    check_order(case.spec, log)
    check_slots(case.spec, log)
    check_shared(case.spec, log)


def check_ends(spec: RunSpec, log: Log) -> None:
    """Every action of the plan has exactly one final event; none starts after it."""
    overlapping = nested_background(spec)
    ended: set[tuple[tuple[str, ...], str]] = set()
    for event in log:
        if event.path and event.action_id in overlapping:
            # One of a nested run that is repeated may overlap with its like.
            continue
        if isinstance(event, AgentStarted):
            # A nested run that is repeated begins anew.
            ended = {key for key in ended if key[0][: len(event.path)] != event.path}
        elif isinstance(event, ActionStarted):
            assert (event.path, event.action_id) not in ended
        elif isinstance(event, ActionEnded):
            key = (event.path, event.action_id)
            assert key not in ended, f"{key} ended twice"
            ended.add(key)
    assert spec.outlook is not None
    assert {name for path, name in ended if not path} == {
        action.id for action in spec.outlook.graph.actions
    }


def nested_background(spec: RunSpec) -> set[str]:
    """The ids of nested actions that nothing waits for."""
    assert isinstance(spec.targets, Tools)
    inner = spec.targets.nested_specs["inner"].outlook
    assert inner is not None
    return {a.id for a in inner.graph.actions if a.mode is ActionMode.FIRE_AND_FORGET}


def check_order(spec: RunSpec, log: Log) -> None:
    """Nothing starts before what it waited for has ended."""
    done: set[str] = set()
    for event in log:
        if isinstance(event, ActionEnded) and not event.path:
            done.add(event.action_id)
        elif isinstance(event, ActionStarted) and not event.path:
            assert waited_for(spec, event.action_id) <= done


def waited_for(spec: RunSpec, name: str) -> set[str]:
    """The actions that must have ended before this one starts."""
    assert spec.outlook is not None
    graph = spec.outlook.graph
    number = graph.index[name]
    return {
        graph.actions[parent].id
        for parent, kind in graph.parents[number].items()
        if graph.actions[number].wait_for_all or kind is not EdgeKind.DEPENDS_ON
    }


def check_slots(spec: RunSpec, log: Log) -> None:
    """No more leaves hold slots than there are, nested ones included."""
    assert spec.outlook is not None
    actions = spec.outlook.graph.actions
    detached = {a.id for a in actions if a.mode is ActionMode.FIRE_AND_FORGET}
    running: set[tuple[tuple[str, ...], str]] = set()
    for event in log:
        if detached.intersection(event.path):
            continue
        match event:
            case ActionStarted() if event.data.type.is_leaf:
                if event.data.mode is not ActionMode.FIRE_AND_FORGET:
                    running.add((event.path, event.action_id))
                    assert len(running) <= spec.protocol.slots
            case ActionStarted():
                pass
            case ActionRetrying() | ApprovalRequested():
                running.discard((event.path, event.action_id))
            case _ if isinstance(event, ActionEnded):
                running.discard((event.path, event.action_id))
            case _:
                pass


def check_shared(spec: RunSpec, log: Log) -> None:
    """No more units of the pool are held than it has; no more of the rate in any three seconds."""
    wanted = resources_of(spec)
    held: dict[tuple[tuple[str, ...], str], float] = {}
    calls: list[float] = []
    for event in log:
        if isinstance(event, ActionStarted):
            taken = wanted[event.action_id]
            if "call" in taken:
                calls.append(event.seconds)
            held[event.path, event.action_id] = taken.get("pool", 0)
            assert sum(held.values()) <= 2
        elif event.action_id and isinstance(
            event, ActionRetrying | ActionEnded | ApprovalRequested
        ):
            held.pop((event.path, event.action_id), None)
    # The wire has milliseconds.
    assert all(later - first > 2.998 for first, later in zip(calls, calls[2:], strict=False))


def resources_of(spec: RunSpec) -> dict[str, Mapping[str, float]]:
    """What each action takes, those of the nested run among them."""
    assert isinstance(spec.targets, Tools)
    inner = spec.targets.nested_specs["inner"].outlook
    assert spec.outlook is not None
    assert inner is not None
    actions = (*spec.outlook.graph.actions, *inner.graph.actions)
    return {action.id: action.resources for action in actions}


def wire(log: Log) -> list[dict[str, Any]]:
    """The log as it would be written, without what differs from run to run."""
    lines: list[dict[str, Any]] = []
    for event in log:
        line = json.loads(encode(event))
        for key in ("timestamp", "execution_id"):
            del line[key]
        line["data"].pop("duration_seconds", None)
        line["data"].pop("duration", None)
        lines.append(line)
    return lines


def run_seeds(seeds: range) -> None:
    """Run the cases of these seeds, each on a loop of its own."""
    for seed in seeds:
        case = case_of(seed)
        log = anyio.run(play, case, backend_options={"loop_factory": VirtualLoop})
        try:
            check(case, log)
        except AssertionError as error:
            message = f"seed {seed}: {error}"
            raise AssertionError(message) from error


@pytest.mark.no_cover
@pytest.mark.parametrize("block", range(20))
@pytest.mark.timeout(120)
def test_whatever_happens_the_invariants_hold(block: int) -> None:
    run_seeds(range(block * 500, (block + 1) * 500))


@pytest.mark.slow
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("block", range(100))
def test_whatever_happens_a_million_times(block: int) -> None:
    run_seeds(range(1_000_000 + block * 10_000, 1_000_000 + (block + 1) * 10_000))


@pytest.mark.parametrize("seed", range(40))
async def test_the_invariants_hold_on_both_backends(seed: int) -> None:
    case = case_of(50_000 + seed)
    check(case, await play(case))


@pytest.mark.parametrize("seed", range(40))
def test_the_same_seed_gives_the_same_events(seed: int) -> None:
    # On asyncio: trio wakes tasks of one moment in random order, on purpose.
    case = case_of(60_000 + seed)
    options = {"loop_factory": VirtualLoop}
    logs = [anyio.run(play, case, backend_options=options) for _ in range(2)]
    assert wire(logs[0]) == wire(logs[1])


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(60))
async def test_the_same_plan_gives_the_same_results_at_any_parallelism(seed: int) -> None:
    results = [await settled(seed, slots) for slots in (1, 2, 7)]
    assert results[0] == results[1] == results[2]


async def settled(seed: int, slots: int) -> Any:
    """The outputs of a plan without alternatives, time limits and aborts, under some slots."""
    random = Random(seed)
    actions = [
        action.model_copy(
            update={"wait_for_all": True, "timeout_seconds": None, "on_failure": on_failure}
        )
        for action in actions_of(random, 8, "a")
        if (on_failure := "continue" if action.on_failure == "continue" else "fail")
    ]
    resources = {"pool": 2, "call": "2/3s"}
    grace = 1_000
    spec = spec_of(
        actions,
        max_parallel_actions=slots,
        fire_and_forget_grace_seconds=grace,
        resources=resources,
    )
    log = await play(Case(spec, None))
    last: Event = log[-1]
    return last.data["outputs"], log.ends()
