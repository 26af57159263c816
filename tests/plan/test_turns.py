"""Turns of models that write plans, as the scheduler lets them begin: beside the actions, in no slot."""

from random import Random
from typing import Any

import pytest

from cortex_cli.kinds import CancelReason, QueueReason, SkipReason
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.resources import Rate
from tests.plan.builders import act
from tests.plan.scheduler_bench import Bench

OVER = SkipReason.BUDGET_EXHAUSTED
BUDGET, RATE, POOL = QueueReason.BUDGET, QueueReason.RATE, QueueReason.POOL


def ask(name: str, *depends_on: str, **fields: object) -> Action:
    """An action that asks a model; it needs 10 tokens."""
    return act(name, *depends_on, type="llm", target="default", **fields)


def helpers(count: int, **group: Any) -> Bench:
    """A run with so many sub-agents, whose groups are 1, 2 …; their plans are to be written."""
    bench = Bench()
    names = [f"h{n}" for n in range(1, count + 1)]
    bench.load(*(act(name, type="agent", target="x") for name in names), is_open=True, **group)
    for name in names:
        bench.load(parent=name, is_open=True)
    return bench


def test_a_turn_begins_at_once_where_nothing_limits_it() -> None:
    bench = helpers(1)
    bench.ask_turn(1, tokens=10)
    assert bench.writing == [1]
    bench.end_turn(1)
    bench.ask_turn(1)
    assert (bench.writing, bench.deferred) == ([1], [])


def test_parallel_turns_reserve_no_more_than_the_budget_has() -> None:
    bench = helpers(3, budget={"tokens": 25})
    for group in (1, 2, 3):
        bench.ask_turn(group, tokens=10)
    assert bench.writing == [1, 2]
    assert bench.deferred == [(3, BUDGET)]
    bench.end_turn(1, tokens=4)
    assert bench.writing == [2, 3]
    bench.end_turn(2, tokens=10)
    bench.end_turn(3, tokens=10)
    [purse] = bench.scheduler.budgets.purses
    assert (purse.free, purse.left) == (1, 1)
    assert not bench.exhausted


def test_a_turn_is_held_to_every_budget_around_it() -> None:
    bench = Bench()
    bench.load(act("h", type="agent", target="x"), budget={"tokens": 100}, is_open=True)
    inner = bench.load(parent="h", budget={"tokens": 15}, is_open=True)
    bench.ask_turn(inner, tokens=20)
    assert bench.writing == []
    [told] = bench.exhausted
    assert (told.group, told.action, told.turn, told.needs, told.left) == (1, None, 1, 20, 15)
    bench.scheduler.wind_down(inner, OVER)
    bench.take()
    bench.ask_turn(0, tokens=100)
    assert bench.writing == [0]


def test_a_turn_that_can_never_be_had_exhausts_the_budget_once_it_is_known() -> None:
    bench = helpers(2, budget={"tokens": 30})
    bench.ask_turn(1, tokens=20)
    bench.ask_turn(2, tokens=20)
    assert bench.deferred == [(2, BUDGET)]
    assert not bench.exhausted
    bench.end_turn(1, tokens=15)
    assert [(told.group, told.turn, told.left) for told in bench.exhausted] == [(0, 2, 15)]
    bench.scheduler.wind_down(0, OVER)
    bench.take()
    assert sorted(bench.closed) == [1, 2]
    assert bench.writing == []


def test_turns_and_actions_that_wait_go_on_by_one_order() -> None:
    bench = Bench()
    bench.load(ask("first"), act("low", type="agent", target="x", priority=-1),
               act("high", type="agent", target="x", priority=1), ask("a"),
               budget={"tokens": 10}, is_open=True)  # fmt: skip
    low = bench.load(parent="low", is_open=True)
    high = bench.load(parent="high", is_open=True)
    bench.ask_turn(low, tokens=10)
    bench.ask_turn(high, tokens=10)
    order: list[str | int] = []
    for _ in range(4):
        if bench.writing:
            order += bench.writing
            bench.end_turn(bench.writing[0])
        else:
            name = next(name for name in bench.running if name in {"first", "a"})
            order.append(name)
            bench.end(name)
    assert order == ["first", high, "a", low]


