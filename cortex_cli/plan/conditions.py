"""Conditions: CEL over the names that references have (PROTOCOL 3).

A condition is taken apart here and each path in it resolved here; CEL is handed the values only.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cortex_cli.plan.condition_failure import (
    FAILURES,
    ConditionError,
    check_depth,
    explain,
    variables,
)
from cortex_cli.plan.condition_paths import Named, Piece, as_cel, piece_at, rewrite
from cortex_cli.plan.condition_text import ConditionSyntaxError, unexpected
from cortex_cli.plan.paths import MISSING
from cortex_cli.plan.references import Lookup
from cortex_cli.protocol.sealed import Sealed

if TYPE_CHECKING:
    import cel

__all__ = ["Condition", "ConditionError", "ConditionSyntaxError", "compile_condition", "evaluate"]

_CACHED = 1_024
_PLACE = re.compile(r"(?:ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?)?(.*)")
_KEPT = re.compile(r"missing '.+?'(?= at )|invalid \w+ literal")
_REWORDED = (
    (re.compile(r"OtherError.*Recursion limit"), "it is nested too deeply"),
    (re.compile(r"token recognition error"), "an escape in this text has no meaning"),
    (re.compile(r"invalid argument to has"), "has() takes a field, as in has(inputs.page)"),
    (re.compile(r"Incomplete `|No `"), "it is not complete"),
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that is ready to be evaluated; made by `compile_condition`.

    `paths` are the roots and paths that it names, each once, in the order of their appearance.
    """

    text: str
    paths: tuple[Named, ...]
    pieces: tuple[Piece, ...] = field(repr=False, compare=False)
    program: "cel.Program" = field(repr=False, compare=False)


@lru_cache(maxsize=_CACHED)
def compile_condition(text: str) -> Condition:
    """Read a condition; raises ConditionSyntaxError for what CEL or cortex refuses in it.

    `$name`, `${name.field}` and `$(name.field)` are the name inside. `has(a.b)` asks whether
    `a.b` is not null. Refused are the macros `map`, `filter`, `all`, `exists` and `exists_one`,
    functions that CEL does not have, more than 512 characters and brackets more than 20 deep.
    """
    pieces, paths = rewrite(text)
    import cel

    expression = as_cel(pieces)
    try:
        program = cel.compile(expression)
    except ValueError as error:
        told = str(error).removeprefix(f"Failed to parse expression '{expression}': ")
        raise _syntax_error(text, pieces, told) from None
    return Condition(text, paths, pieces, program)


def _syntax_error(text: str, pieces: tuple[Piece, ...], told: str) -> ConditionSyntaxError:
    line, column, said = _PLACE.findall(told)[0]
    before = as_cel(pieces).split("\n")[: int(line or 1) - 1]
    offset = sum(len(text) + 1 for text in before) + int(column or 1) - 1
    piece = piece_at(pieces, offset)
    start = len(text) if piece is None else piece.start
    reasons = [] if (kept := _KEPT.match(said)) is None else [kept[0]]
    reasons += [reason for pattern, reason in _REWORDED if pattern.match(said)]
    if reasons:
        return ConditionSyntaxError(text, start, reasons[0])
    if piece is None:
        return ConditionSyntaxError(text, start, "it ends too early")
    return unexpected(text, start, text[start : piece.end])


def evaluate(condition: Condition, lookup: Lookup) -> bool:
    """Whether the condition holds; what the lookup does not know is null.

    A path that leads to something sealed stands for what it is; inside of a larger value what is
    sealed stays masked.
    Raises ConditionError, with the expression and the place in it, if CEL cannot work it out or
    if the result is neither true nor false.
    """
    values: dict[Named, Any] = {}
    for root, path in condition.paths:
        value = lookup(root, path)
        if isinstance(value, Sealed):
            value = value.reveal()
        values[root, path] = None if value is MISSING else value
    check_depth(condition.text, values)
    try:
        result = condition.program.execute(variables(values))
    except FAILURES as error:
        raise explain(condition.text, condition.pieces, values) from error
    if not isinstance(result, bool):
        raise explain(condition.text, condition.pieces, values)
    return result
