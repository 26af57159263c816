"""Python functions as tools, for programs that use cortex as a library."""

import inspect
import traceback
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache, lru_cache, partial
from typing import Any, Protocol

import msgspec
from anyio import CapacityLimiter, to_thread
from pydantic import BaseModel

from cortex_cli.actions.tool_output import one_line
from cortex_cli.engine.ports import ActionCall, Handler
from cortex_cli.errors import ActionError
from cortex_cli.ids import did_you_mean
from cortex_cli.protocol.action import Action


class NamedTools(Protocol):
    """Something that performs tools by name itself."""

    async def execute(self, name: str, parameters: dict[str, Any]) -> Any:
        """The output of the tool `name`."""
        ...


_SCALARS = frozenset({str, int, float, bool, type(None)})
_LARGE = 2**63
_KEPT = 64

ToolExecutor = Mapping[str, Callable[..., Any]] | NamedTools


class FunctionTools:
    """Handlers for the functions of a mapping, or for an object with `execute`.

    The parameters of an action go in by name, its operation as one of them. A function that is
    not async runs in a thread of its own; when its action is cancelled it is left to end by
    itself. The output becomes a JSON value: dataclasses, pydantic models, sets, dates and their
    like are turned into one. Every Exception is a failure, with its type as the error's; what is
    not an Exception, such as KeyboardInterrupt, travels on.
    """

    def __init__(self, tools: ToolExecutor) -> None:
        """`tools` is looked at each time a handler is asked for."""
        is_mapping = isinstance(tools, Mapping)
        self._names = tools if is_mapping else ()
        self._find = tools.get if is_mapping else cache(partial(_by_name, tools))
        self._known: dict[str, _FunctionTool] = {}

    def handler(self, action: Action) -> Handler:
        """The handler of the action's target; ActionError (`not_found`) for an unknown one."""
        name = action.target or ""
        function = self._find(name)
        if function is None:
            message, hint = f"there is no tool '{name}'", did_you_mean(name, self._names)
            raise ActionError(message, error_type="not_found", retryable=False, hint=hint)
        known = self._known.get(name)
        if known is None or known.function is not function:
            known = self._known[name] = _FunctionTool(function)
        return known


class _FunctionTool:
    """Calls one function; what can be known of it beforehand is found out once."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._is_async = inspect.iscoroutinefunction(function)
        # Most calls are like one before, and what is raised is not kept.
        self._check = lru_cache(_KEPT)(partial(_check, function))

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt."""
        # A copy: what a function changes must not change what others are given, or have seen.
        parameters = {**call.parameters}
        if not _SCALARS.issuperset(map(type, parameters.values())):
            parameters = deepcopy(parameters)
        operation = call.action.operation
        if operation is not None:
            parameters.setdefault("operation", operation)
        self._check(tuple(parameters))
        function = self.function
        try:
            if self._is_async:
                output = await function(**parameters)
            else:
                output = await _in_thread(partial(function, **parameters))
        except ActionError:
            raise
        except Exception as error:
            raise ActionError(_worded(error), error_type=type(error).__name__) from error
        return output if _is_json(output) else _as_json(output)


def _by_name(tools: NamedTools, name: str) -> Callable[..., Any]:
    async def execute(**parameters: Any) -> Any:
        return await tools.execute(name, parameters)

    return execute


async def _in_thread(function: Callable[[], Any]) -> Any:
    # In a list, because trio refuses a thread that gives back a coroutine. A limiter of its own,
    # because the engine counts what runs, and a thread that was left behind must not count.
    [output] = await to_thread.run_sync(
        lambda: [function()], abandon_on_cancel=True, limiter=CapacityLimiter(1)
    )
    return await output if inspect.isawaitable(output) else output


def _check(function: Callable[..., Any], names: tuple[str, ...]) -> None:
    """ActionError (`parameters`) if the function does not take parameters of these names."""
    try:
        inspect.signature(function).bind(**dict.fromkeys(names))
    except TypeError as error:
        message = f"the parameters do not fit the function: {error}"
        raise ActionError(message, error_type="parameters", retryable=False) from error
    except ValueError:
        # Some functions written in C have no signature; they say themselves what does not fit.
        pass


def _is_json(value: object) -> bool:
    """Whether a value is sure to be what its JSON reads as; False where that takes longer."""
    if type(value) is int:
        return -_LARGE < value < _LARGE
    if type(value) is str:
        return value.isascii()
    return value is None or type(value) is bool


def _worded(error: Exception) -> str:
    # Unlike str(error), this works for every exception.
    text = "".join(traceback.format_exception_only(error))
    return one_line(text.removeprefix(f"{type(error).__module__}."))


def _as_json(output: Any) -> Any:
    try:
        return msgspec.json.decode(msgspec.json.encode(output, enc_hook=_dumped))
    except (TypeError, ValueError, RecursionError) as error:
        message = f"what it returned is not JSON: {error}"
        raise ActionError(message, error_type="output", retryable=False) from error


def _dumped(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    message = f"no value of type {type(value).__name__} is"
    raise TypeError(message)
