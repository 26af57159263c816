"""The scheduler on its own: PROTOCOL 2.3 to 2.6 and 6, and invariants under random faults."""

import pytest

from cortex_cli.kinds import CancelReason, EdgeKind, SkipReason
from cortex_cli.plan.commands import (
    Close,
    Skip,
    Start,
)
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.states import Item
from cortex_cli.plan.traits import traits_of
from tests.plan.builders import act
from tests.plan.scheduler_bench import Bench


def test_an_action_starts_when_its_own_dependencies_are_done() -> None:
    bench = Bench()
    bench.load(act("a"), act("b"), act("c", "a"))
    assert bench.running == ["a", "b"]
    bench.end("a")
    assert bench.running == ["b", "c"]
    bench.end("b", "c")
    assert bench.closed == [0]


def test_an_empty_plan_closes_at_once() -> None:
    bench = Bench()
    bench.load()
    assert bench.closed == [0]


def test_failed_action_skips_only_its_dependents() -> None:
    bench = Bench()
    bench.load(act("a"), act("b"), act("c", "a"), act("d", "c"), act("e", "b"))
    bench.fail("a")
    assert bench.skipped == {"c": SkipReason.UPSTREAM_FAILED, "d": SkipReason.UPSTREAM_FAILED}
    bench.end("b", "e")
    assert bench.closed == [0]
    assert bench.scheduler.has_failed(0)


def test_a_failure_to_continue_from_counts_as_completed() -> None:
    bench = Bench()
    bench.load(act("a", on_failure="continue"), act("b", "a"), act("c", "a", run_if="failure"))
    bench.fail("a")
    assert bench.running == ["b"]
    assert bench.skipped == {"c": SkipReason.NOTHING_FAILED}
    assert not bench.scheduler.has_failed(0)


def test_run_if_failure_and_always_run_after_a_failure() -> None:
    bench = Bench()
    bench.load(act("a"), act("f", "a", run_if="failure"), act("z", "a", "f", run_if="always"))
    bench.fail("a")
    bench.end("f")
    assert bench.running == ["z"]


def test_what_follows_only_skipped_actions_is_skipped_and_an_if_else_joins_again() -> None:
    bench = Bench()
    decision = act("d", type="decision", cases=[{"when": "true", "then": ["yes"]}])
    bench.load(
        decision, act("yes", "d"), act("no", "d"), act("after", "no"), act("join", "yes", "no")
    )
    bench.end("d", not_chosen=["no"])
    assert bench.skipped == {"no": SkipReason.NOT_CHOSEN, "after": SkipReason.UPSTREAM_SKIPPED}
    bench.end("yes")
    assert bench.running == ["join"]


def test_a_condition_is_checked_once_all_dependencies_have_ended() -> None:
    bench = Bench()
    bench.load(act("a"), act("b", "a", condition="true"), act("c", "a", condition="true"))
    assert bench.checks == []
    bench.end("a")
    assert bench.checks == ["b", "c"]
    bench.scheduler.passed(1)
    bench.scheduler.refused(2)
    bench.take()
    assert bench.running == ["b"]
    assert bench.skipped == {"c": SkipReason.CONDITION_FALSE}


def test_an_answer_to_a_check_that_came_too_late_changes_nothing() -> None:
    bench = Bench()
    group = bench.load(act("a", condition="true"))
    bench.scheduler.abort(group, SkipReason.CANCELLED, CancelReason.CANCELLED)
    bench.scheduler.passed(0)
    bench.scheduler.refused(0)
    bench.take()
    assert bench.running == []
    assert bench.skipped == {"a": SkipReason.CANCELLED}


def test_wait_for_all_false_starts_with_the_first_that_completes() -> None:
    bench = Bench()
    bench.load(act("a"), act("b"), act("any", "a", "b", wait_for_all=False))
    bench.fail("a")
    bench.end("b")
    assert bench.running == ["any"]


def test_wait_for_all_false_is_skipped_when_none_still_can() -> None:
    bench = Bench()
    bench.load(
        act("a"), act("b"), act("c", condition="true"), act("any", "a", "b", wait_for_all=False),
        act("none", "c", wait_for_all=False), act("always", "a", wait_for_all=False, run_if="always"),
    )  # fmt: skip
    bench.scheduler.refused(2)
    bench.fail("a")
    assert bench.running == ["b", "always"]
    bench.fail("b")
    assert bench.skipped["any"] is SkipReason.UPSTREAM_FAILED
    assert bench.skipped["none"] is SkipReason.UPSTREAM_SKIPPED


