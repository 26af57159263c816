"""JSON Schema of what can be given to a target: for models that write calls, and their checks."""

from collections.abc import Mapping
from typing import Any

from cortex_cli.manifest.operations import AnyValue, Parameter
from cortex_cli.manifest.parameters import ValueDeclaration

_BOUNDS = {
    "string": {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"},
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "integer": {"minimum": "minimum", "maximum": "maximum"},
    "number": {"minimum": "minimum", "maximum": "maximum"},
}


def object_schema(parameters: Mapping[str, Parameter] | None) -> dict[str, Any]:
    """The schema of an object of these parameters and no others; with None, of any object."""
    if parameters is None:
        return {"type": "object"}
    required = [name for name, one in parameters.items() if one.is_required]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: value_schema(one) for name, one in parameters.items()},
        "additionalProperties": False,
    }
    return {**schema, "required": required} if required else schema


def value_schema(parameter: Parameter) -> dict[str, Any]:
    """The schema of one parameter; null is allowed where it need not be given."""
    declared = parameter.declaration
    schema: dict[str, Any] = {}
    if declared.description:
        schema["description"] = declared.description
    if not isinstance(declared, AnyValue):
        is_optional = not parameter.is_required
        schema["type"] = [declared.type, "null"] if is_optional else declared.type
        if declared.enum is not None:
            schema["enum"] = [*declared.enum, *([None] if is_optional else [])]
        schema |= _bounds(declared)
    if declared.default is not None:
        schema["default"] = declared.default
    return schema


def _bounds(declared: ValueDeclaration) -> dict[str, Any]:
    names = _BOUNDS.get(declared.type, {})
    bounds = {key: getattr(declared.validation, name) for name, key in names.items()}
    return {key: bound for key, bound in bounds.items() if bound is not None}
