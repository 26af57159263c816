"""What may be given to a target, as JSON Schema, refuses and takes what the manifest does."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cortex_cli.manifest.operations import EMBEDDED, Parameter, relic_operations, tool_operation
from cortex_cli.manifest.parameter_schema import object_schema
from cortex_cli.manifest.parameters import ToolParameter
from cortex_cli.manifest.relic_models import RelicManifest
from cortex_cli.manifest.tool_models import ToolManifest

DECLARED: list[dict[str, Any]] = [
    {"name": "text", "required": True, "validation": {"min_length": 2, "pattern": "^[a-z]"}},
    {"name": "count", "type": "integer", "default": 3, "validation": {"min": 1, "max": 9}},
    {"name": "size", "type": "number", "validation": {"minimum": 0.5}, "description": "in m"},
    {"name": "list", "type": "array", "validation": {"max_length": 2}},
    {"name": "kind", "enum": ["a", "b"]},
    {"name": "flag", "type": "boolean", "required": True},
    {"name": "any", "type": "object"},
]
VALUES: list[Any] = [None, True, 0, 1, 5, 0.4, 9.5, "a", "ab", "Ab", [], [1, 2, 3], {"x": 1}]


def parameters() -> dict[str, Parameter]:
    declared = [ToolParameter.model_validate(one) for one in DECLARED]
    return {one.name: Parameter(one, one.is_required) for one in declared}


@pytest.mark.parametrize("name", [one["name"] for one in DECLARED])
def test_the_schema_of_a_value_agrees_with_its_declaration(name: str) -> None:
    validator: Any = Draft202012Validator(object_schema(parameters())["properties"][name])
    for value in VALUES:
        assert validator.is_valid(value) == (parameters()[name].misfit(value) is None), value


def test_nothing_else_may_be_given_and_what_is_required_must_be() -> None:
    schema = object_schema(parameters())
    assert (schema["required"], schema["additionalProperties"]) == (["text", "flag"], False)
    assert schema["properties"]["size"]["description"] == "in m"
    assert schema["properties"]["count"]["default"] == 3
    assert object_schema(None) == {"type": "object"}
    assert "required" not in object_schema({})


def test_the_relic_that_is_built_in_takes_values_of_any_type() -> None:
    schema = object_schema(EMBEDDED[0].parameters)
    assert schema["required"] == ["key", "value"]
    assert schema["properties"]["value"] == {}
    assert EMBEDDED[0].description == "Keeps a value under a key."


def test_operations_carry_what_their_manifests_say_of_them() -> None:
    tool = ToolManifest.model_validate(
        {"kind": "Tool", "name": "t", "summary": "Does it",
         "implementation": {"type": "command", "command": ["true"]}}
    )  # fmt: skip
    assert tool_operation(tool).description == "Does it"
    endpoint = {
        "name": "get", "path": "/x/{id}", "description": "Gets one",
        "parameters": {"id": {"type": "string", "description": "Which"}},
    }  # fmt: skip
    relic = RelicManifest.model_validate(
        {"kind": "Relic", "name": "r", "interface": {"type": "rest_api", "endpoints": [endpoint]}}
    )
    [operation] = relic_operations(relic)
    assert operation.description == "Gets one"
    assert object_schema(operation.parameters)["properties"]["id"]["description"] == "Which"