def test_wait_for_all_false_still_waits_for_data_and_barriers() -> None:
    bench = Bench()
    data = {"x": "${other}"}
    bench.load(
        act("a"), act("b"), act("other", output_key="other"),
        act("any", "a", "b", wait_for_all=False, parameters=data),
    )  # fmt: skip
    bench.end("a")
    assert "any" not in bench.running
    bench.end("other")
    assert "any" in bench.running


def test_run_if_failure_with_wait_for_all_false_starts_with_the_first_failure() -> None:
    bench = Bench()
    bench.load(act("a"), act("b"), act("f", "a", "b", wait_for_all=False, run_if="failure"))
    bench.end("a")
    assert bench.running == ["b"]
    bench.fail("b")
    assert bench.running == ["f"]


def test_any_final_state_satisfies_a_barrier() -> None:
    bench = Bench()
    bench.load(act("s", mode="sync"), act("b"))
    bench.fail("s")
    assert bench.running == ["b"]


def test_abort_cancels_what_runs_skips_what_waits_and_keeps_what_is_done() -> None:
    bench = Bench(slots=3)
    bench.load(act("done"), act("bad", on_failure="abort"), act("runs"), act("waits", "runs"))
    bench.end("done")
    bench.fail("bad")
    assert bench.cancelled == {"runs": CancelReason.ABORTED}
    assert bench.skipped == {"waits": SkipReason.ABORTED}
    assert bench.closed == []
    bench.gone("runs")
    assert bench.closed == [0]


def test_fail_fast_aborts_on_any_failure_but_not_on_one_to_continue_from() -> None:
    bench = Bench()
    bench.load(act("a", on_failure="continue"), act("b"), act("c"), fail_fast=True)
    bench.fail("a")
    assert bench.cancelled == {}
    bench.fail("b")
    assert bench.cancelled == {"c": CancelReason.ABORTED}


def test_an_action_that_completes_while_it_is_cancelled_has_completed() -> None:
    bench = Bench()
    group = bench.load(act("a"), act("b", "a"))
    bench.scheduler.abort(group, SkipReason.CANCELLED, CancelReason.CANCELLED)
    bench.take()
    bench.end("a")
    assert bench.closed == [0]
    assert bench.running == []


def test_a_group_that_is_sealed_takes_more_until_it_ends() -> None:
    bench = Bench()
    group = bench.load(act("a"), act("b", "a"))
    assert bench.scheduler.reopen(group)
    bench.scheduler.seal(group)
    bench.scheduler.abort(group, SkipReason.CANCELLED, CancelReason.CANCELLED)
    assert not bench.scheduler.reopen(group)
    bench.take()
    bench.gone("a")
    assert bench.closed == [group]
    assert not bench.scheduler.reopen(group)


def test_a_nested_abort_ends_the_nested_run_only() -> None:
    bench = Bench()
    bench.load(act("agent", type="agent", target="x"), act("leaf"))
    inner = bench.load(act("n1", on_failure="abort"), act("n2"), parent="agent")
    bench.fail("n1")
    assert bench.cancelled == {"n2": CancelReason.ABORTED}
    bench.gone("n2")
    assert bench.closed == [inner]
    bench.fail("agent")
    assert bench.running == ["leaf"]


def test_an_abort_reaches_everything_nested() -> None:
    bench = Bench()
    outer = bench.load(act("agent", type="agent", target="x"))
    inner = bench.load(
        act("flow", type="workflow", target="x"), act("later", "flow"), parent="agent"
    )
    deep = bench.load(act("leaf"), parent="flow")
    bench.scheduler.abort(outer, SkipReason.DEADLINE, CancelReason.DEADLINE)
    bench.take()
    assert set(bench.cancelled) == {"agent", "flow", "leaf"}
    assert bench.skipped == {"later": SkipReason.DEADLINE}
    bench.gone("leaf")
    bench.gone("flow")
    bench.gone("agent")
    assert bench.closed == [deep, inner, outer]


def test_only_leaves_hold_slots() -> None:
    bench = Bench(slots=1)
    bench.load(act("agent", type="agent", target="x"))
    for depth in range(30):
        parent = bench.running[-1]
        bench.load(act(f"n{depth}", type="workflow", target="x"), parent=parent)
    bench.load(act("leaf"), parent=bench.running[-1])
    assert bench.running[-1] == "leaf"


def test_no_more_leaves_run_than_there_are_slots_and_the_rest_is_queued() -> None:
    bench = Bench(slots=2)
    bench.load(*(act(f"a{i}") for i in range(5)))
    assert bench.running == ["a0", "a1"]
    assert bench.queued == ["a2", "a3", "a4"]
    bench.end("a0")
    assert bench.running == ["a1", "a2"]


