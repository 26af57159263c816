"""Feeds in a run: fetched when they are needed, again when they are too old, and resumed."""

from collections.abc import Iterable
from typing import Any

import pytest

from cortex_cli.engine.feeds import FedValues
from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import RunSpec
from cortex_cli.plan.feeds import with_fetches
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.fetch import Fetch
from tests.engine.bench import Log, Tools, act, run, spec_of
from tests.engine.resuming import check_parts, resume


def feed(name: str = "news", **fields: Any) -> Fetch:
    values = {"id": name, "output_key": name, "feed": name, "type": "tool", "target": "t", **fields}
    return Fetch.model_validate(values)


def fed(actions: Iterable[Action], *feeds: Fetch, tools: Tools | None = None) -> RunSpec:
    return spec_of(with_fetches(list(actions), feeds), tools)


def user(action_id: str, *depends_on: str, seconds: float = 0) -> Action:
    return act(action_id, *depends_on, parameters={"got": "$news", "seconds": seconds})


class Counting(Tools):
    """Tools of which a feed gives how often it has been fetched."""

    fetched = 0

    async def run(self, call: Any) -> Any:
        if isinstance(call.action, Fetch):
            self.fetched += 1
            await super().run(call)
            return self.fetched
        return await super().run(call)


def got(log: Log, *names: str) -> list[Any]:
    return [log.of("action_completed", action=name)[0].output["got"] for name in names]


def cached(log: Log, name: str) -> bool:
    return log.of("action_completed", action=name)[0].cached


CHAIN = (user("a", seconds=40), user("b", "a", seconds=40), user("c", "b"))


async def test_a_feed_is_fetched_once_and_all_have_its_value() -> None:
    tools = Counting()
    log = await run(fed(CHAIN, feed(), tools=tools))
    assert (got(log, "a", "b", "c"), tools.fetched) == ([1, 1, 1], 1)
    assert log.order() == ["news", "a", "b", "c"]


async def test_a_value_is_taken_again_until_it_is_older_than_the_interval() -> None:
    log = await run(fed(CHAIN, feed(interval=60), tools=Counting()))
    assert log.order() == ["news", "a", "news_2", "b", "news_3", "c"]
    assert [cached(log, name) for name in ("news", "news_2", "news_3")] == [False, True, False]
    assert got(log, "a", "b", "c") == [1, 1, 2]


async def test_a_value_is_as_old_as_its_fetch_and_not_as_its_use() -> None:
    log = await run(fed(CHAIN, feed(interval=90), tools=Counting()))
    assert got(log, "a", "b", "c") == [1, 1, 1]


async def test_items_and_fallbacks_have_the_value_of_their_own_point() -> None:
    items = act("i", "a", for_each=[0, 1], parameters={"got": "$news"}, fallback=["tool"],
                target="nowhere")  # fmt: skip
    log = await run(fed([CHAIN[0], items], feed(interval=1), tools=Counting()))
    assert [one["got"] for one in log.of("action_completed", action="i")[0].output] == [2, 2]


async def test_an_internal_feed_is_performed_by_its_handler() -> None:
    log = await run(fed([user("a")], feed(type="internal", parameters={"gives": 5})))
    assert got(log, "a") == [5]


async def test_a_feed_may_be_a_run_of_its_own() -> None:
    inner = spec_of([act("w", parameters={"gives": 7})])
    tools = Tools(nested_specs={"w": inner})
    log = await run(fed([user("a")], feed(type="workflow", target="w"), tools=tools))
    assert got(log, "a") == [{"w": 7}]


async def test_a_feed_that_fails_fails_what_needs_it_and_nothing_else() -> None:
    broken = feed(parameters={"error": "no"})
    log = await run(fed([user("a"), act("b")], broken))
    assert log.ends() == {"news": "failed", "a": "skipped", "b": "completed"}


async def test_feeds_are_no_outputs_of_an_agent_that_declares_none() -> None:
    log = await run(fed([user("a")], feed()))
    assert list(log.last.data.outputs) == ["a"]


@pytest.mark.parametrize("interval", [None, 60])
async def test_a_resumed_run_keeps_what_was_fetched(interval: float | None) -> None:
    spec = fed(CHAIN, feed(interval=interval), tools=Counting())
    whole = await run(spec)
    for cut in range(1, len(whole)):
        first = whole[:cut]
        second = await resume(fed(CHAIN, feed(interval=interval), tools=Counting()), Past(first))
        check_parts(first, second)
        assert second.last.event_type == "agent_completed"


async def test_a_resumed_run_does_not_take_a_value_again_whose_age_it_does_not_know() -> None:
    whole = await run(fed(CHAIN, feed(interval=1_000), tools=Counting()))
    assert cached(whole, "news_3")
    cut = next(n for n, event in enumerate(whole) if getattr(event, "action_id", "") == "news_3")
    second = await resume(fed(CHAIN, feed(interval=1_000), tools=Counting()), Past(whole[:cut]))
    assert not cached(second, "news_3")


def test_feeds_are_due_before_they_are_fetched_and_once_they_are_too_old() -> None:
    feeds = (feed("once"), feed("often", interval=10))
    values = FedValues()
    assert values.due(feeds, now=0) == feeds
    values.note("once", 1, now=0)
    values.note("often", 2, now=0)
    assert values.due(feeds, now=10) == ()
    assert values.due(feeds, now=11) == feeds[1:]
    assert values.values == {"once": 1, "often": 2}
