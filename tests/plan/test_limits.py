"""Pools, rates and approvals, as the scheduler hands them out."""

from cortex_cli.kinds import CancelReason, EdgeKind, QueueReason, SkipReason
from cortex_cli.plan.bounds import shared_bound
from cortex_cli.plan.commands import Close, Skip, Start
from cortex_cli.plan.describe import work_out
from cortex_cli.plan.estimate import Estimate
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.simulate import Schedule, simulate
from cortex_cli.plan.states import Item, Outcome
from cortex_cli.plan.traits import traits_of
from cortex_cli.protocol.resources import Rate, Resource
from tests.plan.builders import act, graph_of, timed
from tests.plan.scheduler_bench import Bench

GPU: dict[str, Resource] = {"gpu": 2.0}
CALLS: dict[str, Resource] = {"calls": Rate(2.0, 60.0)}


def uses(units: float = 1, name: str = "gpu") -> dict[str, dict[str, float]]:
    return {"resources": {name: units}}


def test_no_more_units_are_taken_than_a_pool_has() -> None:
    bench = Bench()
    bench.load(act("a", **uses()), act("b", **uses()), act("c", **uses()), act("d"), shared=GPU)
    assert bench.running == ["a", "b", "d"]
    assert bench.reasons == {"c": QueueReason.POOL}
    bench.end("a")
    assert bench.running == ["b", "d", "c"]


def test_what_needs_fewer_units_overtakes_what_needs_more_than_are_free() -> None:
    bench = Bench()
    bench.load(
        act("a", **uses()), act("big", priority=1, **uses(2)), act("small", **uses()), shared=GPU
    )
    assert bench.running == ["big"]
    bench = Bench()
    bench.load(act("a", **uses()), act("big", **uses(2)), act("small", **uses()), shared=GPU)
    assert bench.running == ["a", "small"]
    bench.end("a")
    assert bench.running == ["small"]
    bench.end("small")
    assert bench.running == ["big"]


def test_the_first_in_order_gets_the_units_that_come_free() -> None:
    bench = Bench()
    actions = [act("a", **uses(2)), act("b", **uses()), act("c", priority=2, **uses())]
    bench.load(act("z", priority=9, **uses(2)), *actions, shared=GPU)
    bench.end("z")
    assert bench.running == ["c", "b"]


def test_tenths_of_a_unit_add_up() -> None:
    bench = Bench(slots=20)
    bench.load(*(act(f"a{n}", **uses(0.1)) for n in range(11)), shared={"gpu": 1.0})
    assert len(bench.running) == 10
    for n in range(10):
        bench.end(f"a{n}")
    assert bench.running == ["a10"]


def test_a_nested_run_takes_from_the_pool_around_it_and_from_its_own() -> None:
    bench = Bench()
    bench.load(act("agent", type="agent", target="x"), act("o", **uses()), shared=GPU)
    one: dict[str, Resource] = {"gpu": 1.0}
    bench.load(act("n0", **uses()), act("n1", **uses()), parent="agent", shared=one)
    assert bench.running == ["agent", "o", "n0"]
    bench.end("o")
    assert bench.running == ["agent", "n0"]
    bench.end("n0")
    assert bench.running == ["agent", "n1"]


def test_what_bears_the_name_of_a_type_is_taken_by_each_action_of_it() -> None:
    bench = Bench()
    shared: dict[str, Resource] = {"internal": 2.0}
    bench.load(act("a"), act("b"), act("c"), shared=shared)
    assert bench.running == ["a", "b"]
    bench = Bench()
    bench.load(act("a", **uses(2, "internal")), act("b"), shared=shared)
    assert bench.running == ["a"]


def test_units_of_a_rate_come_back_with_time_not_with_the_end() -> None:
    bench = Bench()
    bench.load(*(act(f"a{n}", **uses(1, "calls")) for n in range(3)), shared=CALLS)
    assert bench.running == ["a0", "a1"]
    assert bench.reasons == {"a2": QueueReason.RATE}
    assert [(lent.units, lent.seconds) for lent in bench.lent] == [(1.0, 60.0)] * 2
    bench.end("a0", "a1")
    assert bench.running == []
    bench.restore()
    assert bench.running == ["a2"]


