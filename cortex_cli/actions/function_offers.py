"""What a model is told of Python functions that it may call: their names, docstrings and types."""

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from cortex_cli.actions.functions import ToolExecutor
from cortex_cli.errors import ActionError, Finding, UsageError
from cortex_cli.ids import did_you_mean
from cortex_cli.kinds import ActionType
from cortex_cli.plan.named_tools import named_tools
from cortex_cli.protocol.action import Action
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
    return tuple(_offer(name, function) for name, function in tools.items())


def offers_of_functions(tools: ToolExecutor, names: Sequence[str]) -> tuple[Offer, ...]:
    """An offer for each of the names; an object with `execute` is taken at its word.

    ActionError for a name that a mapping does not have.
    """
    if not isinstance(tools, Mapping):
        return tuple(Offer(type=ActionType.TOOL, target=name) for name in names)
    for name in names:
        if name not in tools:
            message = f"there is no tool '{name}' that a model could call"
            hint = did_you_mean(name, tools)
            raise ActionError(message, error_type="not_found", retryable=False, hint=hint)
    return tuple(_offer(name, tools[name]) for name in names)


def check_named(actions: Sequence[Action], tools: ToolExecutor) -> Iterator[Finding]:
    """An error for each name under `tools` of an action that no function has."""
    if not isinstance(tools, Mapping):
        return
    for number, action in enumerate(actions):
        for name in named_tools(action):
            if name not in tools:
                message = f"the model of '{action.id}' may call '{name}', which is no tool"
                place = action.parameters["tools"].index(name)
                yield Finding(
                    code="unknown_target",
                    message=message,
                    hint=did_you_mean(name, tools) or f"there is {', '.join(tools) or 'none'}",
                    path=("actions", number, "parameters", "tools", place),
                )


def _offer(name: str, function: Callable[..., Any]) -> Offer:
    return Offer(
        type=ActionType.TOOL,
        target=name,
        description=_description(function),
        parameters=_parameters(function),
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
