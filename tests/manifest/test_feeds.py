"""What a manifest says of its feeds: what fetches them, and what is wrong with them."""

from pathlib import Path

import pytest

from cortex_cli.kinds import ActionType
from cortex_cli.protocol.fetch import Fetch
from tests.manifest.trees import TOOL, all_told, compiled

AGENT = """
    kind: Agent
    name: a
    import: {{tools: [./t/tool.yaml]}}
    context_feeds:
      - {feed}
    actions:
      - {{id: use, type: internal, parameters: {{v: "$f"}}}}
"""


def of(tmp_path: Path, feed: str) -> list[str]:
    """What is said of an agent with a feed, which is on line 6."""
    return all_told(tmp_path, {"m.yaml": AGENT.format(feed=feed), "t/tool.yaml": TOOL})


def fetch(tmp_path: Path, source: str, **files: str) -> Fetch:
    text = AGENT.format(feed=f"{{id: f, source: {source}}}")
    program, _ = compiled(tmp_path, {"m.yaml": text, "t/tool.yaml": TOOL, **files})
    (found, _) = program.actions
    assert isinstance(found, Fetch)
    return found


def test_a_tool_is_called_with_the_action_as_operation(tmp_path: Path) -> None:
    found = fetch(tmp_path, "{type: tool, name: t, action: list, params: {x: 1}}")
    assert (found.type, found.target, found.operation, found.parameters) == (
        ActionType.TOOL, "t", "list", {"x": 1}
    )  # fmt: skip
    assert (found.id, found.name, found.output_key, found.cache) == ("f", "feed f", "f", False)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("{type: internal, name: time}", "time"),
        ("{type: internal, action: System_Clock}", "time"),
        ("{type: internal, name: system, action: get_current_time}", "time"),
        ("{type: internal, name: system, action: stats}", "system"),
        ("{type: internal, action: mood}", "mood"),
        ("{type: internal}", None),
    ],
)
def test_what_is_built_in_has_several_names(tmp_path: Path, source: str, target: str) -> None:
    found = fetch(tmp_path, source)
    assert (found.type, found.target, found.operation) == (ActionType.INTERNAL, target, None)


def test_an_external_source_is_none_that_is_built_in(tmp_path: Path) -> None:
    found = fetch(tmp_path, "{type: external, name: time}")
    assert (found.target, found.operation) == ("external", "time")


def test_an_agent_can_be_asked_as_a_workflow_is(tmp_path: Path) -> None:
    helper = "kind: Agent\nname: helper\nactions: []\n"
    text = AGENT.format(feed="{id: f, source: {type: agent, name: helper}}")
    text = text.replace("import: {", "import: {agents: [./helper.yaml], ")
    program, _ = compiled(tmp_path, {"m.yaml": text, "t/tool.yaml": TOOL, "helper.yaml": helper})
    assert (program.actions[0].type, program.actions[0].target) == (ActionType.AGENT, "helper")


def test_a_model_needs_no_name(tmp_path: Path) -> None:
    found = fetch(tmp_path, "{type: llm, action: ask, params: {prompt: hi}}")
    assert (found.type, found.target, found.operation) == (ActionType.LLM, None, None)


def test_an_id_that_is_no_name_is_known_by_its_slug(tmp_path: Path) -> None:
    files = {
        "m.yaml": """
            kind: Agent
            name: a
            context_feeds: [{id: Current-date, source: {type: internal, name: time}}]
            outputs: {now: $current_date}
            actions: []
        """
    }
    program, problems = compiled(tmp_path, files)
    assert [action.id for action in program.actions] == ["current_date"]
    assert problems == []


@pytest.mark.parametrize(
    ("feed", "line"),
    [
        (
            "{id: f, source: {type: tool, name: tt}}",
            "m.yaml:6:40: feed 'f' calls tool 'tt', which nothing imports; did you mean 't'?",
        ),
        (
            "{id: f, source: {type: tool}}",
            "m.yaml:6:21: a source of type tool needs the 'name' of what it calls",
        ),
        (
            "{id: f, source: {type: tol, name: t}}",
            (
                "m.yaml:6:28: 'context_feeds[0].source.type' cannot be 'tol'; did you mean 'tool'? it"
                " may be internal, tool, relic, workflow, agent, llm or external"
            ),
        ),
        (
            "{id: f, type: streaming, source: {type: internal, name: time}}",
            (
                "m.yaml:6:19: note: the streaming feed 'f' has no interval, so it is fetched once;"
                " give it an 'interval' in seconds"
            ),
        ),
        (
            "{id: f, type: streaming, interval: 5, source: {type: internal, name: time}}",
            (
                "m.yaml:6:19: note: the streaming feed 'f' is fetched like a periodic one;"
                " write type: periodic"
            ),
        ),
        (
            "{id: f, source: {type: internal, name: tyme}}",
            (
                "m.yaml:6:21: note: the feed 'f' is always null: cortex has no internal source 'tyme';"
                " did you mean 'time'?"
            ),
        ),
        (
            "{id: f, source: {type: internal}}",
            (
                "m.yaml:6:21: note: the feed 'f' is always null: cortex has no internal source 'nameless';"
                " it has time and system"
            ),
        ),
        (
            "{id: f, source: {type: external, name: x}}",
            (
                "m.yaml:6:21: note: the feed 'f' is always null: cortex has no external sources;"
                " let a tool fetch it"
            ),
        ),
    ],
)
def test_what_is_worth_saying_of_a_feed_is_said_at_its_place(
    tmp_path: Path, feed: str, line: str
) -> None:
    assert of(tmp_path, feed)[:1] == [line]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("use", "the id 'use' of a feed is the id of an action too"),
        ("key", "the id 'key' of a feed is an output_key too"),
        ("f", "the id 'f' of a feed is that of another feed too"),
        ("steps", "'steps' is a reserved name and cannot be the id of a feed"),
        ("'1 2'", "no reference can name a feed with the id '1 2'"),
    ],
)
def test_a_feed_has_a_name_of_its_own(tmp_path: Path, name: str, reason: str) -> None:
    text = f"""
        kind: Agent
        name: a
        context_feeds:
          - {{id: f, source: {{type: internal, name: time}}}}
          - {{id: {name}, source: {{type: internal, name: time}}}}
        actions:
          - {{id: use, type: internal, parameters: {{v: $f}}, output_key: key}}
    """
    assert all_told(tmp_path, {"m.yaml": text}) == [f"m.yaml:6:10: {reason}; give the feed another"]


def test_a_feed_that_nothing_refers_to_is_a_note_and_need_not_be_there(tmp_path: Path) -> None:
    assert of(tmp_path, "{id: other, source: {type: tool, name: gone}}") == [
        (
            "m.yaml:6:10: note: nothing refers to the feed 'other', so it is not fetched;"
            " refer to it: $other"
        ),
        *of(tmp_path, "{id: other, source: {type: internal, name: time}}")[1:],
    ]


def test_an_agent_without_a_plan_has_all_its_feeds_for_who_makes_one(tmp_path: Path) -> None:
    files = {
        "m.yaml": """
            kind: Agent
            name: a
            goal: something
            import: {tools: [./t/tool.yaml]}
            context_feeds:
              - {id: f, source: {type: tool, name: t}}
              - {id: g, source: {type: internal, name: time}}
        """,
        "t/tool.yaml": TOOL,
    }
    program, _ = compiled(tmp_path, files)
    assert [feed.feed for feed in program.feeds] == ["f", "g"]
    assert program.actions == program.feeds
