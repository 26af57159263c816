"""Values as text, with a cap: what is kept of an output, or shown of it."""

import hashlib
from typing import Any

import msgspec

MOST_KEPT = 50_000


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """The beginning of a value as text; two values are the same if their `digest` is.

    A string is itself, anything else indented JSON. `characters` is the length of the whole.
    """

    text: str
    characters: int
    digest: str
    is_text: bool

    @property
    def left_out(self) -> int:
        """How many characters the text lacks."""
        return self.characters - len(self.text)

    def cut(self, most: int) -> "Excerpt":
        """The same value with at most `most` characters of text."""
        if len(self.text) <= most:
            return self
        return msgspec.structs.replace(self, text=self.text[:most])


def excerpt(value: Any, most: int = MOST_KEPT) -> Excerpt:
    """The first `most` characters of a JSON value as text."""
    encoded = msgspec.json.encode(value, order="sorted")
    is_text = isinstance(value, str)
    text = value if is_text else msgspec.json.format(encoded, indent=2).decode()
    return Excerpt(
        text=text[:most],
        characters=len(text),
        digest=hashlib.sha256(encoded).hexdigest(),
        is_text=is_text,
    )
