"""Orders into schedules: sound ones, and just what the scheduler itself would do."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.kinds import ActionMode
from cortex_cli.plan.critical_path import timing
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.jobs import Jobs, Side, jobs_of
from cortex_cli.plan.list_schedule import gap_schedule, list_schedule
from cortex_cli.plan.simulate import simulate
from tests.plan.builders import act, graph_of, timed
from tests.plan.random_plans import plans, seconds_of

Builder = Callable[[Jobs, Side, Sequence[int]], list[float]]


def jobs_in(graph: Graph, slots: int) -> Jobs:
    durations = seconds_of(graph)
    tails = timing(graph, durations).tails
    return jobs_of(graph, durations, simulate(graph, durations, tails, slots), slots)


def check_sound(jobs: Jobs, parents: Sequence[Sequence[int]], ends: Sequence[float]) -> None:
    starts = [end - seconds for end, seconds in zip(ends, jobs.durations, strict=True)]
    for job, before in enumerate(parents):
        assert starts[job] >= max((ends[parent] for parent in before), default=0.0)
    in_slot = [job for job in range(len(ends)) if jobs.in_slot[job]]
    for moment in starts:
        assert sum(starts[job] <= moment < ends[job] for job in in_slot) <= jobs.slots


@pytest.mark.parametrize("build", [list_schedule, gap_schedule])
@given(graph=plans(), slots=st.integers(1, 4), draw=st.data())
def test_any_order_makes_a_sound_schedule_forward_and_backward(
    build: Builder, graph: Graph, slots: int, draw: st.DataObject
) -> None:
    jobs = jobs_in(graph, slots)
    order = draw.draw(st.permutations(range(len(graph))))
    check_sound(jobs, jobs.backward.after, build(jobs, jobs.forward, order))
    check_sound(jobs, jobs.forward.after, build(jobs, jobs.backward, order))


@given(graph=plans(plain=True), slots=st.integers(1, 4), draw=st.data())
def test_a_list_schedule_is_what_the_scheduler_makes_of_the_order(
    graph: Graph, slots: int, draw: st.DataObject
) -> None:
    jobs = jobs_in(graph, slots)
    order = draw.draw(st.permutations(range(len(graph))))
    tails = [0.0] * len(order)
    for place, number in enumerate(order):
        tails[number] = float(len(order) - place)
    schedule = simulate(graph, seconds_of(graph), tails, slots)
    assert list_schedule(jobs, jobs.forward, order) == schedule.ends


def test_a_list_schedule_fills_a_slot_that_a_gap_schedule_keeps_for_later() -> None:
    graph = graph_of(
        timed("long", 10), timed("agent", 1, type="agent", target="a"), timed("short", 1, "agent")
    )
    jobs = jobs_in(graph, 1)
    assert list_schedule(jobs, jobs.forward, [1, 2, 0]) == [10, 1, 11]
    assert gap_schedule(jobs, jobs.forward, [1, 2, 0]) == [12, 1, 2]


def test_a_gap_schedule_uses_gaps_that_are_long_enough_and_no_others() -> None:
    wait = timed("wait", 4, type="agent", target="a")
    graph = graph_of(wait, timed("late", 2, "wait"), timed("five", 5), timed("four", 4))
    jobs = jobs_in(graph, 1)
    assert gap_schedule(jobs, jobs.forward, [0, 1, 2, 3]) == [4, 6, 11, 4]


def test_what_delays_nothing_and_what_is_skipped_are_empty_and_beside_the_slots() -> None:
    graph = graph_of(
        timed("a", 5),
        timed("log", 9, "a", mode="fire_and_forget"),
        timed("rescue", 7, "a", run_if="failure"),
        timed("after", 1, "rescue", run_if="always"),
        act("agent", type="agent", target="x", estimate_seconds=3),
    )
    jobs = jobs_in(graph, 2)
    assert jobs.durations == [5, 0, 0, 0, 3]
    assert jobs.in_slot == [True, False, False, False, False]
    assert jobs.work() == 5
    assert graph.actions[1].mode is ActionMode.FIRE_AND_FORGET
    assert jobs.forward.waits[1] == 0
    assert jobs.is_exact


def test_of_alternatives_a_job_waits_for_the_one_that_was_first() -> None:
    graph = graph_of(
        timed("slow", 9),
        timed("quick", 2),
        timed("input", 4, output_key="x"),
        timed("any", 1, "slow", "quick", wait_for_all=False, parameters={"x": "$x"}),
        timed("one", 1, "slow", wait_for_all=False),
    )
    jobs = jobs_in(graph, 5)
    assert set(jobs.backward.after[3]) == {1, 2}
    assert list(jobs.backward.after[4]) == [0]
    assert not jobs.is_exact


def test_priorities_are_left_out_where_all_are_equal() -> None:
    assert jobs_in(graph_of(timed("a", 1), timed("b", 1)), 1).priorities is None
    assert jobs_in(graph_of(timed("a", 1, priority=2), timed("b", 1)), 1).priorities == [2, 0]
