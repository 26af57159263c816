"""Measure a report.

Output: `{score, passed, measures, remarks}`. The score runs from 0 to 100; `remarks` say in words
where points were lost, the costliest first.
"""

import json
import re
import sys
from collections import Counter
from typing import Any, NamedTuple

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_LONG_SENTENCE = 40
_COMFORTABLE_MEAN = 28
_COVERED = 0.6  # of a fact's content words


class Deduction(NamedTuple):
    """Points lost, and why."""

    points: float
    remark: str


def check(
    report: str,
    *,
    facts: list[dict[str, Any]] | None = None,
    min_words: int = 120,
    pass_score: float = 60,
) -> dict[str, Any]:
    """What can be measured about a report without reading it."""
    measures = _measure(report, [fact["text"] for fact in facts or []])
    lost = sorted(_deductions(measures, min_words), reverse=True)
    score = round(max(0.0, 100 - sum(deduction.points for deduction in lost)))
    return {
        "score": score,
        "passed": score >= pass_score,
        "measures": measures,
        "remarks": [deduction.remark for deduction in lost],
    }


def _measure(report: str, facts: list[str]) -> dict[str, Any]:
    sentences = [part.strip() for part in _SENTENCE_END.split(report) if part.strip()]
    lengths = [len(sentence.split()) for sentence in sentences]
    spread = Counter(" ".join(_content(sentence)) for sentence in sentences)
    said = set(_content(report))
    covered = sum(_share(_content(fact), said) >= _COVERED for fact in facts)
    return {
        "words": sum(lengths),
        "sentences": len(sentences),
        "mean_sentence_words": round(sum(lengths) / max(1, len(lengths)), 1),
        "long_sentences": sum(length > _LONG_SENTENCE for length in lengths),
        "repeated_sentences": sum(spread.values()) - len(spread),
        "facts": len(facts),
        "facts_covered": covered,
    }


def _deductions(measures: dict[str, Any], min_words: int) -> list[Deduction]:
    """What costs points: too little text up to 60, gaps 30, repetition 20, heavy sentences 10."""
    lost: list[Deduction] = []
    words, sentences = measures["words"], max(1, measures["sentences"])
    if words < min_words:
        points = 60 * (1 - words / min_words)
        lost.append(Deduction(points, f"only {words} of at least {min_words} words"))
    if missing := measures["facts"] - measures["facts_covered"]:
        points = 30 * missing / measures["facts"]
        lost.append(Deduction(points, f"{missing} of {measures['facts']} facts are not mentioned"))
    if repeated := measures["repeated_sentences"]:
        points = 20 * min(1.0, 3 * repeated / sentences)
        lost.append(Deduction(points, f"{repeated} of {sentences} sentences repeat another"))
    if long := measures["long_sentences"]:
        points = 10 * min(1.0, 3 * long / sentences)
        lost.append(Deduction(points, f"{long} sentences have over {_LONG_SENTENCE} words"))
    if (mean := measures["mean_sentence_words"]) > _COMFORTABLE_MEAN:
        lost.append(Deduction(5, f"a sentence has {mean:g} words on average"))
    return lost


def _content(text: str) -> list[str]:
    return re.findall(r"[a-z]{4,}|\d+", text.lower())


def _share(words: list[str], known: set[str]) -> float:
    return sum(word in known for word in words) / max(1, len(words))


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(check(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
