"""Keeping secrets out of everything that is shown or kept, whole texts and streams alike.

Each secret is looked for as it is, in base64 (both alphabets, wherever it begins in what was
encoded, wrapped lines too), percent-encoded and escaped as in JSON. The work is linear in the
text for a given set of secrets.
"""

import codecs
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from cortex_cli.engine.spellings import (
    Spelling,
    anchor_of,
    may_begin,
    pieces_of,
    spellings_of,
    without_breaks,
)
from cortex_cli.events import Event
from cortex_cli.payloads import RefusedPart
from cortex_cli.protocol.sealed import MASK, Sealed, rewritten
from cortex_cli.unseen import Unseen

_NUMBER = re.compile(r"[-+.0-9eE]+")
_TEXTS = frozenset({str, Sealed})
_ESCAPES = "surrogateescape"

Span = tuple[int, int]


class _Pattern:
    """One spelling, and the `anchor` that a text without it lacks."""

    __slots__ = ("_regex", "anchor", "longest", "shortest", "spelling")

    def __init__(self, spelling: Spelling) -> None:
        self.spelling = spelling
        self.anchor = anchor_of(spelling)
        self.shortest = sum(min(map(len, element)) for element in spelling)
        self.longest = sum(max(map(len, element)) for element in spelling)
        self._regex: re.Pattern[str] | None = None

    def spans(self, text: str) -> Iterator[Span]:
        if self._regex is None:
            # Compiled when it is needed: for most spellings it never is.
            self._regex = re.compile("".join(map(_as_regex, self.spelling)))
        return (match.span() for match in self._regex.finditer(text))


def _as_regex(element: tuple[str, ...]) -> str:
    ways = "|".join(re.escape(way) for way in sorted(element, key=len, reverse=True))
    return f"(?:{ways})" if len(element) > 1 else ways


