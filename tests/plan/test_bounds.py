"""Bounds are never above the best schedule that there is."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.plan.bounds import interval_bound, reaches, simple_bound
from cortex_cli.plan.critical_path import Timing, timing
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.jobs import Jobs, jobs_of
from cortex_cli.plan.list_schedule import gap_schedule
from cortex_cli.plan.simulate import simulate
from cortex_cli.protocol.action import Action
from tests.plan.builders import graph_of, timed
from tests.plan.random_plans import plans, seconds_of


def jobs_and_timing(graph: Graph, slots: int, scale: float = 1.0) -> tuple[Jobs, Timing]:
    durations = [seconds * scale for seconds in seconds_of(graph)]
    facts = timing(graph, durations)
    schedule = simulate(graph, durations, facts.tails, slots)
    return jobs_of(graph, durations, schedule, slots), facts


def shortest(jobs: Jobs) -> float:
    """The length of the best of all schedules: gap by gap, some order leads to it."""
    orders = permutations(range(len(jobs.durations)))
    return min(max(gap_schedule(jobs, jobs.forward, order)) for order in orders)


@given(plans(plain=True, most=5), st.integers(1, 3), st.sampled_from([1.0, 0.1, 1 / 3]))
def test_no_bound_is_above_the_best_schedule(graph: Graph, slots: int, scale: float) -> None:
    jobs, facts = jobs_and_timing(graph, slots, scale)
    simple = simple_bound(jobs, facts)
    bound = interval_bound(jobs, facts, simple)
    assert simple <= bound
    assert bound <= shortest(jobs) * (1 + 1e-12)


def bounds_of(*actions: Action, slots: int) -> tuple[float, float]:
    jobs, facts = jobs_and_timing(graph_of(*actions), slots)
    simple = simple_bound(jobs, facts)
    return simple, interval_bound(jobs, facts, simple)


def test_the_simple_bound_is_the_critical_path_or_the_work_shared_out() -> None:
    chain = (timed("a", 3), timed("b", 4, "a"))
    assert bounds_of(*chain, slots=2)[0] == 7
    assert bounds_of(*chain, timed("c", 9), slots=2)[0] == 9
    assert bounds_of(*chain, timed("c", 9), slots=1)[0] == 16


def test_whole_seconds_round_a_bound_up_and_others_do_not() -> None:
    assert bounds_of(timed("a", 1), timed("b", 1), timed("c", 1), slots=2)[0] == 2
    assert bounds_of(timed("a", 1), timed("b", 1), timed("c", 1.5), slots=2)[0] == 1.75


def test_work_that_must_wait_for_a_narrow_start_raises_the_bound() -> None:
    wide = [timed(f"w{number}", 5, "first") for number in range(4)]
    simple, bound = bounds_of(timed("first", 2), *wide, timed("last", 3, "w0", "w1", "w2"), slots=2)
    assert (simple, bound) == (13, 15)


def test_agents_need_no_slot_and_so_no_room() -> None:
    agents = [timed(f"a{number}", 5, type="agent", target="x") for number in range(9)]
    assert bounds_of(*agents, slots=1) == (5, 5)


def test_the_worst_interval_of_a_large_plan_is_found_though_few_are_tried() -> None:
    head = [timed("h0", 1), *(timed(f"h{n}", 1, f"h{n - 1}") for n in range(1, 60))]
    wide = [timed(f"w{n}", 2 + n / 100, "h59") for n in range(60)]
    simple, bound = bounds_of(*head, *wide, slots=4)
    assert simple < 65
    assert bound == pytest.approx(60 + sum(2 + n / 100 for n in range(60)) / 4)


def test_a_bound_is_reached_but_for_rounding() -> None:
    assert reaches(0.1 + 0.2, 0.3)
    assert not reaches(0.3001, 0.3)
    assert reaches(0, 0)
