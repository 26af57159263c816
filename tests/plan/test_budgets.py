"""Budgets, as the scheduler hands them out: reserved before, replaced by what was used after."""

from random import Random

import pytest

from cortex_cli.kinds import CancelReason, QueueReason, SkipReason
from cortex_cli.protocol.action import Action
from tests.plan.builders import act
from tests.plan.scheduler_bench import Bench

OVER = SkipReason.BUDGET_EXHAUSTED


def ask(name: str, *depends_on: str, **fields: object) -> Action:
    """An action that asks a model."""
    return act(name, *depends_on, type="llm", target="default", **fields)


def asks(count: int) -> list[Action]:
    return [ask(f"a{n}") for n in range(count)]


def loaded(*actions: Action, budget: dict[str, float], slots: int = 9, **needs: float) -> Bench:
    """A bench with a plan under a budget; `needs` are tokens by id, 10 by default."""
    bench = Bench(slots=slots)
    bench.needs = {name: {"tokens": units} for name, units in needs.items()}
    bench.load(*actions, budget=budget)
    return bench


def spend(bench: Bench, name: str, tokens: float) -> None:
    """An action has used so much, and ends."""
    bench.use(name, tokens=tokens)
    bench.end(name)


def wind_down(bench: Bench) -> None:
    """Do what is to be done once a budget is exhausted."""
    bench.scheduler.wind_down(bench.exhausted[-1].group, OVER)
    bench.take()


def test_no_more_is_reserved_than_a_budget_has() -> None:
    bench = loaded(*asks(8), budget={"tokens": 50})
    assert bench.running == ["a0", "a1", "a2", "a3", "a4"]
    assert bench.reasons == dict.fromkeys(["a5", "a6", "a7"], QueueReason.BUDGET)
    assert not bench.exhausted


def test_what_was_reserved_and_not_used_goes_to_who_waits() -> None:
    bench = loaded(*asks(3), budget={"tokens": 20})
    spend(bench, "a0", 4)
    assert bench.running == ["a1"]
    spend(bench, "a1", 4)
    assert bench.running == ["a2"]
    spend(bench, "a2", 4)
    assert not bench.exhausted


def test_what_can_never_be_had_exhausts_the_budget_and_lets_what_runs_end() -> None:
    bench = loaded(*asks(4), ask("after", "a0"), budget={"tokens": 25})
    assert bench.running == ["a0", "a1"]
    bench.use("a0", tokens=10)
    bench.use("a1", tokens=6)
    [exhausted] = bench.exhausted
    assert (exhausted.kind, exhausted.needs, exhausted.left) == ("tokens", 10, 9)
    assert bench.exhausting() == ["a2"]
    wind_down(bench)
    assert bench.skipped == {"a2": OVER, "a3": OVER, "after": OVER}
    assert bench.running == ["a0", "a1"]
    bench.end("a0", "a1")
    assert bench.closed == [0]


def test_what_needs_more_than_there_ever_was_is_told_at_once() -> None:
    bench = loaded(ask("big"), act("tool"), budget={"tokens": 50}, big=60)
    assert bench.running == ["tool"]
    assert bench.exhausting() == ["big"]


def test_a_budget_is_exhausted_once() -> None:
    bench = loaded(*asks(3), budget={"tokens": 5})
    bench.take()
    assert len(bench.exhausted) == 1


def test_what_waits_for_the_budget_holds_no_slot() -> None:
    bench = loaded(*asks(2), act("tool", priority=-1), budget={"tokens": 10}, slots=2)
    assert bench.running == ["a0", "tool"]


def test_tools_take_nothing_of_a_budget_until_they_say_so() -> None:
    bench = loaded(act("tool"), ask("a0"), act("other"), budget={"tokens": 10})
    assert bench.running == ["tool", "a0", "other"]
    spend(bench, "a0", 1)
    bench.use("tool", tokens=9)
    bench.load(ask("late"), parent=None, budget={"tokens": 50})
    assert bench.running == ["tool", "other", "late"]


def test_more_than_was_reserved_counts_in_full() -> None:
    bench = loaded(*asks(2), budget={"tokens": 15})
    spend(bench, "a0", 14)
    assert [(told.needs, told.left) for told in bench.exhausted] == [(10, 1)]


def test_each_kind_of_a_budget_counts() -> None:
    bench = Bench()
    bench.needs = {f"a{n}": {"tokens": 10, "cost_usd": 0.5} for n in range(3)}
    bench.load(*asks(3), budget={"tokens": 1_000, "cost_usd": 1.0})
    assert bench.running == ["a0", "a1"]
    assert bench.scheduler.budgets.limits(0, "cost_usd")
    bench.use("a0", tokens=10, cost_usd=0.5)
    bench.use("a1", tokens=10, cost_usd=0.2)
    assert [told.kind for told in bench.exhausted] == ["cost_usd"]