def test_a_nested_cap_is_a_further_cap_and_leaves_the_other_slots_to_others() -> None:
    bench = Bench(slots=3)
    bench.load(act("agent", type="agent", target="x"), act("other", priority=-1))
    bench.load(act("n0"), act("n1"), act("n2"), parent="agent", cap=1)
    assert bench.running == ["agent", "other", "n0"]
    bench.end("n0")
    assert bench.running == ["agent", "other", "n1"]


def test_a_place_that_one_cap_cannot_use_goes_to_whom_another_lets() -> None:
    bench = Bench(slots=9)
    bench.load(act("outer", type="agent", target="x"))
    bench.load(
        act("inner", type="agent", target="x"), act("o1", priority=-5), parent="outer", cap=2
    )
    bench.load(act("i1"), act("i2"), act("i3"), parent="inner", cap=1)
    assert bench.running == ["outer", "inner", "o1", "i1"]
    bench.end("o1")
    assert bench.running == ["outer", "inner", "i1"]
    bench.end("i1")
    assert bench.running == ["outer", "inner", "i2"]


def test_higher_priority_goes_first_then_the_longer_path_then_declaration() -> None:
    scheduler = Scheduler(1)
    group = scheduler.open()
    items = [
        Item(traits_of(act("first"))), Item(traits_of(act("second"))), Item(traits_of(act("long")), tail=9.0),
        Item(traits_of(act("wanted", priority=1))),
    ]  # fmt: skip
    scheduler.extend(group, items)
    order: list[int] = []
    while starts := [c.action for c in scheduler.take() if isinstance(c, Start)]:
        order += starts
        scheduler.completed(starts[0])
    assert order == [3, 2, 0, 1]


def test_fire_and_forget_holds_no_slot_has_its_own_cap_and_closes_nothing() -> None:
    bench = Bench(slots=1)
    bench.load(act("a"), *(act(f"f{i}", mode="fire_and_forget") for i in range(18)))
    assert len(bench.running) == 1 + 16
    assert bench.queued == ["f16", "f17"]
    bench.end("a")
    assert bench.closed == [0]
    assert bench.scheduler.background_left == 18
    bench.fail("f0")
    assert "f16" in bench.running
    assert not bench.scheduler.has_failed(0)
    bench.scheduler.cancel_background(CancelReason.GRACE_ENDED)
    bench.take()
    assert len(bench.cancelled) == 16
    assert bench.skipped == {"f17": SkipReason.CANCELLED}


def test_a_retry_gives_the_slot_back_until_it_is_due() -> None:
    bench = Bench(slots=1)
    bench.load(act("a", priority=1), act("b"))
    bench.running.remove("a")
    bench.scheduler.backing_off(0)
    bench.take()
    assert bench.running == ["b"]
    bench.scheduler.retry_due(0)
    bench.take()
    assert bench.running == ["b"]
    bench.end("b")
    assert bench.running == ["a"]


def test_a_retry_that_is_due_after_the_action_was_cancelled_does_not_start_it() -> None:
    bench = Bench()
    group = bench.load(act("a"))
    bench.running.clear()
    bench.scheduler.backing_off(0)
    bench.scheduler.abort(group, SkipReason.CANCELLED, CancelReason.CANCELLED)
    bench.take()
    assert bench.cancelled == {"a": CancelReason.CANCELLED}
    bench.scheduler.cancelled(0)
    bench.scheduler.retry_due(0)
    bench.take()
    assert bench.running == []
    assert bench.closed == [0]


def test_actions_that_join_later_know_what_has_ended() -> None:
    scheduler = Scheduler(4)
    group = scheduler.open()
    scheduler.extend(group, [Item(traits_of(act("a"))), Item(traits_of(act("b")))])
    scheduler.take()
    scheduler.completed(0)
    scheduler.failed(1)
    wait = EdgeKind.DEPENDS_ON
    scheduler.extend(
        group, [Item(traits_of(act("c")), [(0, wait)]), Item(traits_of(act("d")), [(1, wait)])]
    )
    assert scheduler.take() == [Skip(3, SkipReason.UPSTREAM_FAILED), Start(2)]
    scheduler.completed(2)
    assert scheduler.take() == []
    scheduler.seal(group)
    assert scheduler.take() == [Close(group)]


@pytest.mark.no_cover
@pytest.mark.parametrize("slots", [1, 3])
def test_a_chain_of_skips_does_not_recurse(slots: int) -> None:
    scheduler = Scheduler(slots)
    group = scheduler.open()
    chain = [Item(traits_of(act("a0")))]
    chain += [
        Item(traits_of(act(f"a{n}")), [(n - 1, EdgeKind.DEPENDS_ON)]) for n in range(1, 20_000)
    ]
    scheduler.extend(group, chain)
    scheduler.seal(group)
    scheduler.take()
    scheduler.failed(0)
    assert len(scheduler.take()) == len(chain) - 1 + 1
