"""What is said of a plan before it runs: edges, and every mistake at once."""

import pytest

from cortex_cli.kinds import EdgeKind, Severity
from cortex_cli.plan.check import check_plan, is_sound
from cortex_cli.plan.graph import Edge, Graph
from cortex_cli.plan.provided import Names
from cortex_cli.protocol.plan import OutputDeclaration
from tests.plan.builders import act, graph_of, messages, pairs

NAMES = Names(
    inputs=frozenset({"topic"}),
    env=frozenset({"REGION"}),
    known=frozenset({"before"}),
    shared={"gpu": 2.0},
    secrets=frozenset({"TOKEN"}),
)


def test_references_make_data_edges_wherever_they_stand() -> None:
    source = act("a", output_key="x")
    for fields in (
        {"parameters": {"deep": [{"er": "it is ${x.y}"}]}},
        {"condition": "size(x) > 0"},
        {"condition": "steps.a.status == 'completed'"},
        {"env": {"X": "$x"}},
        {"cwd": "$(steps.a.folder)"},
        {"type": "decision", "cases": [{"when": "x == 1"}]},
        {"type": "decision", "cases": [{"when": "true", "value": "$x"}]},
        {"type": "decision", "default": {"value": "$x"}},
    ):
        graph = graph_of(source, act("b", **fields))
        assert pairs(graph, EdgeKind.DATA) == {("a", "b")}, fields


def test_an_explicit_dependency_on_the_same_action_is_the_one_edge() -> None:
    graph = graph_of(act("a", output_key="x"), act("b", "a", parameters={"v": "$x"}))
    assert list(graph.edges()) == [Edge(0, 1, EdgeKind.DEPENDS_ON)]
    graph.add(0, 1, EdgeKind.DATA)
    assert list(graph.edges()) == [Edge(0, 1, EdgeKind.DEPENDS_ON)]


def test_dependencies_may_be_names_and_choices_make_edges() -> None:
    choose = act("c", type="decision", cases=[{"when": "true", "then": ["Last one"]}])
    graph = graph_of(
        act("a", name="First one"),
        act("b", "First one"),
        choose,
        act("d", name="Last one"),
        act("e"),
        act("f", type="decision", cases=[{"when": "true"}], default={"then": ["e"]}),
    )
    assert pairs(graph) == {("a", "b"), ("c", "d"), ("f", "e")}


