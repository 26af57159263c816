"""What other slots and other actions would make of a plan."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.plan.describe import work_out
from cortex_cli.plan.estimate import Estimate
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.what_if import what_if
from cortex_cli.protocol.action import Action
from cortex_cli.report import WhatIf
from tests.plan.builders import graph_of, timed
from tests.plan.random_plans import plans, seconds_of


def estimates_of(graph: Graph) -> Sequence[Estimate]:
    return [Estimate(seconds, "test") for seconds in seconds_of(graph)]


def tried(*actions: Action, slots: int = 2) -> WhatIf:
    graph = graph_of(*actions)
    return what_if(work_out(graph, estimates_of(graph), slots))


def curve_of(result: WhatIf) -> dict[int, float]:
    return {point.slots: point.scheduled_seconds for point in result.curve}


def wide(size: int) -> list[Action]:
    return [timed(f"a{number}", 6) for number in range(size)]


def test_the_curve_goes_from_one_slot_to_where_more_are_of_no_use() -> None:
    result = tried(*wide(6), slots=2)
    assert curve_of(result) == {1: 36, 2: 18, 3: 12, 4: 12, 5: 12, 6: 6}
    assert [point.speedup for point in result.curve] == [1, 2, 3, 3, 3, 6]
    chain = tried(timed("a", 1), timed("b", 2, "a"), timed("c", 3, "b"), slots=2)
    assert curve_of(chain) == {1: 6, 2: 6}


def test_the_plan_s_own_slots_are_on_the_curve_however_many_they_are() -> None:
    result = tried(*wide(3), slots=50)
    assert curve_of(result) == {1: 18, 2: 12, 3: 6, 50: 6}
    assert (result.slots, result.scheduled_seconds) == (50, 6)


def test_of_many_slots_some_are_tried() -> None:
    result = tried(*wide(100), slots=20)
    assert list(curve_of(result)) == [*range(1, 17), 20, 24, 36, 54, 81, 100]


def test_the_knee_is_the_fewest_slots_that_come_within_a_tenth_of_the_best() -> None:
    assert tried(*wide(6)).knee == 6
    chain = [timed("a0", 10), *(timed(f"a{n}", 10, f"a{n - 1}") for n in range(1, 10))]
    few = [timed(f"b{n}", 1) for n in range(9)]
    result = tried(*chain, *few, slots=4)
    assert result.knee == 1
    assert curve_of(result) == {1: 109, 2: 100, 4: 100}


def test_the_longest_on_the_critical_path_shortens_a_plan_that_waits_for_it() -> None:
    result = tried(timed("first", 10), timed("second", 20, "first"), timed("beside", 25), slots=2)
    assert [it.id for it in result.shortenings] == ["second", "first"]
    second, first = result.shortenings
    assert (second.twice_as_fast_seconds, second.cached_seconds) == (25, 25)
    assert (first.twice_as_fast_seconds, first.cached_seconds) == (25, 25)
    assert second.without_barrier_seconds is None


def test_the_longest_of_all_shortens_a_plan_that_waits_for_slots() -> None:
    result = tried(*wide(3), timed("long", 7), slots=1)
    assert result.shortenings[0].id == "long"
    assert result.shortenings[0].cached_seconds == 18
    assert len(result.shortenings) == 4


def test_at_most_five_are_shown() -> None:
    assert len(tried(*wide(20), slots=1).shortenings) == 5


def test_a_barrier_that_holds_the_plan_up_is_found() -> None:
    result = tried(
        timed("gate", 4, mode="sync"),
        timed("a", 3),
        timed("b", 1, "a"),
        timed("c", 2, "gate", mode="sync"),
        slots=3,
    )
    gate = next(it for it in result.shortenings if it.id == "gate")
    assert result.scheduled_seconds == 8
    assert (gate.without_barrier_seconds, gate.least_seconds) == (6, 4)


def test_without_one_barrier_the_others_still_hold() -> None:
    result = tried(
        timed("first", 5, mode="sync"), timed("second", 5, mode="sync"), timed("last", 5), slots=3
    )
    free = {it.id: it.without_barrier_seconds for it in result.shortenings}
    assert free == {"first": 10, "second": 10, "last": None}


def test_a_plan_that_takes_no_time_has_nothing_to_be_shortened() -> None:
    result = tried(timed("a", 0), timed("log", 5, mode="fire_and_forget"))
    assert curve_of(result) == {1: 0, 2: 0}
    assert result.curve[0].speedup == 1
    assert (result.knee, result.shortenings) == (1, ())


@given(plans(most=6), st.integers(1, 4))
def test_what_if_agrees_with_the_plan_and_only_shows_what_is_shorter(
    graph: Graph, slots: int
) -> None:
    result = what_if(work_out(graph, estimates_of(graph), slots))
    outlook = work_out(graph, estimates_of(graph), slots)
    assert result.scheduled_seconds == outlook.scheduled_seconds
    assert curve_of(result)[slots] == outlook.scheduled_seconds
    assert all(it.least_seconds < result.scheduled_seconds for it in result.shortenings)


def test_the_number_of_orders_to_try_can_be_given() -> None:
    graph = graph_of(*(timed(f"a{n}", 3 if n < 2 else 2) for n in range(5)))
    plain = what_if(work_out(graph, estimates_of(graph), 2), passes=0)
    searched = what_if(work_out(graph, estimates_of(graph), 2), passes=50)
    assert (plain.scheduled_seconds, searched.scheduled_seconds) == (7, 6)
    assert curve_of(plain)[3] == curve_of(searched)[3]


@pytest.mark.no_cover
def test_in_a_large_plan_fewer_actions_are_tried() -> None:
    chain = [timed("a0", 1), *(timed(f"a{n}", 1, f"a{n - 1}") for n in range(1, 3_291))]
    long = [timed(f"a{n}", 900, f"a{n - 1}") for n in range(3_291, 3_301)]
    result = tried(*chain, *long)
    assert [it.cached_seconds for it in result.shortenings] == [3_291 + 9 * 900] * 4
