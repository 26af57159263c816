"""The parameters of tools and relics as JSON Schema."""

from collections.abc import Mapping
from typing import Any

from cortex_cli.manifest.operations import AnyValue, Operation, Parameter
from cortex_cli.manifest.parameters import ValueDeclaration

_BOUNDS = {
    "string": {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"},
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "number": {"minimum": "minimum", "maximum": "maximum"},
    "integer": {"minimum": "minimum", "maximum": "maximum"},
}


def operation_schema(operation: Operation) -> dict[str, Any]:
    """The schema of the parameters of an operation; one that declares none takes any."""
    if operation.parameters is None:
        return {"type": "object"}
    known = operation.parameters
    schema: dict[str, Any] = {"type": "object", "properties": _properties(known)}
    if operation.required:
        schema["required"] = [name for name in known if name in operation.required]
    return {**schema, "additionalProperties": False}


def _properties(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    return {name: _value_schema(one.declaration) for name, one in parameters.items()}


def _value_schema(declared: ValueDeclaration) -> dict[str, Any]:
    if isinstance(declared, AnyValue):
        return {}
    schema: dict[str, Any] = {"type": declared.type}
    if declared.description:
        schema["description"] = declared.description
    if "default" in declared.model_fields_set:
        schema["default"] = declared.default
    if declared.enum is not None:
        schema["enum"] = list(declared.enum)
    for ours, theirs in _BOUNDS.get(declared.type, {}).items():
        bound = getattr(declared.validation, ours)
        if bound is not None:
            schema[theirs] = bound
    return schema
