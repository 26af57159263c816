"""How near to the optimum plans come, on workloads that others have made and solved."""

from statistics import fmean

import pytest

from benchmarks.schedules import (
    SOLVED,
    TRACES,
    Case,
    Score,
    optimal,
    solved,
    traces,
    wave_order,
)
from cortex_cli.plan.describe import describe, work_out
from cortex_cli.plan.estimate import Estimate
from cortex_cli.plan.search import default_passes, search

pytestmark = pytest.mark.no_cover
needs_solved = pytest.mark.skipif(not SOLVED.exists(), reason=f"{SOLVED.name} is absent")
needs_traces = pytest.mark.skipif(not TRACES.exists(), reason=f"{TRACES.name} is absent")


def searched(cases: list[Case], passes: int) -> Score:
    """All cases in so many passes; none is ever below its optimum, no bound above it."""
    score = Score()
    for case in cases:
        for slots, optimum in case.optima.items():
            found = search(case.graph, case.durations, slots, passes=passes)
            assert found.bound <= optimum <= found.shortest <= found.makespan
            score.add(found, optimum)
    return score


@needs_solved
def test_solved_graphs_are_planned_near_their_optima_by_default() -> None:
    cases = solved()
    assert {default_passes(len(case.graph)) for case in cases} == {50}
    score = searched(cases, 50)
    assert len(score.run) == 669
    assert fmean(score.run) <= 1.0005
    assert optimal(score.run) >= 0.98
    assert score.proved == sum(ratio == 1 for ratio in score.run)
    assert optimal(score.met) >= 0.99


@needs_solved
@pytest.mark.timeout(120)
def test_a_thousand_orders_solve_what_a_run_can_follow() -> None:
    score = searched(solved(), 1_000)
    assert fmean(score.run) <= 1.0001
    # Six of the 669 are out of reach of any run, see test_idle_slots.py.
    assert optimal(score.run) >= 662 / 669
    assert score.proved == sum(ratio == 1 for ratio in score.run)
    assert optimal(score.met) >= 0.995


@needs_solved
def test_the_bound_of_every_solved_graph_is_its_optimum() -> None:
    for case in solved():
        for slots, optimum in case.optima.items():
            found = search(case.graph, case.durations, slots, passes=3)
            assert found.bound == optimum


@needs_solved
def test_the_report_gives_the_schedule_and_the_bound_that_were_found() -> None:
    case = solved()[0]
    estimates = [Estimate(seconds, "test") for seconds in case.durations]
    for slots, optimum in case.optima.items():
        totals = describe("x", work_out(case.graph, estimates, slots)).estimate
        assert totals.scheduled_seconds == totals.lower_bound_seconds == optimum


@needs_traces
@pytest.mark.parametrize("slots", [pytest.param(4, marks=pytest.mark.slow), 16])
@pytest.mark.timeout(120)
def test_no_real_workflow_is_slower_than_wave_after_wave(slots: int) -> None:
    cases = traces()
    assert len(cases) == 57
    for case in cases:
        passes = default_passes(len(case.graph))
        found = search(case.graph, case.durations, slots, passes=passes)
        assert found.bound <= found.makespan <= wave_order(case, slots) * (1 + 1e-9), case.name
