"""The scheduler on a simulated clock: when each action would start and end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import assert_never

from cortex_cli.plan.commands import (
    Ask,
    Cancel,
    Check,
    Close,
    Defer,
    Exhaust,
    Price,
    Queue,
    Restore,
    Skip,
    Start,
    Write,
)
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.states import Item
from cortex_cli.protocol.resources import Resource


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
    every = zip(graph.traits, graph.parents, tails, strict=True)
    if not first:
        return [Item(traits, parents.items(), tail) for traits, parents, tail in every]
    return [
        Item(traits, [(first + source, kind) for source, kind in parents.items()], tail)
        for traits, parents, tail in every
    ]


def simulate(
    graph: Graph,
    durations: Sequence[float],
    tails: Sequence[float],
    slots: int,
    shared: Mapping[str, Resource] | None = None,
) -> Schedule:
    """Run the plan on a simulated clock, in which everything succeeds and takes its estimate.

    `durations` and `tails` (the longest remaining path from the start of each action) are in
    seconds; `shared` holds the pools and rates of the run. Conditions are taken to be true, every
    case of a decision to be chosen, and no approval to be asked for.
    """
    return _Simulation(graph, durations, tails, slots, shared or {}).run()


class _Simulation:
    def __init__(
        self,
        graph: Graph,
        durations: Sequence[float],
        tails: Sequence[float],
        slots: int,
        shared: Mapping[str, Resource],
    ) -> None:
        size = len(graph)
        self._schedule = Schedule([0.0] * size, [0.0] * size, [True] * size)
        self._durations = durations
        self._scheduler = Scheduler(slots)
        group = self._scheduler.open(shared=shared)
        self._scheduler.extend(group, items_of(graph, tails))
        self._scheduler.seal(group)
        self._running: list[tuple[float, int]] = []
        self._lent: list[tuple[float, int, float]] = []

    def run(self) -> Schedule:
        """The schedule once all has ended."""
        running, lent = self._running, self._lent
        self._perform(0.0)
        while running:
            if lent and lent[0][0] <= running[0][0]:
                now, limit, units = heappop(lent)
                self._scheduler.restored(limit, units)
            else:
                now, action = heappop(running)
                self._scheduler.completed(action)
            self._perform(now)
            while lent and not running:
                now, limit, units = heappop(lent)
                self._scheduler.restored(limit, units)
                self._perform(now)
        return self._schedule

    def _perform(self, now: float) -> None:
        scheduler, schedule = self._scheduler, self._schedule
        while commands := scheduler.take():
            for command in commands:
                match command:
                    case Start(action):
                        schedule.starts[action] = now
                        schedule.ends[action] = now + self._durations[action]
                        heappush(self._running, (schedule.ends[action], action))
                    case Check(action):
                        scheduler.passed(action)
                    case Restore(limit, units, seconds):
                        heappush(self._lent, (now + seconds, limit, units))
                    case Skip(action):
                        schedule.starts[action] = schedule.ends[action] = now
                        schedule.ran[action] = False
                    case (
                        Ask()
                        | Queue()
                        | Cancel()
                        | Close()
                        | Price()
                        | Exhaust()
                        | Write()
                        | Defer()
                    ):
                        pass
                    case _:
                        assert_never(command)