def test_turns_of_equal_rank_begin_in_the_order_in_which_they_asked_and_before_actions() -> None:
    bench = helpers(2, budget={"tokens": 10})
    bench.ask_turn(0, tokens=10)
    bench.load(ask("a"), parent="h1")
    bench.ask_turn(2, tokens=10)
    bench.ask_turn(1, tokens=10)
    for group in (0, 2, 1):
        assert bench.writing == [group]
        assert "a" not in bench.running
        bench.end_turn(group)
    assert bench.running[-1] == "a"


def test_an_action_that_goes_first_takes_what_a_turn_would_have_had() -> None:
    bench = Bench()
    bench.load(ask("a"), act("h", type="agent", target="x"), ask("b", priority=1),
               budget={"tokens": 15}, is_open=True)  # fmt: skip
    inner = bench.load(parent="h", is_open=True)
    assert "b" in bench.running
    bench.scheduler.completed(bench.ids.index("b"))
    bench.scheduler.turns.ask(inner, {"tokens": 10})
    bench.take()
    assert bench.writing == [inner]
    bench = Bench()
    bench.load(act("h", type="agent", target="x"), act("x"), ask("b", "x", priority=1),
               budget={"tokens": 15}, is_open=True)  # fmt: skip
    inner = bench.load(parent="h", is_open=True)
    bench.scheduler.completed(bench.ids.index("x"))
    bench.take()
    bench.ask_turn(inner, tokens=10)
    assert bench.writing == []
    assert bench.deferred == [(inner, BUDGET)]


def test_a_turn_holds_no_slot_and_needs_none() -> None:
    bench = Bench(slots=1)
    bench.load(act("tool"), is_open=True)
    bench.ask_turn(0)
    assert (bench.running, bench.writing) == (["tool"], [0])
    bench.load(act("other"))
    bench.end("tool")
    assert bench.running == ["other"]


def test_turns_take_of_a_rate_that_bears_the_name_of_llm_actions() -> None:
    bench = helpers(1, shared={"llm": Rate(2.0, 60.0)})
    bench.ask_turn(1)
    bench.load(ask("a"), parent="h1")
    bench.ask_turn(0)
    assert (bench.writing, bench.deferred) == ([1], [(0, RATE)])
    assert [(lent.units, lent.seconds) for lent in bench.lent] == [(1.0, 60.0)] * 2
    bench.end_turn(1)
    assert bench.writing == []
    bench.restore()
    assert bench.writing == [0]


def test_turns_hold_of_a_pool_while_they_are_at_work() -> None:
    bench = helpers(2, shared={"llm": 1.0})
    bench.ask_turn(1)
    bench.ask_turn(2)
    bench.load(ask("a"), parent="h1")
    assert (bench.writing, bench.deferred) == ([1], [(2, POOL)])
    assert bench.reasons == {"a": POOL}
    bench.end_turn(1)
    assert bench.writing == [2]
    bench.end_turn(2)
    assert bench.running[-1] == "a"


def test_what_a_turn_waits_for_is_told_again_where_it_changes() -> None:
    bench = helpers(2, shared={"llm": Rate(1.0, 60.0)}, budget={"tokens": 10})
    bench.ask_turn(1, tokens=10)
    bench.ask_turn(2, tokens=10)
    bench.restore()
    assert bench.deferred == [(2, RATE), (2, BUDGET)]


