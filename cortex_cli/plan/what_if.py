"""What would make a plan shorter: more slots, quicker actions, cached ones, fewer barriers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

from cortex_cli.kinds import ActionMode, EdgeKind
from cortex_cli.plan.barriers import add_barriers
from cortex_cli.plan.bounds import TOLERANCE, reaches
from cortex_cli.plan.describe import Outlook
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.search import Found, default_passes, search
from cortex_cli.protocol.resources import Resource
from cortex_cli.report import AtSlots, Shortening, WhatIf

_EACH_UP_TO = 16
_NEAR = 1.1
_TRIED = 8
_TRIED_FOR = 16_000
_KEPT = 5
_WORTH = 0.001
_SHARE = 4


def what_if(outlook: Outlook, *, passes: int | None = None) -> WhatIf:
    """Plan anew with other slots and with other actions.

    Each time at most `passes` orders are tried. By default they are as many for the plan as it is
    as `work_out` tries, and as many for each other as in a plan four times as large.

    Of slots, each number up to 16 is tried and then every one and a half times as many, until
    more are of no use. Of actions those that seem to hold up the plan: the longest on the critical
    path if that is what the plan waits for, else the longest of all, and the `sync` ones; eight of
    each, fewer in plans of more than 2,000. At most five that shorten the plan by more than 0.1 %
    are kept.
    """
    graph, slots = outlook.graph, outlook.slots
    durations = [known.seconds for known in outlook.estimates]
    size = len(graph)
    most = default_passes(size) if passes is None else passes
    found = search(graph, durations, slots, passes=most, shared=outlook.shared)
    share = default_passes(size * _SHARE) if passes is None else passes
    trials = _Trials(graph, durations, slots, share, found, outlook.shared)
    curve = tuple(trials.curve())
    shortenings = [trials.shortening(number) for number in trials.candidates()]
    enough = found.makespan * (1 - _WORTH)
    worth = [it for it in shortenings if it.least_seconds < enough]
    return WhatIf(
        slots=slots,
        scheduled_seconds=found.makespan,
        curve=curve,
        knee=_knee(curve),
        shortenings=tuple(sorted(worth, key=lambda it: it.least_seconds)[:_KEPT]),
    )


@dataclass(frozen=True, slots=True)
class _Trials:
    """A plan as it is, and what becomes of it otherwise."""

    graph: Graph
    durations: Sequence[float]
    slots: int
    passes: int
    found: Found
    shared: Mapping[str, Resource]

    def curve(self) -> Iterator[AtSlots]:
        """From one slot to as many as are of use, the plan's own number among them."""
        schedule = self.found.schedule
        sequential = sum(schedule.ends) - sum(schedule.starts)
        is_enough = False
        for slots in sorted({*_counts(len(self.counted())), self.slots}):
            found = self.found
            if slots != self.slots:
                if is_enough:
                    continue
                found = self._search(self.graph, self.durations, slots)
            seconds = found.makespan
            yield AtSlots(
                slots=slots,
                scheduled_seconds=seconds,
                speedup=sequential / seconds if seconds else 1.0,
            )
            is_enough |= reaches(seconds, found.timing.length)

    def counted(self) -> list[int]:
        """The actions that take time and that the plan's duration depends on."""
        return [
            number
            for number, action in enumerate(self.graph.actions)
            if action.mode is not ActionMode.FIRE_AND_FORGET
            and self.durations[number]
            and self.found.schedule.ran[number]
        ]

    def candidates(self) -> list[int]:
        """The actions that seem worth a try."""
        found = self.found
        waits_for_path = reaches(found.makespan, found.timing.length)
        on_path = set(found.timing.path)
        long = [number for number in self.counted() if number in on_path or not waits_for_path]
        barriers = [number for number in range(len(self.graph)) if self._holds_back(number)]
        return list(dict.fromkeys([*self._longest(long), *self._longest(barriers)]))

    def shortening(self, number: int) -> Shortening:
        """How long the plan would take if that action were otherwise."""
        seconds = self.durations[number]
        free = None
        if self._holds_back(number):
            graph = without_barrier(self.graph, number)
            free = self._search(graph, self.durations, self.slots).makespan
        return Shortening(
            id=self.graph.actions[number].id,
            twice_as_fast_seconds=self._with_duration(number, seconds / 2),
            cached_seconds=self._with_duration(number, 0.0),
            without_barrier_seconds=free,
        )

    def _with_duration(self, number: int, seconds: float) -> float:
        durations = [*self.durations]
        durations[number] = seconds
        return self._search(self.graph, durations, self.slots).makespan

    def _search(self, graph: Graph, durations: Sequence[float], slots: int) -> Found:
        return search(graph, durations, slots, passes=self.passes, shared=self.shared)

    def _holds_back(self, number: int) -> bool:
        parents = self.graph.parents
        children = self.graph.children[number]
        return any(parents[child][number] is EdgeKind.BARRIER for child in children)

    def _longest(self, numbers: Sequence[int]) -> list[int]:
        tried = max(1, min(_TRIED, _TRIED_FOR // max(1, len(self.graph))))
        return nlargest(tried, numbers, key=self.durations.__getitem__)


def _counts(most: int) -> Iterator[int]:
    count = 1
    while count < most:
        yield count
        count += 1 if count < _EACH_UP_TO else count // 2
    yield max(1, most)


def without_barrier(graph: Graph, number: int) -> Graph:
    """The plan in which that `sync` action is `async`."""
    actions = list(graph.actions)
    actions[number] = actions[number].model_copy(update={"mode": ActionMode.ASYNC})
    other = Graph(actions)
    for edge in graph.edges():
        if edge.kind is not EdgeKind.BARRIER:
            other.add(edge.source, edge.target, edge.kind)
    add_barriers(other)
    return other


def _knee(curve: Sequence[AtSlots]) -> int:
    least = min(point.scheduled_seconds for point in curve)
    enough = least * _NEAR * (1 + TOLERANCE)
    return next(point.slots for point in curve if point.scheduled_seconds <= enough)