class Masker:
    """Puts `***` in the place of every secret that it has learnt."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets` are learnt at once."""
        self._patterns: list[_Pattern] = []
        self._known: set[str] = set()
        self._by_first: defaultdict[str, list[_Pattern]] = defaultdict(list)
        self._has_numbers = False
        self.longest = 0
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these from now on, too; each of six characters or more."""
        pieces = [piece for secret in secrets for piece in pieces_of(secret)]
        for piece in pieces:
            if piece not in self._known:
                self._known.add(piece)
                self._has_numbers |= _NUMBER.fullmatch(piece) is not None
                for spelling in spellings_of(piece):
                    self._add(_Pattern(spelling))

    def _add(self, pattern: _Pattern) -> None:
        self._patterns.append(pattern)
        self.longest = max(self.longest, pattern.longest)
        for first in {way[0] for way in pattern.spelling[0]}:
            self._by_first[first].append(pattern)

    def spans(self, text: str) -> list[Span]:
        """Where there are secrets: from, to; in order, and none touches another."""
        merged: list[Span] = []
        for start, end in sorted(self._matches(text)):
            if merged and start <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(end, merged[-1][1])
            else:
                merged.append((start, end))
        return merged

    def _matches(self, text: str) -> Iterator[Span]:
        size, unbroken = len(text), without_breaks(text)
        for pattern in self._patterns:
            anchor = pattern.anchor
            may_be = anchor in text or (unbroken is not text and anchor in unbroken)
            if may_be and size >= pattern.shortest:
                yield from pattern.spans(text)

    def mask(self, text: str) -> str:
        """The text without secrets: a plain string, the same if there are none in it."""
        spans = self.spans(text)
        return _without(text, spans) if spans else str(text)

    def mask_value(self, value: Any) -> Any:
        """A nested JSON value without secrets; keys too, and numbers that are one.

        Where a secret is spread over several parts of the value, its whole JSON text takes its
        place, masked.
        """
        masked = rewritten(value, self._scalar)
        try:
            text = json.dumps(masked, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError):
            return masked
        shown = self.mask(text)
        return masked if shown == text else shown

    def _scalar(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.mask(value)
        if self._has_numbers and isinstance(value, int | float):
            text = str(value)
            shown = self.mask(text)
            return value if shown == text else shown
        return value

    def finds(self, value: Any) -> bool:
        """Whether there is a secret in a nested JSON value, in any spelling."""
        return self.mask_value(value) != rewritten(value, _same)

    def event(self, event: Event) -> Event:
        """The event with no secret in its payload."""
        changes = self._changes(event.data)
        return replace(event, data=replace(event.data, **changes)) if changes else event

    def fact(self, fact: Unseen) -> Unseen:
        """What no event tells of by itself, with no secret in it."""
        return replace(fact, **self._changes(fact))

    def _changes(self, struct: msgspec.Struct) -> dict[str, Any]:
        """The fields that hold texts, masked."""
        changes: dict[str, Any] = {}
        for name in struct.__struct_fields__:
            value: Any = getattr(struct, name)
            # By its type, not isinstance: the enums are strings, too, and are no texts.
            if type(value) in _TEXTS:
                changes[name] = self.mask(value)
            elif isinstance(value, dict | list):
                changes[name] = self.mask_value(value)
            elif type(value) is RefusedPart:
                changes[name] = replace(value, **self._changes(value))
        return changes

    def before_cut(self, text: str) -> str:
        """What may be shown of a text that was cut behind: not what may begin a secret."""
        shown = self.mask(text)
        return shown[: max(len(shown) - self.longest + 1, 0)] if self.longest else shown

    def after_cut(self, text: str) -> str:
        """What may be shown of a text that was cut before: not what may end a secret."""
        shown = self.mask(text)
        return shown[self.longest - 1 :] if self.longest else shown

    def held_from(self, text: str) -> int:
        """From where on a text must be held back, as its end may be the beginning of a secret."""
        size = len(text)
        held = next(
            (
                start
                for start in range(max(size - self.longest + 1, 0), size)
                for pattern in self._by_first.get(text[start], ())
                if may_begin(pattern.spelling, text, start)
            ),
            size,
        )
        # What is held back must not be a part of what is masked before it.
        return next((start for start, end in self.spans(text) if start < held < end), held)


def _same(value: Any) -> Any:
    return value


def _without(text: str, spans: Iterable[Span]) -> str:
    shown: list[str] = []
    done = 0
    for start, end in spans:
        shown += (text[done:start], MASK)
        done = end
    return "".join((*shown, text[done:]))


class ChunkMasker:
    """Masks a text that comes in pieces; holds back only what may be the beginning of a secret."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = ""
        self._ends_masked = False

    def feed(self, text: str) -> str:
        """What can be shown now that this has come in."""
        text = self._held + text
        held = self._masker.held_from(text)
        self._held = text[held:]
        return self._shown(text[:held])

    def flush(self) -> str:
        """The rest, once nothing more comes."""
        text, self._held = self._held, ""
        return self._shown(text)

    def _shown(self, text: str) -> str:
        if not text:
            return ""
        spans = self._masker.spans(text)
        shown = _without(text, spans)
        if self._ends_masked and spans and spans[0][0] == 0:
            # Secrets that touch have one mask, here as in a whole text.
            shown = shown.removeprefix(MASK)
        self._ends_masked = bool(spans) and spans[-1][1] == len(text)
        return shown


class ByteMasker:
    """Masks a stream of bytes on its way to where it is kept; what is no UTF-8 is left as it is."""

    def __init__(self, masker: Masker, sink: Callable[[bytes], None]) -> None:
        """`sink` is given what can be shown, as it comes."""
        self._text = ChunkMasker(masker)
        self._sink = sink
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors=_ESCAPES)

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self._give(self._text.feed(self._decoder.decode(chunk)))

    def flush(self) -> None:
        """Give what was held back: nothing more comes."""
        self._give(self._text.feed(self._decoder.decode(b"", final=True)) + self._text.flush())

    def _give(self, text: str) -> None:
        if text:
            self._sink(text.encode("utf-8", _ESCAPES))