def test_a_turn_that_is_dropped_before_it_begins_leaves_its_place_to_the_next() -> None:
    bench = helpers(3, shared={"llm": Rate(1.0, 60.0)}, budget={"tokens": 10})
    for group in (1, 2, 3):
        bench.ask_turn(group, tokens=10)
    bench.end_turn(1)
    # In one turn: the unit comes back, the second is let go on, and is dropped before it begins.
    lent = bench.lent.pop(0)
    bench.scheduler.restored(lent.limit, lent.units)
    bench.scheduler.abort(2, SkipReason.CANCELLED, CancelReason.CANCELLED)
    bench.take()
    assert bench.writing == [3]
    assert bench.closed == [2]


def test_an_action_that_must_wait_lets_a_turn_go_on_in_the_same_breath() -> None:
    bench = helpers(1, shared={"llm": 2.0}, budget={"tokens": 40})
    bench.needs = {"big": {"tokens": 25}}
    bench.load(ask("x"), ask("y"), parent="h1")
    bench.load(ask("big", priority=5), parent="h1")
    bench.ask_turn(1, tokens=5)
    assert (bench.running[1:], bench.deferred) == (["x", "y"], [(1, POOL)])
    assert bench.reasons == {"big": POOL}
    # What goes first is let go on by the pool, and then waits for the budget.
    bench.use("x", tokens=10)
    bench.end("x")
    assert (bench.writing, bench.reasons["big"]) == ([1], BUDGET)
    bench.end("y")
    assert bench.running[-1] == "big"


def test_a_turn_at_work_may_reserve_more_and_exhausts_the_budget_if_it_can_not() -> None:
    bench = helpers(2, budget={"tokens": 40})
    bench.ask_turn(1, tokens=10)
    bench.ask_turn(2, tokens=10)
    turns = bench.scheduler.turns
    turns.used(1, {"tokens": 8})
    assert turns.raise_to(1, {"tokens": 20})
    assert not turns.raise_to(2, {"tokens": 30})
    bench.take()
    assert not bench.exhausted
    assert not turns.require(2, {"tokens": 30})
    bench.take()
    assert [(told.turn, told.needs) for told in bench.exhausted] == [(2, 30)]


def test_where_it_is_not_known_what_is_needed_something_must_be_left() -> None:
    bench = helpers(1, budget={"tokens": 10, "cost_usd": 1})
    bench.ask_turn(1)
    bench.end_turn(1, tokens=12)
    bench.ask_turn(1)
    assert bench.writing == []
    assert [(told.kind, told.turn, told.needs) for told in bench.exhausted] == [("tokens", 1, 0)]


def test_what_costs_nothing_never_waits_for_money() -> None:
    bench = helpers(1, budget={"cost_usd": 1})
    bench.ask_turn(1, tokens=9, cost_usd=1)
    bench.end_turn(1, cost_usd=1)
    bench.ask_turn(1, tokens=9, cost_usd=0)
    assert (bench.writing, bench.exhausted) == ([1], [])


def test_a_further_iteration_has_the_limits_of_the_one_before_and_what_is_left_of_them() -> None:
    bench = Bench()
    first = bench.load(
        act("h", type="agent", target="x"), ask("f", mode="fire_and_forget"),
        budget={"tokens": 25}, shared={"llm": Rate(2.0, 60.0)}, is_open=True,
    )  # fmt: skip
    bench.scheduler.seal(first)
    second = bench.scheduler.follow(first)
    assert bench.scheduler.budgets.kinds(second) == {"tokens"}
    bench.ask_turn(second, tokens=20)
    assert bench.deferred == [(second, BUDGET)]
    bench.end("f")
    assert bench.writing == [second]
    bench.end_turn(second)
    bench.ask_turn(second, tokens=20)
    assert bench.deferred[-1] == (second, RATE)
    bench.restore()
    assert bench.writing == [second]


def test_a_further_iteration_of_a_nested_run_ends_with_its_action() -> None:
    bench = helpers(1)
    bench.scheduler.seal(1)
    second = bench.scheduler.follow(1)
    bench.ask_turn(second)
    bench.scheduler.abort(0, SkipReason.CANCELLED, CancelReason.CANCELLED)
    bench.take()
    assert second in bench.closed


