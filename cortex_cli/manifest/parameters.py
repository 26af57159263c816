"""Declarations of values: the inputs of agents and workflows, the parameters of tools and relics."""

import math
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, field_validator, model_validator

from cortex_cli.protocol.action import Written

TypeName = Literal["string", "integer", "number", "boolean", "array", "object"]


class Validation(Written):
    """Bounds of a value: lengths of strings and arrays, sizes of numbers, a pattern of strings."""

    min_length: Annotated[int, Field(ge=0)] | None = None
    max_length: Annotated[int, Field(ge=0)] | None = None
    minimum: Annotated[float | None, Field(validation_alias=AliasChoices("minimum", "min"))] = None
    maximum: Annotated[float | None, Field(validation_alias=AliasChoices("maximum", "max"))] = None
    pattern: str | None = None

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                message = f"'{value}' is not a regular expression: {error}"
                raise ValueError(message) from error
        return value

    def misfit(self, value: Any) -> str | None:
        """What keeps a value of the right type from being allowed, or None."""
        if isinstance(value, str | list):
            return self._wrong_length(len(value)) or self._wrong_text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._wrong_size(value)
        return None

    def _wrong_length(self, length: int) -> str | None:
        if self.min_length is not None and length < self.min_length:
            return f"must have a length of at least {self.min_length}, not {length}"
        if self.max_length is not None and length > self.max_length:
            return f"must have a length of at most {self.max_length}, not {length}"
        return None

    def _wrong_text(self, value: Any) -> str | None:
        if isinstance(value, str) and self.pattern and not re.search(self.pattern, value):
            return f"must match the pattern {self.pattern}"
        return None

    def _wrong_size(self, value: float) -> str | None:
        if self.minimum is not None and value < self.minimum:
            return f"must be at least {self.minimum:g}, not {value:g}"
        if self.maximum is not None and value > self.maximum:
            return f"must be at most {self.maximum:g}, not {value:g}"
        return None


class ValueDeclaration(Written):
    """A value that somebody passes in: its type, whether it must be given, what it may be."""

    type: TypeName = "string"
    description: str = ""
    required: bool | None = None
    default: Any = None
    enum: tuple[Any, ...] | None = None
    validation: Validation = Validation()

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if self.default is not None:
            misfit = self.misfit(self.default)
            if misfit is not None:
                message = f"the default {misfit}"
                raise ValueError(message)
        return self

    @property
    def is_required(self) -> bool:
        """Whether a value must be given: unless there is a default, or `required: false`."""
        if "default" in self.model_fields_set:
            return False
        return self.required is not False

    def misfit(self, value: Any) -> str | None:
        """What keeps a value from being allowed (`must be a string, not a number`), or None."""
        if not _is_of_type(value, self.type):
            return f"must be {_WITH_ARTICLE[self.type]}, not {name_of_type(value)}"
        if self.enum is not None and value not in self.enum:
            allowed = ", ".join(repr(option) for option in self.enum[:10])
            return f"must be one of {allowed}, not {value!r:.80}"
        return self.validation.misfit(value)


class InputDeclaration(ValueDeclaration):
    """An input of an agent or workflow."""


class ToolParameter(ValueDeclaration):
    """A parameter of a tool; an unwritten `required` means that it is not."""

    name: Annotated[str, Field(min_length=1, max_length=200)]

    @property
    def is_required(self) -> bool:
        """Whether a value must be given: only if `required: true` and there is no default."""
        return self.required is True and "default" not in self.model_fields_set


_WITH_ARTICLE = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
}


def name_of_type(value: Any) -> str:
    """What a JSON value is, with its article: `a string`, `null` …"""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def _is_of_type(value: Any, type_name: TypeName) -> bool:
    match type_name:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and math.isfinite(value)
            )
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list | tuple)
        case "object":
            return isinstance(value, dict)
