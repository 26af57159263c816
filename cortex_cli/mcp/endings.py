"""How a connection to a server has ended."""

from dataclasses import dataclass

CONNECTION_FAILED = -32_001
"""The code of the errors that stand for a request without an answer."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a server has ended: `how` follows its name, `last` is what it said last, `more` a hint."""

    how: str
    last: str = ""
    more: str | None = None
