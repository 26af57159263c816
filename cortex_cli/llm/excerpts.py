"""What is too long for a prompt, shortened: the oldest first, and never without a mark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cortex_cli.protocol.sealed import as_json

_LEAST = 200
_MARK = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of JSON: `about`, and the `value` under `key`.

    Where it is too long, `short` takes the place of `about`, and a beginning of the value's text
    that of the value.
    """

    about: Mapping[str, Any]
    short: Mapping[str, Any]
    key: str
    value: Any

    def whole(self) -> str:
        """The line with all that there is."""
        return _line({**self.about, self.key: self.value})

    def shortened(self, length: int) -> str:
        """The line in about so many characters, 200 of the value at least."""
        text = str(self.value) if isinstance(self.value, str) else _line(self.value)
        room = max(_LEAST, length - len(_line(self.short)))
        return _line({**self.short, self.key: cut(text, room)})


def cut(text: str, length: int) -> str:
    """The text, or so many characters of it and a mark that tells its whole length."""
    if len(text) <= length:
        return text
    return f"{text[:length]}… (shortened: it has {len(text):,} characters)"


def bounded(entries: Sequence[Entry], room: int) -> list[str]:
    """The lines of all entries, in about so many characters.

    The oldest, which come first, are shortened first. Where that is not enough the oldest are left
    out, and a line in their place says how many; the last one always stays.
    """
    lines = [entry.whole() for entry in entries]
    total = sum(map(len, lines))
    for place, entry in enumerate(entries):
        if total <= room:
            return lines
        others = total - len(lines[place])
        shorter = entry.shortened(room - others)
        if len(shorter) < len(lines[place]):
            lines[place] = shorter
            total = others + len(shorter)
    first = 0
    while total > room and first < len(lines) - 1:
        total -= len(lines[first])
        first += 1
    return [_line({"left_out": f"the {first} oldest"}), *lines[first:]] if first else lines


def shortened(texts: Sequence[str], room: int) -> list[str]:
    """The texts, in about `room` characters: the oldest, which come first, are shortened first.

    Of each 200 characters stay.
    """
    short = list(texts)
    excess = sum(map(len, short)) - room
    for place, text in enumerate(short):
        if excess <= 0:
            break
        shorter = cut(text, max(_LEAST, len(text) - excess - _MARK))
        if len(shorter) < len(text):
            short[place] = shorter
            excess -= len(text) - len(shorter)
    return short


def _line(value: Any) -> str:
    return str(as_json(value))
