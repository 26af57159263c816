"""Names and identifiers: what is allowed, and which known one a mistaken one is nearest to."""

import re
from collections.abc import Container, Iterable, Iterator
from difflib import SequenceMatcher

ACTION_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
OUTPUT_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED_KEYS = frozenset({"env", "secrets", "inputs", "steps", "run", "item", "index"})

_LONGEST_ID = 128
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
# Without i, l, o and u: read aloud and typed in, no two are alike.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_CANDIDATES = 2_000
_LONGEST = 200
_LEAST_ALIKE = 0.6
# What two words take to compare grows with the product of their lengths.
_MOST_COMPARED = 150_000
_MOST_HINTS = 20


def slug(name: str) -> str:
    """The id that a name stands for: lower case, every other run of characters one `_`."""
    return _NOT_SLUG.sub("_", name.lower()).strip("_")


def unused_id(wanted: str, used: Container[str]) -> str:
    """The id itself where it is not used yet, else with `-2`, `-3` … at its end."""
    found, number = wanted, 1
    while found in used:
        number += 1
        end = f"-{number}"
        found = wanted[: _LONGEST_ID - len(end)] + end
    return found


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None if none is like it.

    Looks at no more than 2,000 candidates, and at fewer where they are long and much alike, so
    that a huge file stays quick to report on.
    """
    if len(word) > _LONGEST:
        return None
    candidates = [name for _, name in zip(range(_CANDIDATES), known, strict=False)]
    likest = max(_likenesses(word, candidates), default=None)
    if likest is not None:
        return likest[1]
    folded = {name.casefold(): name for name in candidates}
    return folded.get(word.casefold())


def _likenesses(word: str, candidates: Iterable[str]) -> Iterator[tuple[float, str]]:
    """The candidates that are like a word, each with how much."""
    matcher = SequenceMatcher()
    matcher.set_seq2(word)
    compared = 0
    for name in candidates:
        if min(len(name), len(word)) * 2 < _LEAST_ALIKE * (len(name) + len(word)):
            continue
        matcher.set_seq1(name)
        if matcher.quick_ratio() < _LEAST_ALIKE:
            continue
        compared += len(name) * len(word)
        if compared > _MOST_COMPARED:
            return
        likeness = matcher.ratio()
        if likeness >= _LEAST_ALIKE:
            yield likeness, name


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The hint for a mistaken word: `did you mean 'fetch'?`, or None."""
    match = nearest(word, known)
    return None if match is None else f"did you mean '{match}'?"


class Hints:
    """The hints of one check: after 20 no more are looked for, as nobody reads so many."""

    def __init__(self) -> None:
        """A check that begins."""
        self._left = _MOST_HINTS

    def did_you_mean(self, word: str, known: Iterable[str]) -> str | None:
        """The hint for a mistaken word, or None; `known` is not iterated for a hint too many."""
        if self._left == 0:
            return None
        self._left -= 1
        return did_you_mean(word, known)


def execution_id(entropy: bytes) -> str:
    """The id of a run: 13 lower-case letters and digits, made from eight random bytes."""
    number = int.from_bytes(entropy[:8])
    digits = ""
    for _ in range(13):
        number, rest = divmod(number, 32)
        digits = _ALPHABET[rest] + digits
    return digits
