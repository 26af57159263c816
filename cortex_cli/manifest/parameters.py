"""Declarations of values: the inputs of agents and workflows, the parameters of tools and relics."""

import math
import re
from typing import Annotated, Any, Literal, Self, TypeGuard, cast

from pydantic import (
    AliasChoices,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    field_validator,
    model_validator,
)

from cortex_cli.protocol.action import Written
from cortex_cli.protocol.sealed import Sealed

TypeName = Literal["string", "integer", "number", "boolean", "array", "object"]


class Declaration(Written):
    """The base of what only manifests say."""

    # Reading descriptions out of the source costs a third of the import; Field has them instead.
    model_config = ConfigDict(use_attribute_docstrings=False)


def is_mapping(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value from a document, whose keys are all strings, is a mapping."""
    return isinstance(value, dict)


class Validation(Declaration):
    """Bounds of a value: lengths of strings and arrays, sizes of numbers, a pattern of strings."""

    min_length: Annotated[int, Field(ge=0)] | None = None
    max_length: Annotated[int, Field(ge=0)] | None = None
    minimum: Annotated[float | None, Field(validation_alias=AliasChoices("minimum", "min"))] = None
    maximum: Annotated[float | None, Field(validation_alias=AliasChoices("maximum", "max"))] = None
    pattern: str | None = Field(
        default=None, description="A regular expression that is searched for in the string"
    )

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except (re.error, OverflowError, RecursionError) as error:
                message = f"must be a regular expression: {error}"
                raise ValueError(message) from error
        return value

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        for least, most in (("min_length", "max_length"), ("minimum", "maximum")):
            low, high = getattr(self, least), getattr(self, most)
            if low is not None and high is not None and low > high:
                message = f"no value is allowed: '{least}' is {low:.15g}, and '{most}' {high:.15g}"
                raise ValueError(message)
        return self

    def misfit(self, value: Any) -> str | None:
        """What keeps a value of the right type from being allowed, or None."""
        if isinstance(value, str):
            return self._wrong_length(len(value)) or self._wrong_text(value)
        if isinstance(value, list | tuple):
            return self._wrong_length(len(cast("list[object]", value)))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._wrong_size(value)
        return None

    def _wrong_length(self, length: int) -> str | None:
        if self.min_length is not None and length < self.min_length:
            return f"must have a length of at least {self.min_length}, not {length}"
        if self.max_length is not None and length > self.max_length:
            return f"must have a length of at most {self.max_length}, not {length}"
        return None

    def _wrong_text(self, value: str) -> str | None:
        if self.pattern and not re.search(self.pattern, value):
            return f"must match the pattern {self.pattern}"
        return None

    def _wrong_size(self, value: float) -> str | None:
        if self.minimum is not None and value < self.minimum:
            return f"must be at least {self.minimum:g}, not {_brief(value)}"
        if self.maximum is not None and value > self.maximum:
            return f"must be at most {self.maximum:g}, not {_brief(value)}"
        return None


class ValueDeclaration(Declaration):
    """A value that somebody passes in: its type, whether it must be given, what it may be."""

    type: TypeName = "string"
    description: str = ""
    required: StrictBool | None = None
    default: Any = None
    enum: tuple[Any, ...] | None = Field(default=None, description="The values that are allowed")
    validation: Validation = Validation()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for option in self.enum or ():
            if not _is_of_type(option, self.type):
                message = f"'enum' holds {name_of_type(option)}, which no {self.type} is"
                raise ValueError(message)
        if self.default is not None:
            misfit = self.misfit(self.default)
            if misfit is not None:
                message = f"the 'default' {misfit}"
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
        # What is sealed is held against what is allowed as it is, and shown as its mask.
        held = value.reveal() if isinstance(value, Sealed) else value
        if self.enum is not None and held not in self.enum:
            allowed = ", ".join(map(_brief, self.enum[:10]))
            return f"must be one of {allowed}, not {_brief(value)}"
        return self.validation.misfit(held)


def unfold_type(value: Any) -> Any:
    """`string` is short for `{type: string}`."""
    return {"type": value} if isinstance(value, str) else value


class InputDeclaration(ValueDeclaration):
    """An input of an agent or workflow."""


WrittenInput = Annotated[
    InputDeclaration,
    BeforeValidator(unfold_type, json_schema_input_type=TypeName | InputDeclaration),
]


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

# In this order: a bool is an int, too.
_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a number"),
    (str, "a string"),
    ((list, tuple), "an array"),
    (dict, "an object"),
)

_CLASSES: dict[TypeName, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
}


def name_of_type(value: Any) -> str:
    """What a JSON value is, with its article: `a string`, `an array`, or `null`."""
    return next((name for kind, name in _NAMES if isinstance(value, kind)), "null")


def _is_of_type(value: Any, type_name: TypeName) -> bool:
    if isinstance(value, bool):
        return type_name == "boolean"
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, _CLASSES[type_name])


def _brief(value: Any) -> str:
    return f"{value!r:.80}"
