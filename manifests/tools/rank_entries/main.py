"""Rank the entries of a feed by Okapi BM25 over title and summary.

Output: `{kept, dropped, text}`. `kept` holds the entries with a `score`, best first; entries that
share no word with the topic are never kept, and to have no others is a failure. `text` holds the
summaries of those kept, one a paragraph.
"""

import json
import math
import re
import sys
from collections import Counter
from typing import Any

_SATURATION, _LENGTH_WEIGHT = 1.2, 0.75  # the usual k1 and b
_TITLE_WEIGHT = 2


def rank(entries: list[dict[str, Any]], topic: str, *, keep: int = 5) -> dict[str, Any]:
    """The `keep` most relevant entries, and how many were left out."""
    query = set(_words(topic))
    if not query:
        sys.exit("the topic holds no word to rank by")
    documents = [_document(entry) for entry in entries]
    rarity = _rarity(query, documents)
    typical = sum(document.total() for document in documents) / max(1, len(documents))
    scored: list[dict[str, Any]] = []
    for entry, document in zip(entries, documents, strict=True):
        score = sum(
            rarity[word] * _saturated(document[word], document.total() / typical)
            for word in query & document.keys()
        )
        scored.append(entry | {"score": round(score, 3)})
    relevant = [entry for entry in scored if entry["score"] > 0]
    if not relevant:
        sys.exit(f"none of {len(entries)} entries shares a word with the topic")
    kept = sorted(relevant, key=lambda entry: -entry["score"])[:keep]
    text = "\n\n".join(entry.get("summary") or "" for entry in kept)
    return {"kept": kept, "dropped": len(entries) - len(kept), "text": text}


def _document(entry: dict[str, Any]) -> Counter[str]:
    title, summary = entry.get("title") or "", entry.get("summary") or ""
    return Counter(_words(title) * _TITLE_WEIGHT + _words(summary))


def _rarity(query: set[str], documents: list[Counter[str]]) -> dict[str, float]:
    """A weight for each word: high if few documents hold it, never negative."""
    holding = {word: sum(word in document for document in documents) for word in query}
    return {
        word: math.log(1 + (len(documents) - count + 0.5) / (count + 0.5))
        for word, count in holding.items()
    }


def _saturated(count: int, relative_length: float) -> float:
    """What `count` occurrences are worth: ever less each, and less in a long text."""
    damping = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * relative_length)
    return count * (_SATURATION + 1) / (count + damping)


def _words(text: str) -> list[str]:
    return [word.removesuffix("s") for word in re.findall(r"[a-z]{4,}", text.lower())]


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(rank(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
