"""What to say of a condition that cannot be evaluated: where in it, why, and over which values."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from cortex_cli.errors import ActionError
from cortex_cli.plan.condition_paths import Named, Piece, as_cel
from cortex_cli.plan.condition_text import excerpt

FAILURES: Final = (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError)
"""What CEL raises while it evaluates."""

# CEL follows values by recursion, and ends the process where the stack ends.
DEEPEST_VALUE = 200

_MOST_OPERANDS = 4
_WIDEST_NUMBER = 64
_FUNCTION = re.compile(r".*?'(\w+)'")

Values = Mapping[Named, Any]
"""The value of each path of a condition, in the order of its variables."""


class ConditionError(ActionError):
    """A condition that has no answer; repeating it cannot end differently."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """The message is one line, with the expression and the place in it."""
        super().__init__(message, error_type="condition", retryable=False, hint=hint)


def variables(values: Values) -> dict[str, Any]:
    """The values under the names that they have in CEL."""
    return {f"_{number}": value for number, value in enumerate(values.values())}


def check_depth(text: str, values: Values) -> None:
    """Raise ConditionError if a value is nested too deeply to be handed to CEL."""
    for (root, _), value in values.items():
        if _is_too_deep(value):
            reason = f"a value of {root!r} is nested more than {DEEPEST_VALUE} deep"
            message = f"condition {excerpt(text)} failed: {reason}"
            raise ConditionError(message)


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST_VALUE):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return list(cast(dict[Any, Any], value).values())
    return cast(list[Any], value) if isinstance(value, list | tuple) else ()


def explain(text: str, pieces: Sequence[Piece], values: Values) -> ConditionError:
    """The error for a condition that gives no boolean over these values.

    CEL does not say where it failed, so the parts are evaluated by themselves until the smallest
    one that fails is found. Texts among the values are not shown: they may be secret.
    """
    part = _culprit(pieces, values)
    start, end = part[0].start, part[-1].end
    is_all = len(part) == len(pieces)
    place = "" if is_all else f" at {excerpt(text[start:end])} (character {start + 1})"
    reason = _reason(_outcome(part, values))
    operands = {
        " ".join(text[piece.start : piece.end].split()): piece.named
        for piece in part
        if piece.named is not None
    }
    shown = [
        f"{name} is {_shown(named, values[named])}"
        for name, named in list(operands.items())[:_MOST_OPERANDS]
    ]
    nulls = [name for name, named in operands.items() if values[named] is None]
    return ConditionError(
        f"condition {excerpt(text, start)} failed{place}: {reason}"
        + (f" ({', '.join(shown)})" if shown else ""),
        hint=f"test it first: {nulls[0]} != null && …" if nulls else None,
    )


def _outcome(pieces: Sequence[Piece], values: Values) -> Any:
    """The result of a part, or what CEL raised."""
    import cel

    try:
        return cel.compile(as_cel(pieces)).execute(variables(values))
    except FAILURES as error:
        return error


def _culprit(pieces: Sequence[Piece], values: Values) -> Sequence[Piece]:
    while True:
        parts = _parts(_bare(pieces))
        failing = [part for part in parts if not isinstance(_outcome(part, values), bool)]
        if len(parts) == 1 or not failing:
            return pieces
        pieces = failing[0]


def _bare(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces without the brackets around all of them."""
    while pieces[0].text == "(" and _depths(pieces).index(0) == len(pieces) - 1:
        pieces = pieces[1:-1]
    return pieces


def _depths(pieces: Sequence[Piece]) -> list[int]:
    """How many brackets are open after each piece."""
    depths: list[int] = []
    depth = 0
    for piece in pieces:
        depth += (piece.text in {"(", "[", "{"}) - (piece.text in {")", "]", "}"})
        depths.append(depth)
    return depths


def _parts(pieces: Sequence[Piece]) -> list[Sequence[Piece]]:
    """The operands of the outermost `||`, else `&&`; only the pieces themselves without one."""
    outer = {
        place: piece.text
        for place, (piece, depth) in enumerate(zip(pieces, _depths(pieces), strict=True))
        if depth == 0 and piece.text in {"?", "||", "&&"}
    }
    operator = "||" if "||" in outer.values() else "&&"
    if "?" in outer.values():
        return [pieces]
    places = [place for place, text in outer.items() if text == operator]
    starts = [0, *(place + 1 for place in places)]
    return [pieces[start:end] for start, end in zip(starts, [*places, len(pieces)], strict=True)]


_WORDINGS: Final = (
    (ZeroDivisionError, "it divides by zero"),
    (OverflowError, "a number is out of range"),
    (KeyError, "there is no field {}"),
    (IndexError, "{}"),
    (ValueError, "a value is none that CEL can take"),
)


def _reason(outcome: object) -> str:
    if not isinstance(outcome, Exception):
        return f"it is {_kind(outcome)}, not true or false"
    told = str(outcome)
    if isinstance(outcome, TypeError):
        return _wrong_type(told)
    for kind, wording in _WORDINGS:
        if isinstance(outcome, kind):
            return wording.format(told)
    return _wrong_call(told)


def _wrong_type(told: str) -> str:
    is_unnamed = told.startswith("No such overload")
    return "the operation is not defined for these values" if is_unnamed else told.split(".")[0]


def _wrong_call(told: str) -> str:
    # What follows in CEL's message may be a part of the value, and so of a secret.
    function = _FUNCTION.match(told)
    return "it has no value" if function is None else f"{function[1]}() cannot take these values"


def _shown(named: Named, value: object) -> str:
    root, _ = named
    if root == "secrets":
        return "a secret"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) or (
        isinstance(value, int) and value.bit_length() <= _WIDEST_NUMBER
    ):
        return str(value)
    return _kind(value)


_KINDS: Final = (
    (bool, "a boolean"),
    ((int, float), "a number"),
    (str, "a string"),
    (list, "a list"),
    (dict, "a mapping"),
)


def _kind(value: object) -> str:
    other = "null" if value is None else f"a {type(value).__name__}"
    return next((name for kind, name in _KINDS if isinstance(value, kind)), other)
