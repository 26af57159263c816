"""Find for each sentence of a report the source that supports it.

Output: `{text, references, unsupported}`. `text` is the report with marks like `[2]`; `references`
are all sources, numbered by first use, with `cited` false for those that nothing rests on;
`unsupported` lists the sentences that no source supports.
"""

import json
import math
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_SUPPORT = 0.6  # the weighted share of a sentence's words that a source must hold
_FEWEST_WORDS = 4


@dataclass(slots=True)
class Source:
    """Something that a sentence can rest on."""

    kind: str
    title: str
    link: str
    authors: list[str] = field(default_factory=list[str])
    published: str | None = None
    publisher: str | None = None
    note: str | None = None
    text: str = ""


def cite(
    report: str,
    *,
    article: dict[str, Any] | None = None,
    papers: dict[str, Any] | None = None,
    news: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The report with its citations."""
    sources = _sources(article, papers or {}, news or {})
    support = _supporter(sources)
    numbers: dict[int, int] = {}
    unsupported: list[str] = []
    paragraphs: list[str] = []
    for paragraph in filter(None, map(str.strip, report.split("\n"))):
        marked: list[str] = []
        for sentence in _SENTENCE_END.split(paragraph):
            index = support(sentence)
            if index is None:
                unsupported.append(sentence)
                marked.append(sentence)
            else:
                marked.append(_mark(sentence, numbers.setdefault(index, len(numbers) + 1)))
        paragraphs.append(" ".join(marked))
    references = _references(sources, numbers)
    return {"text": "\n\n".join(paragraphs), "references": references, "unsupported": unsupported}


def _sources(
    article: dict[str, Any] | None, papers: dict[str, Any], news: dict[str, Any]
) -> list[Source]:
    found = [_from_entry("paper", entry, papers) for entry in _entries(papers)]
    found.extend(_from_entry("news", entry, news) for entry in _entries(news))
    if article:
        found.append(Source("article", article["title"], article["link"], text=article["text"]))
    return found


def _entries(feed: dict[str, Any]) -> list[dict[str, Any]]:
    return feed.get("entries") or []


def _from_entry(kind: str, entry: dict[str, Any], feed: dict[str, Any]) -> Source:
    return Source(
        kind,
        entry["title"],
        entry["link"],
        authors=entry.get("authors") or [],
        published=entry.get("published"),
        publisher=_name(feed.get("title") or ""),
        note=entry.get("finding"),
        text=f"{entry['title']}. {entry.get('summary') or ''}",
    )


def _name(feed_title: str) -> str | None:
    """A feed's title up to its first colon, where a slogan or the terms of a query follow."""
    return feed_title.partition(":")[0].strip() or None


def _supporter(sources: list[Source]) -> Callable[[str], int | None]:
    """A function from a sentence to the index of the source that supports it best, if any does."""
    vocabularies = [_words(source.text) for source in sources]
    known = set[str]().union(*vocabularies)
    rarity = {
        word: math.log(1 + len(sources) / sum(word in words for words in vocabularies))
        for word in known
    }
    unknown = math.log(1 + 2 * max(1, len(sources)))

    def support(sentence: str) -> int | None:
        words = _words(sentence)
        total = sum(rarity.get(word, unknown) for word in words)
        if len(words) < _FEWEST_WORDS:
            return None
        shares = [sum(rarity[word] for word in words & held) / total for held in vocabularies]
        best = max(range(len(shares)), key=shares.__getitem__, default=None)
        return best if best is not None and shares[best] >= _SUPPORT else None

    return support


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}|\d+", re.sub(r"<[^>]+>", " ", text.lower())))


def _mark(sentence: str, number: int) -> str:
    """The mark goes before the full stop: `It runs [2].` is made from `It runs.`."""
    body = sentence.rstrip(".!?")
    return f"{body} [{number}]{sentence[len(body) :]}"


def _references(sources: list[Source], numbers: dict[int, int]) -> list[dict[str, Any]]:
    unused = (index for index in range(len(sources)) if index not in numbers)
    ordered = [*sorted(numbers, key=numbers.__getitem__), *unused]
    references: list[dict[str, Any]] = []
    for number, index in enumerate(ordered, start=1):
        source = asdict(sources[index])
        del source["text"]
        references.append({"number": number, "cited": index in numbers} | source)
    return references


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(cite(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
