"""The names under `tools` of an llm action: what its model may call."""

from collections.abc import Iterator
from typing import Any, TypeGuard, cast

from cortex_cli.kinds import ActionType
from cortex_cli.plan.paths import Path
from cortex_cli.protocol.action import Action

Reading = tuple[ActionType, str, str | None]
"""What a name may mean: a type, a target, and an operation, None for all that it has."""

_IN_ORDER = (ActionType.TOOL, ActionType.WORKFLOW, ActionType.AGENT, ActionType.RELIC)


def readings_of(name: str) -> Iterator[Reading]:
    """What a name may mean, in order: the first that there is counts.

    A target of that name, or, for `RELIC.OPERATION`, one operation of a relic.
    """
    for action_type in _IN_ORDER:
        yield action_type, name, None
    relic, dot, operation = name.rpartition(".")
    if dot and relic and operation:
        yield ActionType.RELIC, relic, operation


def named_tools(action: Action) -> tuple[str, ...]:
    """The names, each once, as far as they are names."""
    written: Any = action.parameters.get("tools") if action.is_conversation else None
    names = cast("list[object]", written) if isinstance(written, list) else []
    return tuple(dict.fromkeys(name for name in names if _is_name(name)))


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value) and "$" not in value


def troubles_of_tools(action: Action) -> Iterator[tuple[Path, str, str, str]]:
    """What is wrong with an llm action that has `tools`: place, code, message and hint."""
    written = action.parameters["tools"]
    if not isinstance(written, list):
        message = f"'tools' of '{action.id}' is no list of names"
        hint = "write the names of what the model may call: tools: [NAME, ...]"
        yield ("parameters", "tools"), "tools", message, hint
        return
    for place, name in enumerate(cast("list[object]", written)):
        if not _is_name(name):
            message = f"{name!r} under 'tools' of '{action.id}' is no name"
            hint = "what a model may call is written down, so that it is known before anything runs"
            yield ("parameters", "tools", place), "tools", message, hint
    if action.cache is not False:
        message = f"'{action.id}' calls tools, and an answer that rests on calls is not cached"
        hint = "leave 'cache' out; what it calls may be cached: cortex run --cache"
        yield ("cache",), "cache_of_calls", message, hint
