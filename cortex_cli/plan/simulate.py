"""The scheduler on a simulated clock: when each action would start and end."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import assert_never

from cortex_cli.plan.commands import Cancel, Check, Close, Queue, Skip, Start
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.states import Item


@dataclass(frozen=True, slots=True)
class Schedule:
    """Start and end of each action in seconds from the start of the plan.

    `ran[i]` is False for an action that was skipped; it starts and ends when that was decided.
    """

    starts: list[float]
    ends: list[float]
    ran: list[bool]


def items_of(graph: Graph, tails: Sequence[float], first: int = 0) -> list[Item]:
    """The actions of a graph as the scheduler takes them, numbered from `first`."""
    every = zip(graph.actions, graph.parents, tails, strict=True)
    if not first:
        return [Item(action, parents.items(), tail) for action, parents, tail in every]
    return [
        Item(action, [(first + source, kind) for source, kind in parents.items()], tail)
        for action, parents, tail in every
    ]


def simulate(
    graph: Graph, durations: Sequence[float], tails: Sequence[float], slots: int
) -> Schedule:
    """Run the plan on a simulated clock, in which everything succeeds and takes its estimate.

    `durations` and `tails` (the longest remaining path from the start of each action) are in
    seconds. Conditions are taken to be true, and every case of a decision to be chosen.
    """
    size = len(graph)
    schedule = Schedule([0.0] * size, [0.0] * size, [True] * size)
    scheduler = Scheduler(slots)
    group = scheduler.open()
    scheduler.extend(group, items_of(graph, tails))
    scheduler.seal(group)
    running: list[tuple[float, int]] = []
    now = 0.0
    _perform(scheduler, schedule, durations, running, now)
    while running:
        now, action = heappop(running)
        scheduler.completed(action)
        _perform(scheduler, schedule, durations, running, now)
    return schedule


def _perform(
    scheduler: Scheduler,
    schedule: Schedule,
    durations: Sequence[float],
    running: list[tuple[float, int]],
    now: float,
) -> None:
    while commands := scheduler.take():
        for command in commands:
            match command:
                case Start(action):
                    schedule.starts[action] = now
                    schedule.ends[action] = now + durations[action]
                    heappush(running, (schedule.ends[action], action))
                case Check(action):
                    scheduler.passed(action)
                case Skip(action):
                    schedule.starts[action] = schedule.ends[action] = now
                    schedule.ran[action] = False
                case Queue() | Cancel() | Close():
                    pass
                case _:
                    assert_never(command)
