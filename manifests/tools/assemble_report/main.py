"""Put a Markdown report together. Output: the report, a string."""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

_LABEL = re.compile(r"^([a-z]\w*): ", re.MULTILINE)  # how a model may name its sources
_YEAR = re.compile(r"\b((?:1[5-9]|20)\d\ds?)\b")


def assemble(
    topic: str,
    text: str,
    *,
    references: list[dict[str, Any]] | None = None,
    facts: list[dict[str, Any]] | None = None,
    quality: dict[str, Any] | None = None,
) -> str:
    """The whole report; a section that would be empty is left out."""
    known = references or []
    sections = {
        "Summary": [_LABEL.sub(lambda found: f"**{found[1].capitalize()}.** ", text)],
        "Timeline": _timeline(facts or []),
        "What the papers found": _findings(known),
        "In the news": _news(known),
        "Sources": _sources(ref for ref in known if ref["cited"]),
        "Further reading": _sources(
            ref for ref in known if not ref["cited"] and ref["kind"] != "news"
        ),
        "Quality": _quality(quality) if quality else [],
    }
    parts = [f"# {topic[:1].upper()}{topic[1:]}"]
    for heading, lines in sections.items():
        if body := "\n".join(lines):
            parts.append(f"## {heading}\n\n{body}")
    return "\n\n".join(parts) + "\n"


def _timeline(facts: list[dict[str, Any]]) -> list[str]:
    dated = [(found[1], fact["text"]) for fact in facts if (found := _YEAR.search(fact["text"]))]
    return [f"- **{year}**: {text}" for year, text in sorted(dated)]


def _findings(references: list[dict[str, Any]]) -> list[str]:
    found = [ref for ref in references if ref["kind"] == "paper" and ref["note"]]
    return [f"- {ref['note']} [{ref['number']}]" for ref in found]


def _news(references: list[dict[str, Any]]) -> list[str]:
    items = [ref for ref in references if ref["kind"] == "news" and ref["cited"]]
    items.sort(key=lambda ref: ref["published"] or "", reverse=True)
    return [f"- {ref['published'] or 'undated'}: {ref['title']} [{ref['number']}]" for ref in items]


def _sources(references: Iterable[dict[str, Any]]) -> Iterator[str]:
    for ref in references:
        by = f"{', '.join(ref['authors'])}: " if ref["authors"] else ""
        where = f" {ref['publisher']}," if ref["publisher"] else ""
        when = f" {ref['published']}." if ref["published"] else ""
        stop = "" if ref["title"].endswith(("?", "!", ".")) else "."
        yield f"- [{ref['number']}] {by}*{ref['title']}*{stop}{where}{when} <{ref['link']}>"


def _quality(quality: dict[str, Any]) -> list[str]:
    measures = quality["measures"]
    verdict = "passed" if quality["passed"] else "not passed"
    summary = (
        f"Score {quality['score']} of 100 ({verdict}): {measures['words']} words in"
        f" {measures['sentences']} sentences, {measures['facts_covered']} of"
        f" {measures['facts']} facts covered."
    )
    remarks = [f"- {remark}" for remark in quality["remarks"]]
    return [summary, "", *remarks] if remarks else [summary]


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(assemble(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
