"""Pick the sentences of an article that state a fact.

Output: `{title, words, sections, facts, text}`, each fact `{text, section, kind, score}` in the
order of the article; `kind` is the first that fits of `date`, `definition`, `figure` and
`statement`. `text` holds the sentences of all facts, one paragraph a section.
"""

import json
import re
import sys
from typing import Any

from article import Sentence, read_article

_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\ds?\b")
_FIGURE = re.compile(r"\d|\b(?:half|third|quarter|twice|double[ds]?|four|five|ten|percent)\b")
_DEFINITION = re.compile(
    r"^(?:An?|The|In \w+, an?)? ?[\w\s-]{2,60}? (?:is|are) (?:an? |the |called |known as )"
    r"|\bis called\b"
)
_WORTH = {"definition": 3.0, "date": 2.5, "figure": 1.5, "statement": 0.0}
_LEANS_BACK = re.compile(
    r"^(?:This|That|These|Those|It|They|Such|However|But|And|Later|For this)\b"
)
_FEWEST_WORDS, _MOST_WORDS = 6, 45


def extract(text: str, *, topic: str = "", max_facts: int = 12) -> dict[str, Any]:
    """The best `max_facts` fact sentences of an article."""
    article = read_article(text)
    if not article.sentences:
        sys.exit("the text holds no sentences")
    topic_words = _stems(topic) | _stems(article.title)
    facts = [_fact(sentence, topic_words) for sentence in article.sentences if _fits(sentence)]
    best = sorted(facts, key=lambda fact: -fact["score"])[:max_facts]
    chosen = [fact for fact in facts if fact in best]
    return {
        "title": article.title,
        "words": sum(len(sentence.text.split()) for sentence in article.sentences),
        "sections": list(dict.fromkeys(s.section for s in article.sentences if s.section)),
        "facts": chosen,
        "text": _paragraphs(chosen),
    }


def _paragraphs(facts: list[dict[str, Any]]) -> str:
    sections: dict[str, list[str]] = {}
    for fact in facts:
        sections.setdefault(fact["section"], []).append(fact["text"])
    return "\n\n".join(" ".join(texts) for texts in sections.values())


def _fits(sentence: Sentence) -> bool:
    return _FEWEST_WORDS <= len(sentence.text.split()) <= _MOST_WORDS


def _fact(sentence: Sentence, topic_words: set[str]) -> dict[str, Any]:
    kind = _kind(sentence.text)
    overlap = len(_stems(sentence.text) & topic_words)
    # A sentence that leans on the one before it says little once it stands alone.
    score = _WORTH[kind] + 0.5 * overlap - (2.0 if _LEANS_BACK.match(sentence.text) else 0.0)
    return {
        "text": sentence.text,
        "section": sentence.section,
        "kind": kind,
        "score": round(score, 2),
    }


def _kind(text: str) -> str:
    if _YEAR.search(text):
        return "date"
    if _DEFINITION.search(text):
        return "definition"
    return "figure" if _FIGURE.search(text) else "statement"


def _stems(text: str) -> set[str]:
    """The words of four letters and more, without the ending that marks a plural."""
    return {word.removesuffix("s") for word in re.findall(r"[a-z]{4,}", text.lower())}


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(extract(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
