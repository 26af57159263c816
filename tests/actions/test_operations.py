from typing import Any

import pytest

from cortex_cli.actions.operations import Operation, OperationParameter, choose_operation
from cortex_cli.errors import ActionError
from cortex_cli.kinds import ActionType
from cortex_cli.protocol.action import Action

KEY = OperationParameter(type="string")
ANY = OperationParameter()
OPERATIONS = (
    Operation(name="set", parameters={"key": KEY, "value": ANY}),
    Operation(
        name="get",
        parameters={"key": KEY, "default": OperationParameter(required=False)},
    ),
    Operation(name="delete", parameters={"key": KEY}),
    Operation(
        name="list",
        parameters={"limit": OperationParameter(type="integer", required=False, default=10)},
    ),
    Operation(name="free", parameters={"must": ANY}, open=True),
)


def choose(parameters: dict[str, Any], operation: str | None = None) -> tuple[str, dict[str, Any]]:
    action = Action(id="a", name="a", type=ActionType.RELIC, target="cache", operation=operation)
    chosen, accepted = choose_operation(action, parameters, OPERATIONS)
    return chosen.name, accepted


def test_the_operation_of_the_action_comes_first() -> None:
    given = {"key": "k", "value": 1}
    assert choose(given, "set") == ("set", given)
    assert choose({"must": 1, "operation": "x", "action": "y"}, "free") == (
        "free",
        {"must": 1, "operation": "x", "action": "y"},
    )


@pytest.mark.parametrize("key", ["operation", "action"])
def test_a_parameter_may_name_the_operation_and_is_taken_out(key: str) -> None:
    assert choose({key: "delete", "key": "k"}) == ("delete", {"key": "k"})


def test_only_one_naming_parameter_is_taken_out() -> None:
    assert choose({"operation": "free", "action": "jump", "must": 1}) == (
        "free",
        {"action": "jump", "must": 1},
    )


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"key": "k", "value": 1}, "set"),
        ({"key": "k", "default": None}, "get"),
        ({}, "list"),
        ({"limit": 3}, "list"),
        ({"must": 1}, "free"),
    ],
)
def test_else_the_most_specific_that_has_all_it_needs(
    parameters: dict[str, Any], expected: str
) -> None:
    assert choose(parameters)[0] == expected


def test_a_tie_is_an_error() -> None:
    with pytest.raises(ActionError, match=r"'get' and 'delete' both fit key; name the") as caught:
        choose({"key": "k"})
    assert caught.value.error_type == "operation"
    assert not caught.value.retryable


def test_nothing_that_fits_is_an_error() -> None:
    only = [Operation(name="set", parameters={"key": KEY})]
    action = Action(id="a", name="a", type=ActionType.RELIC, target="cache")
    with pytest.raises(ActionError, match=r"no operation for no parameters; name the .* set"):
        choose_operation(action, {}, only)


@pytest.mark.parametrize(
    ("name", "hint"), [("sett", "did you mean 'set'"), ("zzz", "it has set, get"), (3, "it has")]
)
def test_a_name_that_names_no_operation_fails(name: object, hint: str) -> None:
    with pytest.raises(ActionError, match=f"'cache' has no operation '{name}'; {hint}"):
        choose({"operation": name})


def test_defaults_are_filled_in_also_for_null() -> None:
    assert choose({}, "list") == ("list", {"limit": 10})
    assert choose({"limit": None}, "list") == ("list", {"limit": 10})


def test_null_is_a_value_like_any_other_where_any_is_taken() -> None:
    assert choose({"key": "k", "value": None}, "set")[1]["value"] is None


@pytest.mark.parametrize(
    ("operation", "parameters", "message"),
    [
        ("set", {"key": "k"}, "operation 'set' needs the parameter 'value'"),
        ("set", {"key": 3, "value": 1}, "was given 'key', which must be a string, not an integer"),
        ("set", {"key": None, "value": 1}, "'key', which must be a string, not null"),
        ("list", {"limit": "3"}, "'limit', which must be an integer, not a string"),
        ("get", {"key": "k", "defualt": 1}, "no parameter 'defualt'; did you mean 'default'"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(
    operation: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ActionError, match=message) as caught:
        choose(parameters, operation)
    assert caught.value.error_type == "parameters"
    assert not caught.value.retryable
