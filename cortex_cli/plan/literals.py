"""Values that hold no references, written so that every dollar sign in them stands for itself."""

from collections.abc import Callable
from typing import Any, cast

from cortex_cli.plan.templates import ReferenceSyntaxError, parse


def literal(value: Any) -> Any:
    """A copy of a JSON value that `resolve` turns into the value: each dollar sign is doubled."""
    return _mapped(value, lambda text: text.replace("$", "$$"))


def read_literal(value: Any) -> Any:
    """A copy of a JSON value in which texts without references are what they stand for."""
    return _mapped(value, _read)


def _read(text: str) -> str:
    try:
        read = parse(text).literal
    except ReferenceSyntaxError:
        read = None
    return text if read is None else read


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """A copy with the texts changed that have a dollar sign; keys stay, as no depth is too much."""
    holder: list[Any] = [value]
    pending: list[tuple[Any, str | int]] = [(holder, 0)]
    while pending:
        container, key = pending.pop()
        child = container[key]
        if isinstance(child, str):
            container[key] = change(child) if "$" in child else child
        elif isinstance(child, dict | list):
            copy = cast("dict[str, Any] | list[Any]", child).copy()
            container[key] = copy
            keys = list(copy) if isinstance(copy, dict) else list(range(len(copy)))
            pending.extend((copy, inner) for inner in keys)
    return holder[0]
