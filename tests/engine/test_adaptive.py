"""`max_parallel_actions: auto`: the number of slots follows what is borne."""

from typing import Any

import anyio
import pytest

from cortex_cli.engine.adaptive import AdaptiveLimit, Change
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from tests.engine.bench import Tools, act, run, spec_of


def settled(limit: AdaptiveLimit, bears: int, *, ends: int = 3_000) -> float:
    """The limit, on average late on, at a service that does so many actions a second at most."""
    now, seen = 0.0, list[int]()
    for _ in range(ends):
        now += 1 / min(limit.limit, bears)
        limit.ended(now, is_short=True)
        seen.append(limit.limit)
    return sum(seen[-ends // 3 :]) / (ends // 3)


@pytest.mark.parametrize("bears", [2, 5, 12, 40, 100])
def test_it_finds_about_as_many_slots_as_a_service_bears(bears: int) -> None:
    assert bears * 0.7 <= settled(AdaptiveLimit(5), bears) + 3
    assert settled(AdaptiveLimit(5), bears) <= bears * 1.7 + 4


def test_it_stops_at_its_most() -> None:
    assert settled(AdaptiveLimit(5, most=16), 1_000) <= 16


def test_what_does_not_fill_the_slots_changes_nothing() -> None:
    limit = AdaptiveLimit(5)
    assert all(limit.ended(now / 10, is_short=False) is None for now in range(1_000))
    assert limit.limit == 5


def test_ends_of_one_instant_say_nothing() -> None:
    limit = AdaptiveLimit(5)
    assert all(limit.ended(1.0, is_short=True) is None for _ in range(100))


def test_an_overload_halves_it_once_for_all_that_ran_then() -> None:
    limit = AdaptiveLimit(8)
    assert limit.overloaded("too much") == Change(8, 4, "too much")
    assert limit.overloaded("too much") is None
    for now in range(8):
        limit.ended(float(now), is_short=False)
    assert limit.overloaded("still") == Change(4, 2, "still")


def test_it_never_falls_below_one() -> None:
    limit = AdaptiveLimit(1)
    assert limit.overloaded("too much") is None


class Service(Tools):
    """Bears so many calls at once; more are turned away."""

    bears = 4
    busy = 0
    most = 0

    async def run(self, call: ActionCall) -> Any:
        if self.busy >= self.bears:
            message = f"slow down, {call.action.id}"
            raise ActionError(message, error_type="rate_limited")
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await anyio.sleep(1)
        finally:
            self.busy -= 1
        return None


async def test_a_run_grows_and_shrinks_its_slots_and_says_so() -> None:
    tools = Service()
    retry = {"max_attempts": 50, "delay_seconds": 1, "jitter": False, "backoff": "constant"}
    plan = [act(f"a{n}", retry=retry) for n in range(100)]
    log = await run(spec_of(plan, tools, max_parallel_actions="auto"))
    assert set(log.ends().values()) == {"completed"}
    changes = log.of("limit_changed")
    assert {data.which for data in changes} == {"max_parallel_actions"}
    assert any(data.after < data.before and "rate_limited" in data.why for data in changes)
    assert [change.before for change in changes[1:]] == [c.after for c in changes[:-1]]


async def test_more_slots_are_used_while_they_help() -> None:
    plan = [act(f"a{n}", parameters={"seconds": 1}) for n in range(300)]
    log = await run(spec_of(plan, max_parallel_actions="auto"))
    assert log[-1].seconds - log[0].seconds < 300 / 5 / 2
    assert max(data.after for data in log.of("limit_changed")) > 15


async def test_a_timeout_is_an_overload_and_a_plain_failure_is_none() -> None:
    plan = [
        act("a", timeout_seconds=1, parameters={"seconds": 9}),
        act("b", parameters={"error": "no"}),
    ]
    log = await run(spec_of(plan, max_parallel_actions="auto"))
    [change] = log.of("limit_changed")
    assert (change.before, change.after, change.why) == (5, 2, "an action timed out")


async def test_a_fixed_number_stays() -> None:
    plan = [act(f"a{n}", parameters={"seconds": 1}) for n in range(100)]
    assert (await run(spec_of(plan, max_parallel_actions=5))).of("limit_changed") == []


def test_auto_sets_no_cap_on_a_nested_run() -> None:
    assert AgentLoopProtocol(max_parallel_actions="auto").nested_cap is None
    assert AgentLoopProtocol(max_parallel_actions=3).nested_cap == 3
    assert AgentLoopProtocol(allow_parallel_actions=False).nested_cap == 1