def test_what_costs_nothing_never_waits_for_money() -> None:
    bench = Bench()
    bench.needs = {"a0": {"tokens": 10}}
    bench.load(ask("a0"), budget={"cost_usd": 0.01})
    assert bench.running == ["a0"]
    assert not bench.scheduler.budgets.limits(0, "tokens")


def test_a_nested_budget_is_a_further_cap_within() -> None:
    bench = loaded(
        act("inner", type="agent", target="x"), ask("beside"), budget={"tokens": 100}, slots=9
    )
    bench.load(*asks(3), parent="inner", budget={"tokens": 15})
    assert bench.running == ["inner", "beside", "a0"]
    bench.use("a0", tokens=10)
    assert [told.group for told in bench.exhausted] == [1]
    wind_down(bench)
    bench.end("a0")
    assert bench.closed == [1]
    assert bench.running == ["inner", "beside"]


def test_what_is_nested_takes_from_the_budget_around_it() -> None:
    bench = loaded(act("inner", type="agent", target="x"), budget={"tokens": 25})
    bench.load(*asks(3), parent="inner")
    assert bench.running == ["inner", "a0", "a1"]
    spend(bench, "a0", 10)
    spend(bench, "a1", 10)
    assert [told.group for told in bench.exhausted] == [0]
    wind_down(bench)
    assert bench.skipped == {"a2": OVER}
    assert bench.closed == [1]


def test_a_running_action_may_reserve_more() -> None:
    bench = loaded(*asks(2), budget={"tokens": 30})
    budgets = bench.scheduler.budgets
    bench.use("a0", tokens=8)
    assert budgets.require(0, {"tokens": 5})
    assert not budgets.require(1, {"tokens": 40})
    bench.take()
    assert [(told.action, told.needs) for told in bench.exhausted] == [(1, 40)]


def test_requiring_less_than_is_reserved_changes_nothing() -> None:
    bench = loaded(ask("a0"), ask("a1"), budget={"tokens": 20, "cost_usd": 1})
    assert bench.scheduler.budgets.require(0, {"tokens": 5})
    assert not bench.exhausted
    bench.end("a0")
    bench.load(ask("a2"), parent=None, budget={"tokens": 20})
    assert bench.running == ["a1", "a2"]


def test_who_is_to_be_tried_again_reserves_anew() -> None:
    bench = loaded(*asks(2), budget={"tokens": 15})
    bench.scheduler.backing_off(0)
    bench.take()
    assert bench.running == ["a0", "a1"]
    bench.running.remove("a0")
    bench.needs["a0"] = {"tokens": 5}
    bench.scheduler.retry_due(0)
    bench.take()
    assert bench.running == ["a1", "a0"]


def test_what_waits_to_be_tried_again_is_ended_with_the_budget() -> None:
    bench = loaded(*asks(5), budget={"tokens": 45}, a4=20)
    bench.scheduler.backing_off(0)
    bench.take()
    bench.use("a1", tokens=38)
    wind_down(bench)
    assert bench.cancelled == {"a0": CancelReason.BUDGET_EXHAUSTED}
    bench.scheduler.backing_off(2)
    bench.take()
    assert bench.cancelled["a2"] is CancelReason.BUDGET_EXHAUSTED


def test_an_action_that_is_ended_before_its_price_is_known_does_not_start() -> None:
    bench = Bench()
    bench.load(act("first"), ask("a0", "first"), budget={"tokens": 50})
    bench.scheduler.completed(0)
    bench.scheduler.abort(0, SkipReason.ABORTED, CancelReason.ABORTED)
    bench.running.remove("first")
    bench.take()
    assert bench.running == []
    assert bench.skipped == {"a0": SkipReason.ABORTED}


@pytest.mark.parametrize("seed", range(200))
def test_whatever_is_used_no_more_than_the_budget_is_promised(seed: int) -> None:
    random = Random(seed)
    bench = Bench(slots=random.randint(1, 5))
    size = random.randint(1, 12)
    names = [f"a{n}" for n in range(size)]
    bench.needs = {name: {"tokens": random.randint(1, 30)} for name in names}
    total = random.randint(10, 150)
    plan = [ask(name, *random.sample(names[:n], min(n, 1))) for n, name in enumerate(names)]
    bench.load(*plan, budget={"tokens": total})
    used = 0.0
    is_over = False
    while not bench.closed:
        assert used + sum(bench.needs[name]["tokens"] for name in bench.running) <= total
        if bench.exhausted and not is_over:
            is_over, running = True, list(bench.running)
            wind_down(bench)
            assert bench.running == running
            continue
        name = random.choice(bench.running)
        tokens = random.randint(0, int(bench.needs[name]["tokens"]))
        used += tokens
        spend(bench, name, tokens)
    assert is_over == bool(bench.skipped)
