"""The worker of a `python` tool: reads one call, makes it, writes one answer. Run as a script.

It imports nothing of cortex, so that it starts quickly, and only the standard library, so that it
can run in any environment that a tool needs.

In, on standard input: `{"folder", "entrypoint", "parameters"}`. Out, and alone there, on standard
output: `{"output"}`, or `{"error", "kind"}` where the kind is the type of an exception, or one of
`entrypoint`, `parameters` and `output`. What the tool prints goes to standard error.
"""

import importlib
import inspect
import json
import os
import sys
import traceback
import types
import typing
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any, TextIO

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_CHECKED: dict[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
    list: (list,),
    dict: (dict,),
    type(None): (type(None),),
}


class RefusalError(Exception):
    """The call could not be made, or its output not be taken; `kind` says what is wrong."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def main() -> None:
    """Make the call that standard input holds, and answer it."""
    out = _take_standard_output()
    sys.excepthook = partial(_answer_with_error, out)
    call = json.load(sys.stdin)
    sys.path[0] = call["folder"]
    function = _find(*call["entrypoint"].split(":"))
    check_call(function, call["parameters"])
    output = function(**call["parameters"])
    if inspect.isawaitable(output):
        output = _wait_for(output)
    out.write(_encoded(output))
    out.close()


def check_call(function: Callable[..., Any], parameters: Mapping[str, Any]) -> None:
    """Raise RefusalError if a function can't be given these parameters by name.

    Type hints made of str, int, float, bool, list, dict, None, Literal and unions are checked.
    """
    problems = ", ".join(_problems(function, parameters))
    if problems:
        kind = "parameters"
        raise RefusalError(kind, problems)


def fits(hint: Any, value: Any) -> bool:
    """Whether a JSON value is of the type that a hint names; true for hints not checked."""
    origin, inner = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is typing.Literal:
        return any(type(value) is type(option) and value == option for option in inner)
    if origin in (typing.Union, types.UnionType):
        return any(fits(option, value) for option in inner)
    if origin not in _CHECKED:
        return True
    if not isinstance(value, _CHECKED[origin]) or (isinstance(value, bool) and origin is not bool):
        return False
    return not inner or all(fits(inner[-1], item) for item in _items(value))


def _items(value: Any) -> Iterable[Any]:
    return typing.cast(dict[str, Any], value).values() if isinstance(value, dict) else value


def _problems(function: Callable[..., Any], parameters: Mapping[str, Any]) -> Iterator[str]:
    try:
        declared = inspect.signature(function).parameters
    except ValueError:
        # Some functions written in C have no signature.
        return
    named = {name: parameter for name, parameter in declared.items() if parameter.kind in _BY_NAME}
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in declared.values())
    for name in parameters:
        if name not in named and not takes_any:
            yield f"there is no parameter '{name}'{_did_you_mean(name, named)}"
    hints = _hints(function)
    for name, parameter in named.items():
        if name not in parameters:
            if parameter.default is inspect.Parameter.empty:
                yield f"parameter '{name}' is required"
        # A value equal to its default, such as None for `text: str = None`, always fits.
        elif parameters[name] is not parameter.default and not fits(
            hints.get(name, Any), parameters[name]
        ):
            expected, given = _worded(hints[name]), type(parameters[name]).__name__
            yield f"parameter '{name}' must be {expected}, not {given}"


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except (NameError, AttributeError, TypeError, SyntaxError):
        # Hints that only a type checker can read are not checked.
        return {}


def _worded(hint: Any) -> str:
    plain = isinstance(hint, type) and not typing.get_args(hint)
    return hint.__name__ if plain else str(hint).replace("typing.", "")


def _find(module_name: str, function_name: str) -> Callable[..., Any]:
    kind = "entrypoint"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        message = f"there is no module '{module_name}' in the tool's folder, nor installed"
        raise RefusalError(kind, message) from None
    function = getattr(module, function_name, None)
    if not callable(function):
        functions = {name: value for name, value in vars(module).items() if callable(value)}
        hint = _did_you_mean(function_name, functions)
        raise RefusalError(kind, f"module '{module_name}' has no function '{function_name}'{hint}")
    return function


def _did_you_mean(word: str, known: Mapping[str, Any]) -> str:
    nearest = get_close_matches(word, known, n=1)
    return f"; did you mean '{nearest[0]}'?" if nearest else ""


def _wait_for(output: Awaitable[Any]) -> Any:
    import asyncio

    async def wait() -> Any:
        return await output

    return asyncio.run(wait())


def _encoded(output: Any) -> str:
    try:
        text = json.dumps({"output": output}, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        kind = "output"
        raise RefusalError(kind, f"what it returned is not JSON: {error}") from None
    return text


def _take_standard_output() -> TextIO:
    """The way out for the answer; what else is printed goes to standard error from now on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
    return out


def _answer_with_error(
    out: TextIO,
    _type: type[BaseException],
    error: BaseException,
    trace: types.TracebackType | None,
) -> None:
    """Answer with an exception that nobody caught; its traceback is for standard error."""
    if isinstance(error, RefusalError):
        answer = {"error": str(error), "kind": error.kind}
    else:
        traceback.print_exception(error.with_traceback(_without_worker(trace)))
        # This wording stands even if the exception cannot be turned into text.
        text = "".join(traceback.format_exception_only(error))
        text = text.removeprefix(f"{type(error).__module__}.")
        answer = {"error": text, "kind": type(error).__name__}
    json.dump(answer, out)
    out.close()


def _without_worker(trace: types.TracebackType | None) -> types.TracebackType | None:
    """What comes after the last frame of this file."""
    rest = trace
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == __file__:
            rest = trace.tb_next
        trace = trace.tb_next
    return rest


if __name__ == "__main__":
    main()
