"""What an action gives a tool is held against what the tool declares."""

from typing import Any

import pytest

from cortex_cli.actions.parameters import check_parameters
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ToolManifest


def declare(*parameters: dict[str, Any]) -> ToolManifest:
    return ToolManifest.model_validate(
        {
            "kind": "Tool",
            "name": "fetch",
            "parameters": list(parameters),
            "implementation": {"type": "command", "command": ["true"]},
        }
    )


def refusal(manifest: ToolManifest, given: dict[str, Any]) -> str:
    with pytest.raises(ActionError) as caught:
        check_parameters(manifest, given)
    assert caught.value.error_type == "parameters"
    assert not caught.value.retryable
    return str(caught.value)


def test_tool_that_declares_nothing_takes_anything():
    manifest = ToolManifest.model_validate(
        {
            "kind": "Tool",
            "name": "fetch",
            "implementation": {"type": "command", "command": ["true"]},
        }
    )
    assert check_parameters(manifest, {"any": [1]}) == {"any": [1]}


def test_tool_that_declares_no_parameters_refuses_them():
    assert refusal(declare(), {"a": 1}) == "tool 'fetch' has no parameter 'a'"


def test_unknown_parameter_is_refused_with_the_nearest_known_one():
    manifest = declare({"name": "url"}, {"name": "depth", "type": "integer"})
    expected = "tool 'fetch' has no parameter 'ulr'; did you mean 'url'?"
    assert refusal(manifest, {"ulr": "x"}) == expected


def test_default_fills_in_what_is_not_given():
    manifest = declare({"name": "depth", "type": "integer", "default": 3})
    assert check_parameters(manifest, {}) == {"depth": 3}
    assert check_parameters(manifest, {"depth": 1}) == {"depth": 1}


def test_null_counts_as_not_given():
    manifest = declare({"name": "depth", "type": "integer", "default": 3}, {"name": "note"})
    assert check_parameters(manifest, {"depth": None, "note": None}) == {"depth": 3, "note": None}


def test_optional_parameter_that_is_not_given_stays_away():
    assert check_parameters(declare({"name": "note"}), {}) == {}


def test_false_and_empty_values_are_values():
    manifest = declare({"name": "on", "type": "boolean", "default": True}, {"name": "text"})
    assert check_parameters(manifest, {"on": False, "text": ""}) == {"on": False, "text": ""}


@pytest.mark.parametrize("given", [{}, {"url": None}])
def test_required_parameter_must_have_a_value(given: dict[str, Any]):
    manifest = declare({"name": "url", "required": True})
    assert refusal(manifest, given) == "tool 'fetch': parameter 'url' is required"


def test_all_misfits_are_named_at_once():
    manifest = declare(
        {"name": "url", "required": True},
        {"name": "depth", "type": "integer", "validation": {"max": 5}},
        {"name": "mode", "enum": ["fast", "slow"]},
    )
    message = refusal(manifest, {"depth": 9, "mode": "medium"})
    assert "parameter 'url' is required" in message
    assert "parameter 'depth' must be at most 5, not 9" in message
    assert "parameter 'mode' must be one of 'fast', 'slow', not 'medium'" in message


def test_value_of_the_wrong_type_is_refused():
    manifest = declare({"name": "depth", "type": "integer"})
    expected = "tool 'fetch': parameter 'depth' must be an integer, not a string"
    assert refusal(manifest, {"depth": "3"}) == expected