def test_known_names_need_no_edge() -> None:
    parameters = {
        "v": "${inputs.topic} ${trigger.parameters.topic} ${env.REGION} $before $RUN_ID ${run.id}"
    }
    graph, findings = check_plan([act("a", parameters=parameters)], NAMES)
    assert findings == []
    assert pairs(graph) == set()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depends_on": ["fetc"]}, ("action 'x' depends on 'fetc', which no action defines; did you"
                                   " mean 'fetch'?")),
        ({"depends_on": ["x"]}, "action 'x' depends on itself"),
        ({"parameters": {"v": "$(steps.x.y)"}}, "action 'x' depends on itself"),
        ({"parameters": {"v": "$paeg"}}, "nothing provides 'paeg'; did you mean 'page'?"),
        ({"parameters": {"v": "$zzzzzz"}}, ("nothing provides 'zzzzzz'; an action provides a name"
                                           " with its 'output_key'")),
        ({"parameters": {"v": "$topic"}}, ("nothing provides 'topic'; did you mean"
                                          " '${inputs.topic}'?")),
        ({"parameters": {"v": "$REGION"}}, ("nothing provides 'REGION'; did you mean"
                                            " '${env.REGION}'?")),
        ({"parameters": {"v": "$(steps.fetsh.x)"}}, ("'steps.fetsh' names no action; did you mean"
                                                    " 'fetch'?")),
        ({"parameters": {"v": "$steps"}}, "'steps.' names no action"),
        ({"parameters": {"v": "${inputs.topik}"}}, ("'inputs.topik' is no declared input; did you"
                                                   " mean 'topic'?")),
        ({"parameters": {"v": "${env.ZONE}"}}, ("'env.ZONE' is no declared variable of"
                                               " 'environment'; declare 'ZONE' first")),
        ({"parameters": {"v": "$item"}}, "'item' has a value only in an action with 'for_each'"),
        ({"type": "decision", "cases": [{"when": "true", "then": ["fetsh"]}]},
         "decision 'x' chooses 'fetsh', which no action defines; did you mean 'fetch'?"),
        ({"type": "decision", "cases": [{"when": "true", "then": ["x"]}]},
         "action 'x' depends on itself"),
        ({"output_key": "page"}, ("actions 'fetch' and 'x' have the same output_key 'page';"
                                 " give each its own")),
        ({"for_each": "page"}, ("'for_each' of action 'x' needs a list, or one reference to a list;"
                                " did you mean '$page'?")),
        ({"for_each": "$page and more"}, ("'for_each' of action 'x' needs a list, or one reference"
                                          " to a list; for example for_each: ${papers}")),
        ({"for_each": 5}, ("'for_each' of action 'x' needs a list, or one reference to a list; for"
                           " example for_each: ${papers}")),
        ({"for_each": "$item"}, "'item' has a value only in an action with 'for_each'"),
        ({"resources": {"gqu": 1}}, ("action 'x' takes 'gqu', which the run does not share out; did"
                                    " you mean 'gpu'?")),
        ({"resources": {"disk": 1}}, ("action 'x' takes 'disk', which the run does not share out;"
                                     " declare it under protocol.resources")),
        ({"resources": {"gpu": 3}}, ("action 'x' takes 3 of 'gpu', of which there are 2; take fewer,"
                                    " or declare more under protocol.resources")),
        ({"type": "agent", "target": "y", "resources": {"gpu": 1}},
         ("agent 'x' takes 'gpu' itself, which its own actions need; give 'resources' to these")),
        ({"env": {"V": "${secrets.KEY}"}}, ("'secrets.KEY' is no declared secret; declare"
                                                   " 'KEY' first")),
        ({"env": {"V": "${secrets.TOKEM}"}}, ("'secrets.TOKEM' is no declared secret; did you mean"
                                              " 'TOKEN'?")),
        ({"env": {"V": "${secrets.TOKEN.x}"}}, ("a secret has no fields; name one of them:"
                                                " ${secrets.NAME}")),
        ({"env": {"V": "$secrets"}}, ("'secrets' has no value as a whole; name one of them:"
                                      " ${secrets.NAME}")),
        ({"type": "llm", "parameters": {"prompt": ["${secrets.TOKEN}"]}},
         ("the prompt of 'x' cannot hold a secret; give it to the tool that the model's answer goes"
          " to")),
        ({"parameters": {"v": "<${secrets.TOKEN}>"}},
         ("'x' cannot hold a secret: its parameters are its output; name it where it is used:"
          " outputs are shown and kept")),
        ({"type": "decision", "cases": [{"when": "true", "value": "${secrets.TOKEN}"}]},
         ("the value of decision 'x' cannot be a secret; name it where it is used: outputs are shown"
          " and kept")),
        ({"type": "decision", "default": {"value": {"v": "${secrets.TOKEN}"}}},
         ("the value of decision 'x' cannot be a secret; name it where it is used: outputs are shown"
          " and kept")),
        ({"type": "llm", "parameters": {"tools": "t"}},
         "'tools' of 'x' is no list of names; write the names of what the model may call: tools: [NAME, ...]"),
        ({"type": "llm", "parameters": {"tools": ["t", 1]}},
         ("1 under 'tools' of 'x' is no name; what a model may call is written down, so that it is"
          " known before anything runs")),
        ({"type": "llm", "parameters": {"tools": ["t"]}, "cache": True},
         ("'x' calls tools, and an answer that rests on calls is not cached; leave 'cache' out; what"
          " it calls may be cached: cortex run --cache")),
        ({"type": "agent", "target": "y", "cache": True}, ("'cache' is part of the protocol, but this version cannot follow it"
                          " yet")),
    ],
)  # fmt: skip
def test_each_mistake_has_its_message(fields: dict[str, object], message: str) -> None:
    assert messages([act("fetch", output_key="page"), act("x", **fields)], NAMES) == [message]


def test_secrets_may_go_to_tools_into_variables_and_into_conditions() -> None:
    fields = {
        "type": "tool",
        "target": "t",
        "parameters": {"v": "${secrets.TOKEN}"},
        "env": {"V": "${secrets.TOKEN}"},
        "condition": "secrets.TOKEN != ''",
    }
    assert messages([act("x", **fields)], NAMES) == []


def test_an_output_cannot_be_a_secret() -> None:
    outputs = {"k": OutputDeclaration(source={"v": "${secrets.TOKEN}"})}
    _, findings = check_plan([act("x")], NAMES, outputs=outputs)
    assert [(finding.code, finding.path) for finding in findings] == [
        ("misplaced_secret", ("outputs", "k", "source", "v"))
    ]


