"""References in JSON values: finding them, and putting values in their place (PROTOCOL 3)."""

from collections.abc import Callable, Iterator
from typing import Any, cast

from cortex_cli.errors import ActionError
from cortex_cli.plan.paths import MISSING, Path, PathSyntaxError, read_path, walk
from cortex_cli.plan.sizes import Room
from cortex_cli.plan.templates import Reference, ReferenceSyntaxError, Template, parse
from cortex_cli.protocol.sealed import as_json, joined

__all__ = [
    "MISSING",
    "Lookup",
    "Reference",
    "ReferenceSyntaxError",
    "Template",
    "errors",
    "find",
    "holds_dollar",
    "output_source",
    "parse",
    "resolve",
    "walk",
]

Lookup = Callable[[str, Path], Any]
"""Gives the value that a root and a path name, or MISSING."""


def find(value: Any) -> list[tuple[Path, Reference]]:
    """Every reference in a nested JSON value, in order, each with the path of its text.

    Keys are not looked into; malformed texts are left out (`errors` has them).
    """
    found: list[tuple[Path, Reference]] = []
    for path, text in _texts(value):
        try:
            found.extend((path, reference) for reference in parse(text).references)
        except ReferenceSyntaxError:
            continue
    return found


def errors(value: Any) -> list[tuple[Path, ReferenceSyntaxError]]:
    """The first error of every malformed text in a nested JSON value, with its path."""
    found: list[tuple[Path, ReferenceSyntaxError]] = []
    for path, text in _texts(value):
        try:
            parse(text)
        except ReferenceSyntaxError as error:
            found.append((path, error))
    return found


def _texts(value: Any) -> Iterator[tuple[Path, str]]:
    """The texts with a dollar in them, in order; iterative, so that no depth is too much."""
    path: list[str | int] = []
    levels = [_children([value])]
    while levels:
        for key, child in levels[-1]:
            if isinstance(child, str) and "$" in child:
                # The list around the value is ours: its place is no part of the path.
                yield (*path, key)[1:], child
            elif isinstance(child, (dict, list)):
                path.append(key)
                levels.append(_children(cast(dict[str, Any] | list[Any], child)))
                break
        else:
            levels.pop()
            del path[-1:]


def _children(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str | int, Any]]:
    return iter(value.items()) if isinstance(value, dict) else enumerate(value)


def holds_dollar(value: Any) -> bool:
    """Whether a nested JSON value has a text with a dollar in it, so that `resolve` copies it."""
    return next(_texts(value), None) is not None


def resolve(value: Any, lookup: Lookup) -> Any:
    """A copy of a nested JSON value in which each reference is replaced by what it names.

    A text that is one whole reference becomes the value itself, with its type; inside longer text
    a string goes in as it is and anything else as compact JSON. As in a shell, a `:-default`
    stands for what is missing, null or an empty string; without one, what is missing is null.
    What a reference brings in is not looked into again; a text with something sealed in it is
    sealed as a whole. A value without a `$` is given back as
    it is. Raises ReferenceSyntaxError, and ActionError for a value that has no JSON text and where
    the copy would have more than 16 MiB of JSON, of which what occurs twice counts twice.
    """
    if not holds_dollar(value):
        return value
    room = Room()
    holder: list[Any] = [value]
    unresolved: list[tuple[Any, str | int]] = [(holder, 0)]
    while unresolved:
        container, key = unresolved.pop()
        child = container[key]
        if isinstance(child, str) and "$" in child:
            container[key] = _fill(child, lookup, room)
        elif isinstance(child, (dict, list)):
            copy = cast(dict[str, Any] | list[Any], child).copy()
            container[key] = copy
            unresolved.extend((copy, inner) for inner, _ in _children(copy))
        else:
            room.take(child)
    return holder[0]


def _fill(text: str, lookup: Lookup, room: Room) -> Any:
    template = parse(text)
    if template.is_single:
        value = _value(template.references[0], lookup)
        room.take(value)
        return value
    return joined(
        part if isinstance(part, str) else _text(part, _value(part, lookup), room)
        for part in template.parts
    )


def _value(reference: Reference, lookup: Lookup) -> Any:
    value = lookup(reference.root, reference.path)
    if value is MISSING:
        value = None
    if reference.default is not None and (value is None or value == ""):
        return reference.default
    return value


def _text(reference: Reference, value: Any, room: Room) -> str:
    room.take(value)
    if isinstance(value, str):
        return value
    try:
        return as_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"the value of {reference.text} cannot be written as JSON"
        raise ActionError(message, error_type="reference", retryable=False) from error


def output_source(value: Any) -> Any:
    """The source of an output, where a path such as `steps.ID.field` needs no `$`.

    Such a path becomes the reference `${steps.ID.field}`; any other value is given back as it is.
    """
    if not isinstance(value, str) or not value.startswith("steps"):
        return value
    try:
        root, path, end = read_path(value)
    except PathSyntaxError:
        return value
    is_path = root == "steps" and bool(path) and end == len(value)
    return f"${{{value}}}" if is_path else value
