"""References in prose: what is one, what stays as it is, and what is told of both."""

from typing import Any

import pytest

from cortex_cli.errors import ActionError, Finding
from cortex_cli.kinds import Severity
from cortex_cli.plan.prose import fill, goal_findings, word_for_word
from cortex_cli.plan.provided import Names
from cortex_cli.plan.references import MISSING, walk
from cortex_cli.protocol.sealed import Sealed

ROOTS: dict[str, Any] = {
    "inputs": {"topic": "cats", "many": [1, 2], "none": None, "odd": "${inputs.topic}"},
    "env": {"REGION": "eu"},
    "run": {"id": "run-1"},
    "RUN_ID": "run-1",
}
NAMES = Names(
    inputs=frozenset({"topic", "many"}),
    env=frozenset({"REGION", "KEY", "LINK", "LOOP"}),
    secrets=frozenset({"TOKEN"}),
    known=frozenset({"now"}),
)
VARIABLES = {
    "REGION": "eu",
    "KEY": "Bearer ${secrets.TOKEN}",
    "LINK": "$KEY",
    "LOOP": "${env.LOOP}",
}


def lookup(root: str, path: tuple[str | int, ...]) -> Any:
    return walk(ROOTS[root], path) if root in ROOTS else MISSING


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("About ${inputs.topic}.", "About cats."),
        ("$(inputs.topic) in ${env.REGION} by ${run.id}, $RUN_ID", "cats in eu by run-1, run-1"),
        ("${inputs.topic}", "cats"),
        ("Numbers: ${inputs.many}, ${inputs.many[1]}", "Numbers: [1,2], 2"),
        ("${inputs.gone:-dogs} or ${inputs.none}", "dogs or null"),
        ("${inputs.odd}", "${inputs.topic}"),
        ("$$ is $$, $${inputs.topic} is written so", "$ is $, ${inputs.topic} is written so"),
        ("Why did $AAPL fall 5$ to $100?", "Why did $AAPL fall 5$ to $100?"),
        ("Explain ${HOMES:-x} and $(ls -l) and ${ and $", "Explain ${HOMES:-x} and $(ls -l) and ${ and $"),
        ("$(ls ${inputs.topic})", "$(ls cats)"),
        ("$inputs and ${env} and ${steps}", "$inputs and ${env} and ${steps}"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_goal_is_filled_in(text: str, filled: str) -> None:
    assert fill(text, lookup) == filled


def test_what_is_said_outside_of_the_manifest_holds_no_references() -> None:
    text = "Set $HOME, $$, ${inputs.topic} and $(inputs.topic)"
    assert fill(word_for_word(text), lookup) == text


def test_a_secret_in_it_makes_the_text_sealed() -> None:
    def find(_root: str, _path: tuple[str | int, ...]) -> Any:
        return Sealed("***", "hunter2")

    filled = fill("Use ${inputs.token} now", find)
    assert isinstance(filled, Sealed)
    assert filled == "Use *** now"


def test_a_value_that_is_too_large_is_refused() -> None:
    with pytest.raises(ActionError, match="16 MiB"):
        fill("${inputs.x}", lambda _root, _path: "x" * 17 * 1024 * 1024)


def findings(text: str) -> list[Finding]:
    found = list(goal_findings(text, NAMES, VARIABLES))
    assert all(finding.path == ("goal",) for finding in found)
    return found


@pytest.mark.parametrize(
    "text", ["${inputs.topic} $(env.REGION) ${run.dir} $TIMESTAMP ${trigger.topic}", "5$, $$x, $9"]
)
def test_what_has_a_value_is_no_finding(text: str) -> None:
    assert findings(text) == []


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        ("${inputs.topc}", "unknown_inputs", "'inputs.topc' is no declared input",
         "did you mean 'topic'?"),
        ("${env.REGIN}", "unknown_env", "'env.REGIN' is no declared variable of 'environment'",
         "did you mean 'REGION'?"),
        ("$(steps.a.text)", "too_early",
         "$(steps.a.text) has no value in the goal, which is read before anything has run",
         "the model is told what came of the actions"),
        ("${item.x}", "too_early", None, None),
        ("${secrets.TOKEN}", "misplaced_secret", "the goal cannot hold a secret", None),
        ("${env.KEY}", "misplaced_secret",
         "the goal cannot hold a secret, and ${env.KEY} does", None),
        ("${env.LINK}", "misplaced_secret", None, None),
    ],
)  # fmt: skip
def test_what_is_meant_and_has_no_value_is_an_error(
    text: str, code: str, message: str | None, hint: str | None
) -> None:
    [finding] = findings(f"Do it with {text} today")
    assert (finding.severity, finding.code) == (Severity.ERROR, code)
    assert message in (None, finding.message)
    assert hint in (None, finding.hint)


def test_variables_that_name_each_other_in_a_circle_hold_no_secret() -> None:
    assert findings("${env.LOOP}") == []


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("$AAPL", "'$AAPL' stays as it is in the goal: nothing provides 'AAPL'",
         "a dollar sign is written '$$'"),
        ("$topic", "'$topic' stays as it is in the goal: nothing provides 'topic'",
         "did you mean '${inputs.topic}'?"),
        ("${REGION}", None, "did you mean '${env.REGION}'?"),
        ("$now", None, "it is fetched later, and the model is told it"),
        ("$TIMESTAMPS", None, "did you mean 'TIMESTAMP'?"),
        ("$(ls -l)", "'$(ls -l)' stays as it is in the goal: unexpected ' '", None),
        ("${env}", "'${env}' stays as it is in the goal: 'env' has no value as a whole", None),
    ],
)  # fmt: skip
def test_what_stays_as_it_is_is_a_warning(text: str, message: str | None, hint: str | None) -> None:
    [finding] = findings(text)
    assert (finding.severity, finding.code) == (Severity.WARNING, "no_reference")
    assert message in (None, finding.message)
    assert hint in (None, finding.hint)


def test_what_has_a_default_may_be_unknown() -> None:
    [finding] = findings("${inputs.topc:-cats}")
    assert finding.severity is Severity.WARNING