def test_malformed_references_and_conditions_are_reported_in_place() -> None:
    _, findings = check_plan(
        [
            act("a", parameters={"v": ["${a.__class__}"]}, condition="1 +"),
            act("b", for_each="${a.}"),
        ],
        Names(),
    )
    assert [(finding.code, finding.path) for finding in findings] == [
        ("reference_syntax", ("actions", 0, "parameters", "v", 0)),
        ("condition_syntax", ("actions", 0, "condition")),
        ("reference_syntax", ("actions", 1, "for_each")),
    ]


def test_a_reference_with_a_default_that_nothing_provides_is_a_warning() -> None:
    _, findings = check_plan([act("a", parameters={"v": "${maybe:-x}"})], Names())
    assert [finding.severity for finding in findings] == [Severity.WARNING]
    assert is_sound(findings)


def test_nothing_may_wait_for_fire_and_forget() -> None:
    aside = act("f", mode="fire_and_forget", output_key="x")
    for waiting in (act("b", "f"), act("b", parameters={"v": "$x"})):
        found = messages([aside, waiting])
        assert len(found) == 1
        assert "'b' waits for 'f', which is fire_and_forget" in found[0]


def test_a_cycle_is_named_in_order_from_its_first_action() -> None:
    found = messages([act("b", "a"), act("c", "b"), act("a", "c"), act("d", "a")])
    assert found == [
        (
            "actions wait for each other in a cycle: b → c → a → b;"
            " take one of these dependencies out"
        )
    ]


def test_a_long_cycle_is_shortened() -> None:
    size = 1_000
    found = messages([act(f"a{n}", f"a{(n - 1) % size}") for n in range(size)])
    assert found[0].count("→") == 21
    assert "… 980 more …" in found[0]


def test_two_actions_with_one_id_are_an_error_at_the_second() -> None:
    _, findings = check_plan([act("a"), act("a")], Names())
    assert findings[0].code == "duplicate_id"
    assert findings[0].path == ("actions", 1, "id")


def test_outputs_are_checked_like_parameters() -> None:
    outputs = {
        "good": OutputDeclaration(source="$x and $(steps.a.y)"),
        "bad": OutputDeclaration(source={"deep": "$y"}),
        "worse": OutputDeclaration(source="${"),
    }
    _, findings = check_plan([act("a", output_key="x")], Names(), outputs=outputs, key="steps")
    assert [(finding.code, finding.path) for finding in findings] == [
        ("unknown_reference", ("outputs", "bad", "source", "deep")),
        ("reference_syntax", ("outputs", "worse", "source")),
    ]


def test_all_mistakes_come_at_once() -> None:
    found = messages(
        [
            act("a", "b1", "b2"),
            act("a", type="agent", target="y", parameters={"v": "$no"}, cache=True),
        ]
    )
    assert len(found) == 5


def test_a_graph_without_a_cycle_has_none() -> None:
    assert Graph([act("a"), act("b", "a")]).cycle() is None


def test_of_many_findings_the_first_100_are_told_and_20_have_hints() -> None:
    found = messages([act("fetch"), *(act(f"a{i}", f"fetc{i}") for i in range(5_000))])
    assert len(found) == 101
    assert [" did you mean 'fetch'?" in line for line in found].count(True) == 20
    assert "'a99' depends on 'fetc99'" in found[99]
    assert found[100] == "… and 4900 more"


def test_a_warning_never_keeps_an_error_from_being_told() -> None:
    parameters = {f"v{i}": f"${{gone{i}:-}}" for i in range(100)}
    graph, findings = check_plan([act("a", parameters=parameters), act("b", "c")], Names())
    assert len(graph) == 2
    assert [finding.severity for finding in findings].count(Severity.ERROR) == 1
    assert findings[99].code == "unknown_dependency"
    assert findings[100].severity is Severity.WARNING
    assert findings[100].message == "… and 1 more"


def test_inputs_that_are_not_declared_at_all_may_have_any_name() -> None:
    assert messages([act("a", parameters={"v": "${inputs.any}"})]) == []


def test_the_stronger_of_two_kinds_of_edge_is_kept() -> None:
    graph = Graph([act("a"), act("b")])
    graph.add(0, 1, EdgeKind.DATA)
    graph.add(0, 1, EdgeKind.DEPENDS_ON)
    assert list(graph.edges()) == [Edge(0, 1, EdgeKind.DEPENDS_ON)]