def test_each_attempt_takes_of_a_rate_anew() -> None:
    bench = Bench()
    bench.load(act("a", **uses(2, "calls")), shared=CALLS)
    bench.running.remove("a")
    bench.scheduler.backing_off(0)
    bench.scheduler.retry_due(0)
    bench.take()
    assert bench.running == []
    assert bench.reasons == {"a": QueueReason.RATE}
    bench.restore()
    assert bench.running == ["a"]


def test_what_is_said_to_wait_for_changes_with_what_is_lacking() -> None:
    bench = Bench(slots=2)
    bench.load(
        act("long", priority=3, **uses()), act("short", priority=2), act("b", **uses(2)), shared=GPU
    )
    assert bench.reasons["b"] is QueueReason.SLOT
    bench.end("short")
    assert bench.reasons["b"] is QueueReason.POOL
    assert bench.queued == ["b", "b"]
    bench.end("long")
    assert bench.running == ["b"]


def test_fire_and_forget_takes_of_the_pools_too() -> None:
    bench = Bench(slots=1)
    fields = {"mode": "fire_and_forget", **uses(2)}
    bench.load(act("f", **fields), act("g", **fields), act("a", **uses()), shared=GPU)
    # The slots are given out first, then those of the background.
    assert bench.running == ["a"]
    bench.end("a")
    assert bench.running == ["f"]
    bench.end("f")
    assert bench.running == ["g"]


def test_a_skipped_action_leaves_its_units_to_the_next() -> None:
    bench = Bench()
    bench.load(
        act("agent", type="agent", target="x"),
        act("o", priority=9, **uses()),
        act("p", priority=-9, **uses(2)),
        shared=GPU,
    )
    inner = bench.load(act("n0", **uses(2)), parent="agent")
    assert bench.running == ["agent", "o"]
    bench.scheduler.abort(inner, SkipReason.CANCELLED, CancelReason.CANCELLED)
    bench.take()
    bench.end("o")
    assert bench.running == ["agent", "p"]


def test_what_was_let_go_on_and_is_then_skipped_gives_its_turn_to_the_next() -> None:
    bench = Bench(slots=1)
    bench.load(
        act("agent", type="agent", target="x"),
        act("f", mode="fire_and_forget", **uses(2)),
        act("first", priority=9),
        act("p", priority=-9, **uses(2)),
        shared=GPU,
    )
    inner = bench.load(act("n0", **uses(2)), parent="agent")
    bench.end("first")
    assert bench.reasons["n0"] is bench.reasons["p"] is QueueReason.POOL
    # In one turn: the units come back, n0 is let go on, and is skipped before it can start.
    bench.running.remove("f")
    bench.scheduler.completed(bench.ids.index("f"))
    bench.scheduler.abort(inner, SkipReason.CANCELLED, CancelReason.CANCELLED)
    bench.take()
    assert bench.running == ["agent", "p"]


def test_what_has_ended_before_it_joins_holds_nothing_back() -> None:
    scheduler = Scheduler(2)
    group = scheduler.open()
    items = [
        Item(traits_of(act("done")), ended=Outcome.OK),
        Item(traits_of(act("skipped")), ended=Outcome.SKIPPED),
        Item(traits_of(act("next")), [(0, EdgeKind.DEPENDS_ON)]),
        Item(traits_of(act("not")), [(1, EdgeKind.DEPENDS_ON)]),
    ]
    scheduler.extend(group, items)
    scheduler.seal(group)
    assert scheduler.take() == [Skip(3, SkipReason.UPSTREAM_SKIPPED), Start(2)]
    scheduler.completed(2)
    assert scheduler.take() == [Close(0)]


