"""The search: sound, the same every time, never worse than the plain order, never over-claiming."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_cli.plan.graph import Graph
from cortex_cli.plan.search import Found, default_passes, makespan, search
from cortex_cli.plan.simulate import simulate
from cortex_cli.protocol.action import Action
from tests.plan.builders import graph_of, timed
from tests.plan.random_plans import plans, seconds_of


def found_in(graph: Graph, slots: int, passes: int = 20) -> Found:
    return search(graph, seconds_of(graph), slots, passes=passes)


def quickest(graph: Graph, slots: int) -> float:
    """What the best of all orders takes, if a run follows it."""
    durations = seconds_of(graph)
    tails = permutations(map(float, range(len(graph))))
    return min(makespan(graph, simulate(graph, durations, tail, slots)) for tail in tails)


def needs_an_idle_slot() -> list[Action]:
    """One slot should wait a second for `short`, which `quiet` waits for; no run does that."""
    return [
        timed("early", 1, type="agent", target="x"),
        timed("short", 1, "early"),
        timed("quiet", 20, "short", type="agent", target="x"),
        timed("long", 10),
    ]


def hard() -> Graph:
    """The longest remaining path first takes 7 s in two slots, and 6 are enough."""
    return graph_of(timed("a", 3), timed("b", 3), timed("c", 2), timed("d", 2), timed("e", 2))


@given(plans(), st.integers(1, 4))
def test_what_is_found_is_what_the_scheduler_does_and_never_worse_than_plain(
    graph: Graph, slots: int
) -> None:
    durations = seconds_of(graph)
    plain, found = found_in(graph, slots, passes=0), found_in(graph, slots)
    assert found.schedule == simulate(graph, durations, found.tails, slots)
    assert found.makespan == makespan(graph, found.schedule) <= plain.makespan
    assert found.shortest <= found.makespan
    assert plain.bound <= found.bound <= found.makespan


@given(plans(most=5), st.integers(1, 3))
def test_what_is_proved_cannot_be_beaten_and_no_bound_is_too_high(graph: Graph, slots: int) -> None:
    found, best = found_in(graph, slots), quickest(graph, slots)
    assert found.bound <= best <= found.makespan
    if found.proved:
        assert found.makespan == best


@settings(derandomize=True)
@given(plans(plain=True, most=5), st.integers(1, 3))
def test_small_plans_are_solved_as_well_as_a_run_can(graph: Graph, slots: int) -> None:
    assert found_in(graph, slots, passes=50).makespan == quickest(graph, slots)


def test_a_better_order_than_the_longest_path_first_is_found_and_proved() -> None:
    plain, found = found_in(hard(), 2, passes=0), found_in(hard(), 2)
    assert (plain.makespan, plain.proved) == (7, False)
    assert (found.makespan, found.bound, found.proved) == (6, 6, True)
    assert 0 < found.passes_used < 20


def test_what_takes_no_time_goes_first_where_more_waits_for_it() -> None:
    graph = graph_of(
        timed("work", 1), timed("now", 0), timed("quiet", 1, "now", type="agent", target="x")
    )
    assert found_in(graph, 1, passes=0).makespan == 2
    assert found_in(graph, 1).makespan == 1


def test_nothing_is_searched_where_the_plain_order_is_proved() -> None:
    found = found_in(graph_of(timed("a", 3), timed("b", 4, "a")), 2)
    assert (found.makespan, found.proved, found.passes_used) == (7, True, 0)


def test_the_same_plan_gives_the_same_order() -> None:
    actions = [timed(f"a{n}", 1 + n * 7 % 23, *(f"a{n - 9}",) * (n > 9)) for n in range(60)]
    graph = graph_of(*actions)
    assert found_in(graph, 3) == found_in(graph, 3)


def test_an_order_that_needs_an_idle_slot_is_worth_what_a_run_makes_of_it() -> None:
    found = found_in(graph_of(*needs_an_idle_slot()), 1)
    assert found.shortest == found.bound == 22
    assert found.makespan == 31
    assert not found.proved
    assert found.passes_used == 20


def test_each_tail_is_about_the_time_from_the_start_to_the_end() -> None:
    found = found_in(hard(), 2)
    assert found.tails == pytest.approx([6 - start for start in found.schedule.starts])
    assert len(set(found.tails)) == 5


def test_what_runs_in_the_background_keeps_its_own_place() -> None:
    actions = [*hard().actions, timed("log", 50, mode="fire_and_forget")]
    found = found_in(graph_of(*actions), 2)
    assert (found.makespan, found.tails[5]) == (6, 0)


def test_priorities_hold_whatever_the_search_would_like() -> None:
    urgent = [action.model_copy(update={"priority": 1}) for action in hard().actions[3:]]
    found = found_in(graph_of(*hard().actions[:3], *urgent), 2)
    assert found.schedule.starts[3:] == [0, 0]
    assert (found.makespan, found.bound, found.proved) == (7, 6, False)


def test_an_action_that_needs_one_of_several_is_not_claimed_to_be_optimal_wrongly() -> None:
    graph = graph_of(
        timed("slow", 9), timed("quick", 8), timed("any", 5, "slow", "quick", wait_for_all=False)
    )
    found = found_in(graph, 1)
    assert (found.makespan, found.bound) == (22, 22)
    wide = found_in(graph, 2)
    assert (wide.makespan, wide.bound, wide.proved) == (13, 13, True)


def test_a_plan_without_actions_takes_no_time() -> None:
    found = found_in(graph_of(), 1)
    assert (found.makespan, found.bound, found.proved) == (0, 0, True)


def test_small_plans_are_searched_fifty_times_and_larger_ones_less() -> None:
    sizes = (0, 1, 188, 500, 1_000, 2_000, 3_333, 3_334, 100_000)
    assert [default_passes(size) for size in sizes] == [50, 50, 50, 17, 7, 2, 0, 0, 0]
