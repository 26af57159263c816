"""What `cortex plan` promises: schedules, bounds, critical paths, estimates."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.plan.critical_path import timing
from cortex_cli.plan.describe import Outlook, describe, work_out
from cortex_cli.plan.estimate import Estimate, estimate
from cortex_cli.plan.simulate import simulate
from cortex_cli.protocol.action import Action
from tests.plan.builders import act, graph_of, timed

STG = Path(__file__).parents[3] / "shared" / "data" / "stg-50.json.gz"


def outlook_of(*actions: Action, slots: int = 5) -> Outlook:
    graph = graph_of(*actions)
    return work_out(graph, [estimate(action, {}) for action in actions], slots)


def research_assistant() -> list[Action]:
    def tool(name: str, timeout: int, *depends_on: str, **fields: object) -> Action:
        kinds = {"type": "tool", "target": name, **fields}
        return act(name, *depends_on, timeout_seconds=timeout, **kinds)

    return [
        tool("wikipedia", 30), tool("arxiv", 30), tool("news", 20),
        tool("extract", 15, "wikipedia"), tool("summarize", 60, "arxiv", type="agent"),
        tool("synthesize", 120, "extract", "summarize", "news", type="llm", mode="sync"),
        tool("cache", 10, "synthesize", type="relic", mode="fire_and_forget"),
        tool("quality", 20, "synthesize"), tool("citations", 15, "synthesize"),
        tool("finalize", 10, "quality", "citations", mode="sync"),
    ]  # fmt: skip


def test_the_research_assistant_is_planned_as_the_protocol_says() -> None:
    report = describe("research", outlook_of(*research_assistant(), slots=4))
    assert report.counts.by_type == {"tool": 7, "agent": 1, "llm": 1, "relic": 1}
    assert report.counts.by_mode == {"async": 7, "sync": 2, "fire_and_forget": 1}
    assert report.estimate.sequential_seconds == 330
    assert report.estimate.scheduled_seconds == 240
    assert report.estimate.lower_bound_seconds == 240
    assert report.estimate.wave_seconds == 240
    assert round(report.estimate.speedup, 1) == 1.4
    assert [set(wave) for wave in report.waves] == [
        {"wikipedia", "arxiv", "news"}, {"extract", "summarize"}, {"synthesize"},
        {"cache", "quality", "citations"}, {"finalize"},
    ]  # fmt: skip
    assert report.critical_path == ("arxiv", "summarize", "synthesize", "quality", "finalize")
    slack = {action.id: action.slack_seconds for action in report.actions}
    assert slack["news"] == 70
    assert slack["citations"] == 5
    assert {action.estimate_source for action in report.actions} == {"timeout_seconds"}


def test_an_estimate_says_where_it_comes_from() -> None:
    assert estimate(timed("a", 3), {}) == Estimate(3, "estimate_seconds")
    assert estimate(act("a", timeout_seconds=9), {}) == Estimate(9, "timeout_seconds")
    assert estimate(act("a"), {}) == Estimate(0, "instant")
    tool = act("a", type="tool", target="t")
    assert estimate(tool, {}) == Estimate(300, "default")
    agent = act("a", type="agent", target="t")
    assert estimate(agent, {"a": 42}) == Estimate(42, "plan")


def test_an_empty_plan_takes_no_time() -> None:
    report = describe("none", outlook_of())
    assert report.estimate.scheduled_seconds == 0
    assert report.estimate.speedup == 1
    assert report.waves == ()


def test_what_runs_only_after_a_failure_is_not_expected_to_run() -> None:
    outlook = outlook_of(timed("a", 5), timed("rescue", 50, "a", run_if="failure"))
    report = describe("x", outlook)
    assert report.estimate.sequential_seconds == 5
    assert report.estimate.scheduled_seconds == report.estimate.lower_bound_seconds == 5


def test_with_wait_for_all_false_the_first_dependency_is_critical() -> None:
    outlook = outlook_of(
        timed("slow", 50), timed("quick", 2), timed("any", 10, "slow", "quick", wait_for_all=False)
    )
    assert outlook.schedule.starts[2] == 2
    assert [outlook.graph.actions[n].id for n in outlook.timing.path] == ["slow"]
    assert outlook.timing.heads[2] == 2


def test_a_plan_with_conditions_and_decisions_is_simulated_as_if_all_ran() -> None:
    choose = act("choose", type="decision", cases=[{"when": "true", "then": ["a"]}])
    outlook = outlook_of(choose, timed("a", 2), timed("b", 3, "a", condition="1 > 0"))
    assert outlook.scheduled_seconds == 5


def test_the_order_that_was_found_is_the_order_of_the_run() -> None:
    actions = [timed(f"a{number}", 3 if number < 2 else 2) for number in range(5)]
    graph = graph_of(*actions)
    estimates = [estimate(action, {}) for action in actions]
    plain = work_out(graph, estimates, 2, passes=0)
    assert (plain.scheduled_seconds, plain.bound, plain.proved, plain.passes) == (7, 6, False, 0)
    found = work_out(graph, estimates, 2)
    assert (found.scheduled_seconds, found.bound, found.proved) == (6, 6, True)
    assert 0 < found.passes <= 50
    durations = [known.seconds for known in estimates]
    assert simulate(graph, durations, found.tails, 2) == found.schedule
    assert describe("x", found).estimate.lower_bound_seconds == 6


@st.composite
def timed_plans(draw: st.DrawFn) -> list[Action]:
    size = draw(st.integers(1, 10))
    return [
        timed(
            f"a{n}",
            draw(st.integers(0, 9)),
            *(f"a{m}" for m in range(n) if draw(st.integers(0, 2)) == 0),
            mode=draw(st.sampled_from(["async", "async", "async", "sync"])),
        )
        for n in range(size)
    ]


@given(timed_plans(), st.integers(1, 4))
def test_no_schedule_beats_the_bound_or_breaks_an_edge(actions: list[Action], slots: int) -> None:
    outlook = outlook_of(*actions, slots=slots)
    report = describe("x", outlook)
    bound, scheduled = report.estimate.lower_bound_seconds, report.estimate.scheduled_seconds
    assert bound <= scheduled <= report.estimate.sequential_seconds
    starts, ends = outlook.schedule.starts, outlook.schedule.ends
    for edge in outlook.graph.edges():
        assert starts[edge.target] >= ends[edge.source]
    for moment in starts:
        assert sum(s <= moment < e for s, e in zip(starts, ends, strict=True)) <= slots
    path = outlook.timing.path
    assert sum(a.estimate_seconds or 0 for n, a in enumerate(actions) if n in path) == (
        timing(outlook.graph, [a.estimate_seconds or 0 for a in actions]).length
    )


@pytest.mark.no_cover
@pytest.mark.skipif(not STG.exists(), reason="shared/data/stg-50.json.gz is absent")
def test_schedules_of_the_standard_task_graphs_are_near_their_optima_and_never_below() -> None:
    graphs = json.loads(gzip.decompress(STG.read_bytes()))
    ratios: list[float] = []
    for name in sorted(graphs)[::6]:
        graph = graphs[name]
        actions = [
            timed(f"t{n}", duration, *(f"t{parent}" for parent in parents))
            for n, (duration, parents) in enumerate(
                zip(graph["duration"], graph["parents"], strict=True)
            )
        ]
        for processors, optimum in graph["optimum"].items():
            outlook = outlook_of(*actions, slots=int(processors))
            assert outlook.scheduled_seconds >= optimum
            assert describe("x", outlook).estimate.lower_bound_seconds <= optimum
            ratios.append(outlook.scheduled_seconds / optimum)
    assert sum(ratios) / len(ratios) < 1.01