def test_more_and_fewer_slots_can_be_had_while_the_plan_runs() -> None:
    bench = Bench(slots=2)
    bench.load(*(act(f"a{n}") for n in range(6)))
    bench.scheduler.resize(4)
    bench.take()
    assert len(bench.running) == 4
    assert bench.scheduler.is_short
    bench.scheduler.resize(1)
    bench.end("a0", "a1", "a2")
    assert bench.running == ["a3"]
    bench.end("a3")
    assert bench.running == ["a4"]


def test_an_action_that_needs_approval_starts_once_it_has_it() -> None:
    bench = Bench()
    bench.load(act("a"), act("b", "a", condition="true"), asking=True)
    assert (bench.running, bench.asked) == ([], ["a"])
    bench.approve("a")
    bench.approve("a")
    assert bench.running == ["a"]
    bench.end("a")
    assert bench.asked == ["a"]
    bench.scheduler.passed(1)
    bench.take()
    assert bench.asked == ["a", "b"]


def test_an_approval_is_asked_for_once_not_for_each_attempt() -> None:
    bench = Bench()
    bench.load(act("a"), asking=True)
    bench.approve("a")
    bench.scheduler.backing_off(0)
    bench.scheduler.retry_due(0)
    bench.take()
    assert bench.asked == ["a"]
    assert bench.running == ["a", "a"]


def test_a_run_is_stuck_when_all_that_is_left_waits_for_an_answer_that_nobody_gives() -> None:
    bench = Bench()
    bench.load(act("a"), act("b", "a"), asking=True)
    bench.load(act("other"))
    assert not bench.scheduler.is_stuck
    bench.scheduler.unanswered(0)
    bench.scheduler.unanswered(0)
    assert not bench.scheduler.is_stuck
    bench.end("other")
    assert bench.scheduler.is_stuck
    bench.scheduler.abort(0, SkipReason.PAUSED, CancelReason.PAUSED)
    bench.take()
    assert bench.skipped == dict.fromkeys(["a", "b"], SkipReason.PAUSED)
    assert not bench.scheduler.is_stuck


def test_what_nothing_waits_for_is_skipped_where_nobody_can_be_asked() -> None:
    bench = Bench()
    bench.load(act("f", mode="fire_and_forget"), asking=True)
    bench.scheduler.unanswered(0)
    bench.take()
    assert bench.skipped == {"f": SkipReason.PAUSED}


def test_the_simulated_clock_knows_pools_and_rates() -> None:
    graph = graph_of(*(timed(f"a{n}", 10, **uses()) for n in range(4)), shared=GPU)
    assert simulate(graph, [10.0] * 4, [10.0] * 4, 8, GPU).ends == [10, 10, 20, 20]
    graph = graph_of(*(timed(f"a{n}", 10, **uses(1, "calls")) for n in range(5)), shared=CALLS)
    assert simulate(graph, [10.0] * 5, [10.0] * 5, 8, CALLS).starts == [0, 0, 60, 60, 120]


def test_no_plan_ends_before_its_pools_and_rates_let_it() -> None:
    actions = [
        *(timed(f"a{n}", 10, **uses()) for n in range(4)),
        timed("f", 10, mode="fire_and_forget", **uses()),
    ]
    graph = graph_of(*actions, shared=GPU)
    schedule = Schedule([0.0] * 5, [0.0] * 5, [True] * 4 + [False])
    assert shared_bound(graph, [10.0] * 5, schedule, GPU) == 20
    assert shared_bound(graph, [10.0] * 5, schedule, {}) == 0
    graph = graph_of(*(timed(f"a{n}", 10, **uses(1, "calls")) for n in range(5)), shared=CALLS)
    schedule = Schedule([0.0] * 5, [0.0] * 5, [True] * 5)
    assert shared_bound(graph, [10.0] * 5, schedule, CALLS) == 120


def test_an_order_that_a_pool_holds_up_is_proved_by_the_pool() -> None:
    graph = graph_of(*(timed(f"a{n}", 10, **uses()) for n in range(4)), shared=GPU)
    outlook = work_out(graph, [Estimate(10.0, "test")] * 4, 8, shared=GPU)
    assert (outlook.scheduled_seconds, outlook.bound, outlook.passes) == (20, 20, 0)
    assert outlook.proved
