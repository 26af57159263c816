"""Plain scalars by the core schema of YAML 1.2 (its section 10.3): which value a text stands for."""

import math
import re
from typing import Final

CONSTANTS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
NUMBER_STARTS: Final = frozenset("0123456789+-.")

# Each branch begins differently, so that a match is linear in the length of the text.
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_LONGEST = 1_000
_FINITE = "write a finite number, or put it in quotes if it is text"


class UnusableNumberError(ValueError):
    """A number that the schema allows and nothing here could use; says why, and the way out."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def resolve(text: str) -> str | int | float | bool | None:
    """The value that a plain scalar stands for: the text itself if it is nothing else.

    Raises UnusableNumberError for `.nan`, `.inf`, what is beyond the range of a float, and what
    takes more than 1,000 characters.
    """
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] not in NUMBER_STARTS:
        return text
    return _number(text)


def shortened(text: str) -> str:
    """The beginning of a text, with a mark where the rest is left out."""
    return text if len(text) <= 40 else f"{text[:40]}…"


def quoted(text: str) -> str:
    """A text of a user within a message: one line, short, in quotes, unprintables escaped."""
    return repr(shortened(text))


def _number(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        return int(_short(text))
    if _FLOAT.fullmatch(text):
        number = float(_short(text))
        if math.isinf(number):
            message = f"the number {shortened(text)} is too large"
            raise UnusableNumberError(message, _FINITE)
        return number
    if _BASED.fullmatch(text):
        return int(_short(text), base=0)
    if _NOT_FINITE.fullmatch(text):
        message = f"{text} is not a number to work with"
        raise UnusableNumberError(message, _FINITE)
    return text


def _short(text: str) -> str:
    if len(text) > _LONGEST:
        message = f"a number of {len(text):,} characters is longer than the {_LONGEST:,} allowed"
        raise UnusableNumberError(message, "put it in quotes if it is text")
    return text
