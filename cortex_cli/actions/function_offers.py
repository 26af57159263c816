"""What a model is told of Python functions that it may call: their names, docstrings and types."""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from cortex_cli.actions.functions import ToolExecutor
from cortex_cli.errors import UsageError
from cortex_cli.kinds import ActionType
from cortex_cli.protocol.offers import Offer

_LONGEST = 500
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def function_offers(tools: ToolExecutor) -> tuple[Offer, ...]:
    """An offer for each function of a mapping, in its order.

    UsageError for an object with `execute`, whose tools nobody can list.
    """
    if not isinstance(tools, Mapping):
        message = "nobody can tell which tools an object with 'execute' has, so none can be planned"
        raise UsageError(message, hint="give tool_executor a mapping of names to functions")
    return tuple(
        Offer(
            type=ActionType.TOOL,
            target=name,
            description=_description(function),
            parameters=_parameters(function),
        )
        for name, function in tools.items()
    )


def _description(function: Callable[..., Any]) -> str:
    """The first paragraph of the docstring, on one line."""
    first = (inspect.getdoc(function) or "").partition("\n\n")[0]
    return " ".join(first.split())[:_LONGEST]


def _parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """The JSON Schema of the keywords; what has no type that JSON knows may be anything."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        # Some functions written in C have no signature.
        return {"type": "object"}
    hints = _hints(function)
    named = [one for one in parameters if one.kind in _BY_NAME]
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
    properties = {one.name: _schema(hints.get(one.name, Any), one.default) for one in named}
    required = [one.name for one in named if one.default is inspect.Parameter.empty]
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if not takes_any:
        schema["additionalProperties"] = False
    return {**schema, "required": required} if required else schema


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        # Names that are there only for type checkers, or no function.
        return {}


def _schema(hint: Any, default: object) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    try:
        schema = TypeAdapter(hint).json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError):
        schema = {}
    is_told = isinstance(default, bool | int | float | str)
    return {**schema, "default": default} if is_told else schema
