"""Pick from each abstract the sentence that reports its main result.

Output: a list in the order given, each `{title, link, authors, published, summary, finding}`;
`finding` is null where there is no abstract.
"""

import json
import re
import sys
from typing import Any

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")
_SIGNS = {
    re.compile(r"\d+(?:\.\d+)? (?:percent|times)\b|\d%"): 2.0,
    re.compile(
        r"\b(?:shorten|reduc|sav|improv|increas|outperform|optimal|fast|never|no) ?\w*"
    ): 1.0,
    re.compile(
        r"\b(?:we (?:show|find|prove)|results? show|most of the gain)\b", re.IGNORECASE
    ): 1.0,
    re.compile(r"\b(?:than|above|below|compared)\b"): 0.5,
    re.compile(r"^(?:We (?:compare|measure|ask|correct|study|write)|In this)\b"): -1.5,
}


def pick(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each entry with its finding."""
    known = ("title", "link", "authors", "published", "summary")
    return [
        {key: entry.get(key) for key in known} | {"finding": _finding(entry.get("summary") or "")}
        for entry in entries
    ]


def _finding(abstract: str) -> str | None:
    """The sentence with the most signs of a result; the first of equals, which is the main one."""
    sentences = [part for part in _SENTENCE_END.split(abstract.strip()) if part]
    return max(sentences, key=_weight, default=None)


def _weight(sentence: str) -> float:
    return sum(weight for sign, weight in _SIGNS.items() if sign.search(sentence))


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(pick(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
