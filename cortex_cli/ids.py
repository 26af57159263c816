"""Names and identifiers: what is allowed, and which known one a mistaken one is nearest to."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

ACTION_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
OUTPUT_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED_KEYS = frozenset({"env", "secrets", "inputs", "steps", "run", "item", "index"})

_NOT_SLUG = re.compile(r"[^a-z0-9]+")
# Without i, l, o and u: read aloud and typed in, no two are alike.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_CANDIDATES = 2_000
_LONGEST = 200


def slug(name: str) -> str:
    """The id that a name stands for: lower case, every other run of characters one `_`."""
    return _NOT_SLUG.sub("_", name.lower()).strip("_")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None if none is like it.

    Looks at no more than 2,000 candidates, so that a huge file stays quick to report on.
    """
    if len(word) > _LONGEST:
        return None
    candidates = [name for _, name in zip(range(_CANDIDATES), known, strict=False)]
    matches = get_close_matches(word, candidates, n=1, cutoff=0.6)
    if matches:
        return matches[0]
    folded = {name.casefold(): name for name in candidates}
    return folded.get(word.casefold())


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The hint for a mistaken word: `did you mean 'fetch'?`, or None."""
    match = nearest(word, known)
    return None if match is None else f"did you mean '{match}'?"


def execution_id(entropy: bytes) -> str:
    """The id of a run: 13 lower-case letters and digits, made from eight random bytes."""
    number = int.from_bytes(entropy[:8])
    digits = ""
    for _ in range(13):
        number, rest = divmod(number, 32)
        digits = _ALPHABET[rest] + digits
    return digits
