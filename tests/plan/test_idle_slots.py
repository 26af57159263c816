"""Optima that no run reaches, because a run lets no slot idle while something is ready."""

from collections.abc import Iterator
from itertools import combinations

import pytest

from benchmarks.schedules import SOLVED, Case, solved
from cortex_cli.plan.critical_path import timing

OUT_OF_REACH = [
    ("rand0026.stg", 8),
    ("rand0095.stg", 8),
    ("rand0115.stg", 8),
    ("rand0158.stg", 2),
    pytest.param("rand0159.stg", 2, marks=pytest.mark.slow),
    ("rand0161.stg", 2),
]

Running = tuple[tuple[float, int], ...]
State = tuple[int, Running]


class Runs:
    """All runs of a plan that end in time and never leave a slot idle while an action is ready.

    A state is the set of actions that have ended, as bits, and those that run, by their ends.
    """

    def __init__(self, case: Case, slots: int, limit: float) -> None:
        facts = timing(case.graph, case.durations)
        self.slots = slots
        self.durations = case.durations
        self.latest = [limit - tail for tail in facts.tails]
        self.order = case.graph.order()
        self.parents = [sum(1 << p for p in parents) for parents in case.graph.parents]
        self.waits_for = case.graph.parents
        self.all_ended = (1 << len(case.graph)) - 1

    def any_in_time(self) -> bool:
        """Whether there is one; tries all that may still be in time, each state once."""
        seen: set[State] = set()
        stack = list(self.filled(0, (), 0.0))
        while stack:
            state = stack.pop()
            if state in seen:
                continue
            seen.add(state)
            ended, running = state
            # Of actions that end together the lower number ends first, as on the simulated clock.
            (now, action), *rest = running
            ended |= 1 << action
            if ended == self.all_ended:
                return True
            stack.extend(self.filled(ended, tuple(rest), now))
        return False

    def filled(self, ended: int, running: Running, now: float) -> Iterator[State]:
        """The states after every way to fill the free slots with what is ready."""
        begun = ended | sum(1 << action for _, action in running)
        ready = [
            action
            for action, parents in enumerate(self.parents)
            if not begun >> action & 1 and parents & ended == parents
        ]
        count = min(len(ready), self.slots - len(running))
        for chosen in combinations(ready, count):
            fresh = [(now + self.durations[action], action) for action in chosen]
            state = ended, tuple(sorted([*running, *fresh]))
            if self.may_be_in_time(*state, now):
                yield state

    def may_be_in_time(self, ended: int, running: Running, now: float) -> bool:
        """Whether no action is too late yet, and what is left fits into the slots by each time."""
        ends = [now] * len(self.durations)
        for end, action in running:
            ends[action] = end
        pieces: list[tuple[float, float]] = [(now, end) for end, _ in running]
        begun = ended | sum(1 << action for _, action in running)
        for action in self.order:
            if begun >> action & 1:
                continue
            start = max((ends[parent] for parent in self.waits_for[action]), default=now)
            if start > self.latest[action]:
                return False
            ends[action] = start + self.durations[action]
            pieces.append((self.latest[action], self.latest[action] + self.durations[action]))
        return self.fit(pieces, now)

    def fit(self, pieces: list[tuple[float, float]], now: float) -> bool:
        """Whether pieces of work, begun as late as can be, fit between now and any later time."""
        events = sorted([(begin, 1) for begin, _ in pieces] + [(end, -1) for _, end in pieces])
        excess, rate, before = 0.0, -self.slots, now
        for moment, change in events:
            excess += rate * (moment - before)
            if excess > 0:
                return False
            before = moment
            rate += change
        return True


@pytest.mark.no_cover
@pytest.mark.skipif(not SOLVED.exists(), reason=f"{SOLVED.name} is absent")
@pytest.mark.parametrize(("name", "slots"), OUT_OF_REACH)
@pytest.mark.timeout(120)
def test_no_run_reaches_the_optimum(name: str, slots: int) -> None:
    case = next(case for case in solved() if case.name == name)
    assert not Runs(case, slots, case.optima[slots]).any_in_time()


@pytest.mark.skipif(not SOLVED.exists(), reason=f"{SOLVED.name} is absent")
@pytest.mark.parametrize(("name", "slots"), [("rand0026.stg", 8), ("rand0115.stg", 8)])
def test_a_second_more_is_enough_for_a_run(name: str, slots: int) -> None:
    case = next(case for case in solved() if case.name == name)
    assert Runs(case, slots, case.optima[slots] + 1).any_in_time()
