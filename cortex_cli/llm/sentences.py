"""Text taken apart into sentences.

Made for English; other languages that end a sentence with `.`, `!`, `?` or `。` come out right as
well, abbreviations aside. Linear in the length of the text.
"""

import re
from collections.abc import Iterator

from cortex_cli.llm.plain_text import blocks_of

_LONGEST_WORDS = 80
_LONGEST_CHARS = 800

# The lookbehind keeps a long run of dots from being read again from each of them.
_LATIN_END = r"(?<![.!?\u2026])[.!?\u2026]++[\"')\]\u00bb\u201d\u2019]*+(?=\s)"
_WIDE_END = r"[\u3002\uff01\uff1f]+[\u201d\u300f\u300d\uff09]*"
_END = re.compile(f"{_LATIN_END}|{_WIDE_END}")
_LAST_WORD = re.compile(r"[^\s(\[\"'\u201c\u2018]{1,20}$")
_TITLES = "mr mrs ms dr prof st sr jr gen sen rep gov hon rev e.g i.e eg ie vs cf approx al viz"
_COUNTED = "no nos fig figs eq vol p pp ch sec art ed c ca"
_MONTHS = "jan feb mar apr jun jul aug sep sept oct nov dec"
_NEVER_LAST = frozenset(_TITLES.split())
_BEFORE_A_NUMBER = frozenset(f"{_COUNTED} {_MONTHS}".split())


def sentences_of(text: str) -> list[str]:
    """The sentences of a text in order, each on one line; its headings if there is nothing else.

    A stretch without an end is cut into pieces of up to 80 words, or 800 characters.
    """
    blocks = blocks_of(text)
    chosen = [block for block in blocks if not block.is_heading] or blocks
    return [piece for block in chosen for piece in _split(block.text)]


def _split(block: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(block):
        if _is_boundary(block, start, end):
            yield from _bounded(block[start : end.end()].strip())
            start = end.end()
    yield from _bounded(block[start:].strip())


def _is_boundary(block: str, start: int, end: re.Match[str]) -> bool:
    following = block[end.end() : end.end() + 2].strip()
    if following[:1].islower():
        return False
    if end[0] != ".":
        return True
    word = _LAST_WORD.search(block, max(start, end.start() - 20), end.start())
    if word is None:
        return True
    last = word[0].lower()
    if last in _NEVER_LAST or (following.isdecimal() and last in _BEFORE_A_NUMBER):
        return False
    return len(last) > 1 or last == "i" or not last.isalpha()


def _bounded(sentence: str) -> Iterator[str]:
    if len(sentence) <= _LONGEST_CHARS:
        if sentence:
            yield sentence
        return
    words = sentence.split(" ")
    for start in range(0, len(words), _LONGEST_WORDS):
        piece = " ".join(words[start : start + _LONGEST_WORDS])
        for cut in range(0, len(piece), _LONGEST_CHARS):
            yield piece[cut : cut + _LONGEST_CHARS].strip()
