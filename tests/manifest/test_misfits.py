"""What does not fit a model: plain words, the way out, and the place, for each kind of mistake."""

import json
import re

import pytest
from hypothesis import given, settings

from tests.manifest.garbage import GARBAGE
from tests.manifest.trees import problems_of, told

_FOREIGN = re.compile(r"[Ii]nput should|dict|tuple|[Vv]alid |pydantic|be something else")


def test_several_mistakes_in_one_file_are_told_at_once_in_its_order() -> None:
    text = """\
        kind: Agent
        name: research
        version: 1.10
        sumary: gathers sources
        protocol: {max_parallel_actions: 0, mode: strikt}
        actions:
          - id: fetch
            type: tol
            target: fetch_page
            timeout_seconds: -1
          - id: read
            type: tool
            taget: extract
            retry: {max_attempts: 0}
        """
    assert told(text) == [
        """3:10: 'version' must be a string, not 1.10; quote it: "1.10\"""",
        "4:1: unknown key 'sumary'; did you mean 'summary'?",
        "5:34: 'protocol.max_parallel_actions' must be at least 1, not 0",
        (
            "5:43: 'protocol.mode' cannot be 'strikt'; did you mean 'strict'?"
            " it may be default, autonomous or strict"
        ),
        (
            "8:11: 'type' of action 'fetch' cannot be 'tol'; did you mean 'tool'?"
            " it may be tool, agent, relic, workflow, llm, decision or internal"
        ),
        "10:22: 'timeout_seconds' of action 'fetch' must be more than 0, not -1",
        "13:5: unknown key 'taget' in action 'read'; did you mean 'target'?",
        "14:27: 'retry.max_attempts' of action 'read' must be at least 1, not 0",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("retry_count: 1000000000", "'retry_count' must be a whole number from 0 to 999"),
        (
            "retry_policy: {max_attempts: 1000000000}",
            "'retry_policy.max_attempts' of action 'x' must be at most 1,000, not 1000000000",
        ),
        ("timeout_seconds: -1", "'timeout_seconds' of action 'x' must be more than 0, not -1"),
        ("timeout_seconds: 0", "'timeout_seconds' of action 'x' must be more than 0, not 0"),
        (
            "timeout_seconds: 2e9",
            "'timeout_seconds' of action 'x' must be at most 1,000,000,000, not 2e9",
        ),
        ("timeout_seconds: 1:30", "'timeout_seconds' of action 'x' must be a number, not '1:30'"),
        ("depends_on: {a: b}", "'depends_on' of action 'x' must be a list, not a mapping"),
        (
            "depends_on: [1]",
            "'depends_on[0]' of action 'x' must be a string, not 1; quote it: \"1\"",
        ),
        (
            "env: {A: true}",
            "'env.A' of action 'x' must be a string, not true; quote it: \"true\"",
        ),
        ("env: {A: }", "'env.A' of action 'x' must be a string, not null"),
        ("priority: 1.5", "'priority' of action 'x' must be a whole number, not 1.5"),
        (
            "on_failure: retry",
            "'on_failure' of action 'x' cannot be 'retry'; it may be fail, continue or abort",
        ),
        ("output_key: env", "'env' is a reserved name and cannot be an output_key: choose another"),
        (
            "cache: {ttl: 5}",
            "unknown key 'ttl' in 'cache' of action 'x'; the keys here are key and ttl_seconds",
        ),
        ("name: ''", "'name' of action 'x' must not be empty"),
        ("cases: []", None),
        ("default: {value: 1}", "'cases' and 'default' belong to a decision, not to a internal"),
    ],
)
def test_a_misfit_of_an_action_is_told_in_plain_words_at_its_line(
    line: str, message: str | None
) -> None:
    text = f"kind: Agent\nname: a\nactions:\n- id: x\n  type: internal\n  {line}\n"
    expected = [] if message is None else [message]
    assert [str(p).split(": ", 1)[1] for p in problems_of(text)] == expected
    assert all(problem.line == 6 for problem in problems_of(text))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("kind: Agent", ["1:1: 'name' is missing"]),
        ("kind: Agent\nname: ''", ["2:7: 'name' must not be empty"]),
        (
            f"kind: Agent\nname: {'x' * 1001}",
            ["2:7: 'name' must have at most 1,000 characters"],
        ),
        ("kind: Agent\nname: a\nactions: {}", ["3:10: 'actions' must be a list, not a mapping"]),
        (
            "kind: Agent\nname: a\nactions: [5]",
            ["3:11: 'actions[0]' must be a mapping, not 5"],
        ),
        (
            "kind: Agent\nname: a\nsteps: []",
            ["3:1: unknown key 'steps'; it belongs to a manifest of kind Workflow"],
        ),
        ("kind: Workflow\nname: a", ["1:1: a workflow needs 'actions' or 'steps'"]),
        (
            "kind: Workflow\nname: a\nactions: []\nsteps: []",
            ["3:1: 'actions' and 'steps' say the same thing: give one"],
        ),
        (
            "kind: Workflow\nname: a\nsteps: []\ntrigger: {parameters: {}}\ninputs: {}",
            ["5:1: 'inputs' and 'trigger.parameters' say the same thing: give one"],
        ),
        (
            "kind: Agent\nname: a\nprotocol: {max_iterations: 2}\niteration_cap: 3",
            ["4:1: 'iteration_cap' and 'protocol.max_iterations' say the same thing: give one"],
        ),
        (
            (
                "kind: Workflow\nname: a\nactions: []\nconfiguration: {timeout: 3}\n"
                "protocol: {max_execution_time_seconds: 3}"
            ),
            [
                (
                    "4:17: 'configuration.timeout' and 'protocol.max_execution_time_seconds'"
                    " say the same thing: give one"
                )
            ],
        ),
        (
            "kind: Agent\nname: a\nprotocol: {max_parallel_actions: 1000000}",
            ["3:34: 'protocol.max_parallel_actions' must be at most 10,000, not 1000000"],
        ),
        (
            "kind: Agent\nname: a\nprotocol: {max_parallel_actions: atuo}",
            [
                (
                    "3:34: 'protocol.max_parallel_actions' cannot be 'atuo'; did you mean 'auto'?"
                    " it may be auto or a whole number"
                )
            ],
        ),
        (
            "kind: Agent\nname: a\nprotocol: {require_user_approval: surely}",
            [
                "3:35: 'protocol.require_user_approval' must be true or false or a list, not 'surely'"
            ],
        ),
        (
            "kind: Agent\nname: a\ninputs: {q: strng, n: {type: integer, default: x}}",
            [
                (
                    "3:13: 'inputs.q' cannot be 'strng'; did you mean 'string'?"
                    " it may be string, integer, number, boolean, array or object"
                ),
                "3:39: the 'default' must be an integer, not a string",
            ],
        ),
        (
            "kind: Agent\nname: a\ninputs: {q: {validation: {min: x, patern: y, pattern: '('}}}",
            [
                "3:32: 'inputs.q.validation.min' must be a number, not 'x'",
                "3:35: unknown key 'patern' in 'inputs.q.validation'; did you mean 'pattern'?",
                (
                    "3:55: 'inputs.q.validation.pattern' must be a regular expression:"
                    " missing ), unterminated subpattern at position 0"
                ),
            ],
        ),
        (
            "kind: Agent\nname: a\nsecrets: {A: {}, B: {env: X, file: y}, C: {env: X}}",
            [
                "3:14: a secret is taken from exactly one of 'env', 'file' and 'command'",
                "3:22: a secret is taken from exactly one of 'env', 'file' and 'command'",
            ],
        ),
        (
            "kind: Agent\nname: a\noutputs: {x: {sorce: $y}}",
            ["3:15: unknown key 'sorce' in 'outputs.x'; did you mean 'source'?"],
        ),
    ],
)
def test_a_misfit_of_an_agent_or_workflow_is_told_at_its_place(text: str, lines: list[str]) -> None:
    assert told(text) == lines


