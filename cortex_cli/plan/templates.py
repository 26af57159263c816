"""Texts with references in them: `$key`, `${key.path[0]:-default}`, `$(steps.ID.field)`."""

import re
from dataclasses import dataclass
from functools import lru_cache

from cortex_cli.errors import CortexError
from cortex_cli.plan.paths import NAME, Path, PathSyntaxError, read_path

_CLOSING = {"{": "}", "(": ")"}
_BRACE = re.compile(r"[{}]")
_REFERS = re.compile(r"\$[A-Za-z_{(]")
_CACHED = 1_024
_SHOWN = 40


class ReferenceSyntaxError(CortexError, ValueError):
    """A `$` that begins a reference, and is none.

    `reason` is what is wrong, without the text; `position` is where, in characters from 0.
    """

    exit_code = 2

    def __init__(self, text: str, start: int, error: PathSyntaxError) -> None:
        """`start` is where the `$` is in `text`."""
        shown = text[start : start + _SHOWN] + ("…" if len(text) > start + _SHOWN else "")
        place = f"character {error.position + 1}"
        super().__init__(
            f"{shown!r} is no reference: {error.reason} ({place})",
            hint=error.hint or "a literal dollar is written '$$'",
        )
        self.reason = error.reason
        self.position = error.position


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference; `text` is `[start:end]` of what it was read from.

    `default` is the text after `:-`, None without one.
    """

    root: str
    path: Path
    default: str | None
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Template:
    """A text taken apart; in its literal parts `$$` has become `$`. Made by `parse`."""

    parts: tuple[str | Reference, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references in the order in which they stand."""
        return tuple(part for part in self.parts if isinstance(part, Reference))

    @property
    def is_single(self) -> bool:
        """Whether the whole text is one reference, which keeps the type of its value."""
        return len(self.parts) == 1 and isinstance(self.parts[0], Reference)

    @property
    def literal(self) -> str | None:
        """The text itself where it holds no reference, else None."""
        texts = [part for part in self.parts if isinstance(part, str)]
        return "".join(texts) if len(texts) == len(self.parts) else None


@lru_cache(maxsize=_CACHED)
def parse(text: str) -> Template:
    """Take a text apart; raises ReferenceSyntaxError for the first malformed reference.

    `$$` is one dollar, and so is a `$` that is not followed by a letter, `_`, `{` or `(`.
    `$key.x` is the reference `$key`, followed by the text `.x`.
    """
    parts: list[str | Reference] = []
    literal = ""
    end = 0
    while (dollar := text.find("$", end)) >= 0:
        literal += text[end:dollar]
        reference = read_reference(text, dollar)
        if reference is None:
            literal += "$"
            end = dollar + (2 if text.startswith("$$", dollar) else 1)
        else:
            parts += (literal, reference)
            literal = ""
            end = reference.end
    parts.append(literal + text[end:])
    return Template(tuple(part for part in parts if part != ""))


def read_reference(text: str, start: int) -> Reference | None:
    """The reference that begins with the `$` at `start`, or None if that is only a dollar.

    Raises ReferenceSyntaxError if it is malformed. A default reaches to the brace that closes the
    reference, so it may hold braces in pairs; it is plain text and may not hold a reference.
    """
    if _REFERS.match(text, start) is None:
        return None
    name = NAME.match(text, start + 1)
    if name is not None:
        return Reference(name[0], (), None, text[start : name.end()], start, name.end())
    try:
        root, path, default, end = _read_enclosed(text, start + 1)
    except PathSyntaxError as error:
        raise ReferenceSyntaxError(text, start, error) from None
    return Reference(root, path, default, text[start:end], start, end)


def _read_enclosed(text: str, opening: int) -> tuple[str, Path, str | None, int]:
    closing = _CLOSING[text[opening]]
    root, path, end = read_path(text, opening + 1)
    default = None
    if closing == "}" and text.startswith(":-", end):
        default, end = _read_default(text, end + 2)
    if end >= len(text):
        reason = f"{closing!r} is missing"
        raise PathSyntaxError(reason, end)
    if text[end] != closing:
        raise _unexpected(text, end)
    return root, path, default, end + 1


def _unexpected(text: str, position: int) -> PathSyntaxError:
    hint = None
    if text.startswith(":-", position):
        hint = "a default is written ${name:-default}"
    elif text[position] in ".[":
        hint = 'after a name come .field, [0] or ["any text"]'
    return PathSyntaxError(f"unexpected {text[position]!r}", position, hint=hint)


def _read_default(text: str, start: int) -> tuple[str, int]:
    end = _closing_brace(text, start)
    default = text[start:end]
    nested = _REFERS.search(default.replace("$$", "  "))
    if nested is not None:
        reason = "a default cannot hold a reference"
        raise PathSyntaxError(reason, start + nested.start())
    return default.replace("$$", "$"), end


def _closing_brace(text: str, start: int) -> int:
    depth = 0
    for brace in _BRACE.finditer(text, start):
        if brace[0] == "{":
            depth += 1
        elif depth == 0:
            return brace.start()
        else:
            depth -= 1
    return len(text)
