"""The text of a condition: its tokens, and what is refused before CEL sees it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from cortex_cli.errors import CortexError
from cortex_cli.plan.templates import Reference, ReferenceSyntaxError, read_reference

LONGEST = 512
DEEPEST = 20

# The literals of CEL's grammar: a token that is one for CEL is one here, so that nothing can be
# hidden from the checks by looking like a text.
_TOKEN = re.compile(
    r"""
    (?P<space> [ \t\f\r\n]+ | //[^\n]* )
    | (?P<text>
        [bB]?[rR](?: \"""[\s\S]*?\""" | '''[\s\S]*?''' | "[^"\r\n]*" | '[^'\r\n]*' )
        | [bB]? (?:
            \"""(?:\\[\s\S]|[^\\])*?\"""
            | '''(?:\\[\s\S]|[^\\])*?'''
            | "(?:\\[^\r\n]|[^"\\\r\n])*"
            | '(?:\\[^\r\n]|[^'\\\r\n])*'
        )
    )
    | (?P<number>
        0x[0-9a-fA-F]+[uU]?
        | [0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?
        | [0-9]+[eE][+-]?[0-9]+
        | [0-9]+[uU]?
    )
    | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<mark> [=!<>]= | && | \|\| | [-+*/%<>!?:.,()\[\]{}] )
    """,
    re.VERBOSE,
)
_INSTEAD = {"=": "==", "&": "&&", "|": "||", "and": "&&", "or": "||", "not": "!"}
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_SHOWN = 60


class ConditionSyntaxError(CortexError, ValueError):
    """A condition that cannot be read, in one line.

    `position` is where the trouble is, in characters of the condition from 0.
    """

    exit_code = 2

    def __init__(self, text: str, position: int, reason: str, *, hint: str | None = None) -> None:
        """`text` is the whole condition, `reason` says what is wrong with it."""
        place = f"character {position + 1}"
        super().__init__(f"condition {excerpt(text, position)}: {reason} ({place})", hint=hint)
        self.position = position


def excerpt(text: str, position: int = 0) -> str:
    """The part of a condition around a position, quoted, on one line."""
    start = max(0, min(position - _SHOWN // 2, len(text) - _SHOWN))
    part = " ".join(text[start : start + _SHOWN].split())
    before = "…" if start > 0 else ""
    after = "…" if start + _SHOWN < len(text) else ""
    return repr(before + part + after)


class Kind(StrEnum):
    """What a token is."""

    SPACE = "space"
    TEXT = "text"
    NUMBER = "number"
    NAME = "name"
    MARK = "mark"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a condition; `text` begins at `start` of the condition."""

    kind: Kind
    text: str
    start: int
    reference: Reference | None = None

    @property
    def end(self) -> int:
        """Where the token ends in the condition."""
        return self.start + len(self.text)


def read_tokens(text: str) -> list[Token]:
    """The tokens of a condition, at least one, without space and comments.

    Raises ConditionSyntaxError for what is no token, for more than 512 characters and for
    brackets more than 20 deep.
    """
    if len(text) > LONGEST:
        reason = f"it has {len(text)} characters, {LONGEST} are allowed"
        raise ConditionSyntaxError(text, LONGEST, reason)
    tokens: list[Token] = []
    end = 0
    while end < len(text):
        token = _read_token(text, end)
        end = token.end
        if token.kind is not Kind.SPACE:
            tokens.append(token)
    if not tokens:
        raise ConditionSyntaxError(text, 0, "it is empty")
    _check_depth(text, tokens)
    return tokens


def _read_token(text: str, start: int) -> Token:
    found = _TOKEN.match(text, start)
    if found is not None:
        token = Token(Kind(found.lastgroup or ""), found[0], start)
        half = _HALF_PAIR.search(token.text)
        if half is not None:
            reason = "half of a surrogate pair is no character"
            raise ConditionSyntaxError(text, start + half.start(), reason)
        return token
    reference = _read_reference(text, start) if text[start] == "$" else None
    if reference is None:
        raise unexpected(text, start, text[start])
    return Token(Kind.REFERENCE, reference.text, start, reference)


def _read_reference(text: str, start: int) -> Reference | None:
    try:
        reference = read_reference(text, start)
    except ReferenceSyntaxError as error:
        raise ConditionSyntaxError(text, error.position, error.reason) from None
    if reference is not None and reference.default is not None:
        reason = "a condition takes no default"
        hint = "what is missing is null: compare with null"
        raise ConditionSyntaxError(text, start, reason, hint=hint)
    return reference


def _check_depth(text: str, tokens: list[Token]) -> None:
    depth = 0
    for token in tokens:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if depth > DEEPEST:
            reason = f"its brackets are more than {DEEPEST} deep"
            raise ConditionSyntaxError(text, token.start, reason)


def unexpected(text: str, position: int, found: str) -> ConditionSyntaxError:
    """The error for a token that cannot stand at a position."""
    if found in {'"', "'"}:
        return ConditionSyntaxError(text, position, "the text that begins here is not closed")
    instead = _INSTEAD.get(found)
    hint = None if instead is None else f"write '{instead}'"
    return ConditionSyntaxError(text, position, f"unexpected {found!r}", hint=hint)