@pytest.mark.parametrize(
    ("implementation", "lines"),
    [
        ("script", ["3:17: 'implementation' must be a mapping, not 'script'"]),
        ("{entrypoint: x}", ["3:17: 'type' is missing in 'implementation'"]),
        (
            "{type: scirpt, entrypoint: x}",
            [
                (
                    "3:24: 'implementation.type' cannot be 'scirpt'; did you mean 'script'?"
                    " it may be script, command, python, http or mcp"
                )
            ],
        ),
        (
            "{type: script, entrypoint: x, url: y}",
            [
                (
                    "3:47: unknown key 'url' in 'implementation'; the keys here are"
                    " build, entrypoint, health_check, input, resources, runtime and type"
                )
            ],
        ),
        (
            "{type: python, entrypoint: x}",
            ["3:44: 'implementation.entrypoint' must name a function as module:function"],
        ),
        (
            "{type: script, entrypoint: x, resources: {memory: lots, timeout: -1}}",
            [
                "3:67: 'implementation.resources.memory' must be a size such as 256MB",
                "3:82: 'implementation.resources.timeout' must be more than 0, not -1",
            ],
        ),
        ("{type: python, entrypoint: a.b:c}", []),
        ("{type: command, command: []}", ["3:42: 'implementation.command' must not be empty"]),
        (
            "{type: command, command: [1]}",
            ["3:43: 'implementation.command[0]' must be a string, not 1; quote it: \"1\""],
        ),
        (
            "{type: command, command: {}}",
            ["3:42: 'implementation.command' must be a list or a string, not a mapping"],
        ),
    ],
)
def test_a_misfit_of_an_implementation_is_told_by_its_type(
    implementation: str, lines: list[str]
) -> None:
    assert told(f"kind: Tool\nname: a\nimplementation: {implementation}") == lines


def test_two_endpoints_of_one_name_are_an_error() -> None:
    endpoint = "{name: a, path: /a}"
    text = (
        f"kind: Relic\nname: r\ninterface:\n  type: rest_api\n  endpoints: [{endpoint}, {endpoint}]"
    )
    assert told(text) == ["5:3: two of the 'endpoints' are called 'a'"]


@pytest.mark.no_cover
@settings(max_examples=150, deadline=None)
@given(GARBAGE)
def test_whatever_is_wrong_is_told_in_one_line_of_our_own_words(document: object) -> None:
    for problem in problems_of(json.dumps(document)):
        assert problem.message.isprintable()
        assert not _FOREIGN.search(problem.message)
        assert len(problem.message) < 400
        assert problem.line == 1
        assert problem.column is not None