def test_a_conversation_takes_nothing_itself_of_slots_and_budgets() -> None:
    bench = Bench(slots=1)
    talk = ask("talk", parameters={"prompt": "p", "tools": ["t"]})
    bench.load(talk, act("tool", "talk"), budget={"tokens": 10})
    assert bench.running == ["talk"]
    bench.load(act("called"), parent="talk")
    assert bench.running == ["talk", "called"]
    bench.end("called", "talk")
    assert bench.running == ["tool"]


class Crowd:
    """Sub-agents and what they do at random, under budgets, a pool and a rate."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.total = random.randint(20, 200)
        self.used = 0.0
        self.reserved: dict[int, float] = {}
        self.bench = Bench(slots=random.randint(1, 3))
        shared = {"llm": random.choice([Rate(3.0, 60.0), 2.0])} if random.random() < 0.5 else {}
        size = random.randint(1, 5)
        names = [f"h{n}" for n in range(size)]
        needs = {f"a{n}": {"tokens": float(random.randint(1, 30))} for n in range(size)}
        self.bench.needs = needs
        self.bench.load(
            *(act(n, type="agent", target="x", priority=random.randint(0, 2)) for n in names),
            budget={"tokens": self.total},
            shared=shared,
        )
        self.groups = [self.bench.load(parent=name, is_open=True) for name in names]
        self.turns = {group: random.randint(1, 4) for group in self.groups}
        self.asked: dict[int, float] = {}
        self.ended: set[int] = set()
        for number, name in enumerate(needs):
            self.bench.load(ask(name), parent=names[number])
        for group in self.groups:
            self.ask(group)

    def ask(self, group: int) -> None:
        self.asked[group] = self.random.randint(1, 40)
        self.bench.ask_turn(group, tokens=self.asked[group])

    def step(self) -> bool:
        """Have one thing happen; False if nothing can."""
        bench = self.bench
        if bench.exhausted:
            bench.scheduler.wind_down(0, OVER)
            bench.take()
        actions = [name for name in bench.running if name.startswith("a")]
        steps = [self.end_turn] * bool(bench.writing) + [self.end_action] * bool(actions)
        if not steps and bench.lent and not bench.exhausted:
            steps = [bench.restore]
        if steps:
            self.random.choice(steps)()
        return bool(steps)

    def end_turn(self) -> None:
        group = self.random.choice(self.bench.writing)
        tokens = self.random.randint(0, int(self.asked[group]))
        self.used += tokens
        self.turns[group] -= 1
        self.bench.end_turn(group, tokens=tokens)
        if self.turns[group] and self.bench.scheduler.is_open(group):
            self.ask(group)
        else:
            self.ended.add(group)

    def end_action(self) -> None:
        name = self.random.choice([one for one in self.bench.running if one.startswith("a")])
        tokens = self.random.randint(0, int(self.bench.needs[name]["tokens"]))
        self.used += tokens
        self.bench.use(name, tokens=tokens)
        self.bench.end(name)

    def promised(self) -> float:
        """What is used, and what those that run may still use."""
        running = [name for name in self.bench.running if name.startswith("a")]
        turns = sum(self.asked[group] for group in self.bench.writing)
        return self.used + turns + sum(self.bench.needs[name]["tokens"] for name in running)


@pytest.mark.parametrize("seed", range(200))
def test_turns_and_actions_together_keep_to_the_budget_and_none_waits_for_ever(seed: int) -> None:
    crowd = Crowd(seed)
    bench = crowd.bench
    assert crowd.promised() <= crowd.total
    while crowd.step():
        assert crowd.promised() <= crowd.total
    [purse] = bench.scheduler.budgets.purses
    assert purse.free == purse.left == crowd.total - crowd.used
    if not bench.exhausted:
        assert crowd.ended == set(crowd.groups)
        assert {name for name in bench.ids if name.startswith("a")}.isdisjoint(bench.running)
