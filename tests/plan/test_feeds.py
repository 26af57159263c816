"""Feeds in a plan: who needs a value, when it is fetched, and what that waits for."""

from typing import Any

import pytest

from cortex_cli.kinds import EdgeKind, RunIf
from cortex_cli.plan.check import check_plan
from cortex_cli.plan.feeds import with_fetches
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.provided import Names
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.fetch import Fetch
from cortex_cli.protocol.plan import OutputDeclaration
from tests.plan.builders import act, graph_of, pairs


def feed(name: str, **fields: Any) -> Fetch:
    """An internal feed."""
    values = {"id": name, "output_key": name, "feed": name, "type": "internal", **fields}
    return Fetch.model_validate(values)


def needs(*names: str) -> dict[str, Any]:
    """The parameters of an action that refers to these."""
    return {"parameters": {name: f"${name}" for name in names}}


def ids(actions: tuple[Action, ...]) -> list[str]:
    return [action.id for action in actions]


def planned(*actions: Action, feeds: list[Fetch], **outputs: Any) -> Graph:
    declared = {name: OutputDeclaration(source=source) for name, source in outputs.items()}
    return graph_of(*with_fetches(actions, feeds, declared))


def test_a_plan_without_feeds_stays_as_it_is() -> None:
    assert ids(with_fetches([act("a")], [])) == ["a"]


def test_only_feeds_that_something_refers_to_are_fetched() -> None:
    feeds = [feed("news"), feed("other")]
    assert ids(with_fetches([act("a", **needs("news"))], feeds)) == ["news", "a"]


@pytest.mark.parametrize(
    "fields",
    [
        {"parameters": {"v": "it is ${news.title}"}},
        {"condition": "size(news) > 0"},
        {"env": {"NEWS": "$news"}},
        {"for_each": "$news"},
        {"type": "decision", "cases": [{"when": "news == 'x'"}]},
    ],
)
def test_a_feed_is_needed_wherever_it_is_referred_to(fields: dict[str, Any]) -> None:
    graph = planned(act("a", **fields), feeds=[feed("news")])
    assert pairs(graph, EdgeKind.DATA) == {("news", "a")}


def test_a_condition_that_cannot_be_read_needs_nothing() -> None:
    actions = [act("a", condition="news =="), act("b", **needs("news"))]
    assert ids(with_fetches(actions, [feed("news")])) == ["a", "news", "b"]


def test_a_feed_for_one_action_is_not_fetched_before_that_could_begin() -> None:
    graph = planned(act("a"), act("b", "a", **needs("news")), feeds=[feed("news")])
    assert pairs(graph) == {("a", "news"), ("a", "b"), ("news", "b")}


def test_a_feed_without_an_interval_is_fetched_once_and_at_the_beginning_for_several() -> None:
    actions = [act("a", **needs("news")), act("b", "a", **needs("news"))]
    graph = planned(*actions, feeds=[feed("news")])
    assert pairs(graph) == {("news", "a"), ("news", "b"), ("a", "b")}


def test_a_feed_with_an_interval_is_fetched_for_each_point_at_which_it_is_needed() -> None:
    graph = planned(
        act("a", **needs("news")),
        act("also", **needs("news")),
        act("b", "a", **needs("news")),
        feeds=[feed("news", interval=60)],
    )
    assert ids(graph.actions) == ["news", "a", "also", "news_2", "b"]
    assert pairs(graph, EdgeKind.DATA) == {("news", "a"), ("news", "also"), ("news_2", "b")}
    assert pairs(graph, EdgeKind.DEPENDS_ON) == {("a", "b"), ("a", "news_2")}
    assert graph.aliases == {4: {"news": "news_2"}}


def test_names_that_are_taken_are_not_given_to_fetches() -> None:
    taken = act("news_2", "a", output_key="news_3", **needs("news"))
    actions = with_fetches([act("a", **needs("news")), taken], [feed("news", interval=1)])
    assert ids(actions) == ["news", "a", "news_4", "news_2"]


