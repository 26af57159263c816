"""A condition as CEL is given it: each path a variable, nothing in it that CEL cannot bound."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from cortex_cli.ids import did_you_mean
from cortex_cli.plan.condition_text import (
    ConditionSyntaxError,
    Kind,
    Token,
    read_tokens,
    unexpected,
)
from cortex_cli.plan.paths import Path, PathSyntaxError, refuse_dunder, unquote

FUNCTIONS = (
    "size", "string", "int", "uint", "double", "bytes", "duration", "timestamp", "type", "dyn",
    "has",
)  # fmt: skip
METHODS = (
    "size", "contains", "startsWith", "endsWith", "matches", "getFullYear", "getMonth", "getDate",
    "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds",
    "getMilliseconds",
)  # fmt: skip

# They have no limit on what they cost, and hold the interpreter all the while.
_MACROS = frozenset({"map", "filter", "all", "exists", "exists_one"})
_WORDS = frozenset({"true", "false", "null", "in"})
_TYPES = frozenset(
    {"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"}
)
_ENDS_VALUE = frozenset({Kind.TEXT, Kind.NUMBER, Kind.NAME})
_SUCCESS = frozenset({"'success'", '"success"'})
_LONGEST_INDEX = 9
# The text literals that mean the same to CEL and in a path.
_KEY = re.compile(r""""(?:\\["'\\]|[^"\\])*"|'(?:\\["'\\]|[^'\\])*'""")

Named = tuple[str, Path]


@dataclass(slots=True)
class Piece:
    """A piece of an expression: its CEL, and where in the condition it comes from.

    `named` is the path that the CEL variable stands for.
    """

    text: str
    start: int
    end: int
    kind: Kind
    named: Named | None = None


def as_cel(pieces: Iterable[Piece]) -> str:
    """The pieces as CEL."""
    return " ".join(piece.text for piece in pieces)


def piece_at(pieces: Iterable[Piece], offset: int) -> Piece | None:
    """The piece at an offset of `as_cel(pieces)`, None at its end."""
    for piece in pieces:
        if offset < len(piece.text):
            return piece
        offset -= len(piece.text) + 1
    return None


def rewrite(text: str) -> tuple[tuple[Piece, ...], tuple[Named, ...]]:
    """A condition in pieces, and the paths in it; the path at place N is the variable `_N`.

    Raises ConditionSyntaxError for what can be told without CEL: unknown functions, macros, what
    is no token, and limits that are passed.
    """
    rewriter = _Rewriter(text)
    rewriter.run()
    _read_success(rewriter.pieces)
    return tuple(rewriter.pieces), tuple(rewriter.variables)


class _Rewriter:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = read_tokens(text)
        self.place = 0
        self.pieces: list[Piece] = []
        self.variables: dict[Named, int] = {}
        self._has_types = any(
            token.text == "type" and self._mark(1 + place) == "("
            for place, token in enumerate(self.tokens)
        )

    def run(self) -> None:
        while self.place < len(self.tokens):
            token = self.tokens[self.place]
            if token.kind is Kind.MARK and token.text == ".":
                self._member(token)
            elif self._is_path(token):
                self._path(token)
            else:
                if token.kind is Kind.NAME and self._is_called():
                    self._check_function(token)
                self._copy(token)

    def _mark(self, place: int) -> str:
        """The operator or bracket at a place, empty if something else is there."""
        if place >= len(self.tokens) or self.tokens[place].kind is not Kind.MARK:
            return ""
        return self.tokens[place].text

    def _copy(self, token: Token) -> None:
        self.pieces.append(Piece(token.text, token.start, token.end, token.kind))
        self.place += 1

    def _is_called(self) -> bool:
        return self._mark(self.place + 1) == "(" and self.tokens[self.place].text not in _WORDS

    def _is_path(self, token: Token) -> bool:
        if token.kind is Kind.REFERENCE:
            return True
        if token.kind is not Kind.NAME or token.text in _WORDS or self._is_called():
            return False
        is_type = self._has_types and token.text in _TYPES
        return not is_type or self._mark(self.place + 1) in {".", "["}

    def _path(self, token: Token) -> None:
        """Put a variable in the place of the longest path that begins here."""
        root, path = token.text, list[str | int]()
        if token.reference is not None:
            root, path = token.reference.root, list(token.reference.path)
        self.place += 1
        while (segment := self._segment()) is not None:
            path.append(segment)
        if self._mark(self.place) in {"(", "{"}:
            self._refuse(self.tokens[self.place])
        named = (root, tuple(path))
        variable = f"_{self.variables.setdefault(named, len(self.variables))}"
        if self._is_in_has():
            # A field that is missing and one that is null are the same here, unlike in CEL.
            self.pieces[-2].text = ""
            variable += " != null"
        end = self.tokens[self.place - 1].end
        self.pieces.append(Piece(variable, token.start, end, Kind.NAME, named))

    def _is_in_has(self) -> bool:
        before = [piece.text for piece in self.pieces[-2:]]
        return before == ["has", "("] and self._mark(self.place) == ")"

    def _segment(self) -> str | int | None:
        """Read the segment that comes next, None if no segment does."""
        mark = self._mark(self.place)
        if mark == "." and self._mark(self.place + 2) != "(":
            name = self._name_after_dot()
            self.place += 2
            return name.text
        if mark == "[" and self._mark(self.place + 2) == "]":
            index = _index(self.tokens[self.place + 1])
            self.place += 0 if index is None else 3
            return index
        return None

    def _name_after_dot(self) -> Token:
        if self.place + 1 >= len(self.tokens):
            raise ConditionSyntaxError(self.text, len(self.text), "a name is expected")
        name = self.tokens[self.place + 1]
        if name.kind is not Kind.NAME:
            self._refuse(name)
        try:
            refuse_dunder(name.text, name.start)
        except PathSyntaxError as error:
            raise ConditionSyntaxError(
                self.text, error.position, error.reason, hint=error.hint
            ) from None
        return name

    def _member(self, dot: Token) -> None:
        """A field or a method of something that is no path."""
        before = self.pieces[-1] if self.pieces else None
        if before is None or not _ends_value(before):
            self._refuse(dot)
        name = self._name_after_dot()
        if self._mark(self.place + 2) == "(":
            self._check(name, METHODS, FUNCTIONS, f"{name.text}(value)")
        self._copy(dot)
        self._copy(name)

    def _check_function(self, name: Token) -> None:
        self._check(name, FUNCTIONS, METHODS, f"value.{name.text}()")

    def _check(
        self, name: Token, known: tuple[str, ...], others: tuple[str, ...], instead: str
    ) -> None:
        if name.text in _MACROS:
            reason = f"'{name.text}' is not allowed in a condition: its cost has no limit"
            hint = "let an action work it out, and test its output"
            raise ConditionSyntaxError(self.text, name.start, reason, hint=hint)
        if name.text not in known:
            hint = did_you_mean(name.text, known) or f"there are {', '.join(known)}"
            if name.text in others:
                hint = f"write {instead}"
            reason = f"unknown function '{name.text}'"
            raise ConditionSyntaxError(self.text, name.start, reason, hint=hint)

    def _refuse(self, token: Token) -> NoReturn:
        raise unexpected(self.text, token.start, token.text)


def _ends_value(piece: Piece) -> bool:
    return piece.text != "in" if piece.kind in _ENDS_VALUE else piece.text in {")", "]", "}"}


def _index(token: Token) -> str | int | None:
    """What a literal in brackets names; None for what only CEL can tell."""
    if token.kind is Kind.NUMBER and token.text.isdecimal():
        return int(token.text) if len(token.text) <= _LONGEST_INDEX else None
    if token.kind is Kind.TEXT and _KEY.fullmatch(token.text):
        return unquote(token.text)
    return None


def _read_success(pieces: list[Piece]) -> None:
    """Let `'success'` mean `'completed'` where the status of a step is compared with it."""
    for left, operator, right in zip(pieces, pieces[1:], pieces[2:], strict=False):
        if operator.text not in {"==", "!="}:
            continue
        if _is_status(left) and right.text in _SUCCESS:
            right.text = "'completed'"
        if _is_status(right) and left.text in _SUCCESS:
            left.text = "'completed'"


def _is_status(piece: Piece) -> bool:
    if piece.named is None:
        return False
    root, path = piece.named
    return root == "steps" and len(path) == len(("ID", "status")) and path[1] == "status"