def test_what_comes_after_a_sync_action_is_another_point() -> None:
    actions = [act("a", **needs("news")), act("s", mode="sync"), act("b", **needs("news"))]
    graph = planned(*actions, feeds=[feed("news", interval=1)])
    assert ids(graph.actions) == ["news", "a", "s", "news_2", "b"]
    assert pairs(graph, EdgeKind.BARRIER) == {("s", "news_2")}


def test_a_feed_may_refer_to_a_feed_and_to_actions() -> None:
    feeds = [feed("summary", **needs("news", "x")), feed("news", interval=1)]
    graph = planned(
        act("a", output_key="x"),
        act("b", "a", **needs("summary")),
        act("c", **needs("news")),
        feeds=feeds,
    )
    assert ids(graph.actions) == ["a", "news", "summary", "b", "news_2", "c"]
    assert pairs(graph) == {
        ("news", "summary"), ("a", "summary"), ("summary", "b"), ("a", "b"), ("a", "news"),
        ("news_2", "c"),
    }  # fmt: skip


def test_feeds_that_refer_to_each_other_are_a_cycle() -> None:
    feeds = [feed("one", **needs("two")), feed("two", **needs("one"))]
    for outputs in ({}, {"o": "$one"}):
        declared = {name: OutputDeclaration(source=text) for name, text in outputs.items()}
        actions = with_fetches([act("a", **needs("one"))], feeds, declared)
        _, findings = check_plan(actions, Names())
        assert [finding.code for finding in findings] == ["cycle"]
        assert findings[0].path[0] == "context_feeds"
    actions = with_fetches([], feeds, {"o": OutputDeclaration(source="$one")})
    assert [finding.code for finding in check_plan(actions, Names())[1]] == ["cycle"]


def test_a_feed_for_outputs_alone_is_fetched_at_the_beginning() -> None:
    graph = planned(act("s", mode="sync"), feeds=[feed("news")], o="$news", p="${news.x}")
    assert ids(graph.actions) == ["news", "s"]
    assert pairs(graph) == set()


def test_an_output_has_what_an_action_has_already() -> None:
    graph = planned(act("s"), act("a", **needs("news")), feeds=[feed("news")], o="$news")
    assert ids(graph.actions) == ["s", "news", "a"]


def test_a_fetch_runs_whenever_what_needs_it_may() -> None:
    actions = (
        act("x"),
        act("y"),
        act("f", "x", run_if="failure", priority=3, **needs("news")),
        act("g", "x", "y", wait_for_all=False, **needs("time")),
    )
    graph = planned(*actions, feeds=[feed("news"), feed("time")])
    news, time = (graph.actions[graph.index[name]] for name in ("news", "time"))
    assert (news.run_if, news.priority) == (RunIf.FAILURE, 3)
    assert not time.wait_for_all
    assert {("x", "time"), ("y", "time"), ("x", "news")} < pairs(graph, EdgeKind.DEPENDS_ON)


def test_a_fetch_waits_for_the_decision_that_chooses_what_needs_it() -> None:
    choice = act("c", type="decision", cases=[{"when": "true", "then": ["A"]}])
    actions = [choice, act("a", name="A", **needs("news")), act("b", **needs("news"))]
    graph = planned(*actions, feeds=[feed("news", interval=1)])
    assert pairs(graph) == {("c", "a"), ("c", "news"), ("news", "a"), ("news_2", "b")}


def test_findings_about_written_actions_keep_their_place() -> None:
    actions = [act("a", **needs("news")), act("b", "zz")]
    bad = feed("news", place=2, parameters={"v": "$nothing"})
    _, findings = check_plan(with_fetches(actions, [bad]), Names())
    assert [finding.path for finding in findings] == [
        ("context_feeds", 2, "source", "params", "v"),
        ("actions", 1, "depends_on", 0),
    ]


def test_a_fetch_knows_where_it_is_written() -> None:
    news = feed("news", place=1)
    assert news.written_at(()) == ("context_feeds", 1)
    assert news.written_at(("target",)) == ("context_feeds", 1, "source", "name")
    assert news.written_at(("output_key",)) == ("context_feeds", 1, "id")
