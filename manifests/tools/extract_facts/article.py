"""The readable part of an article: its title, and its sentences with the section they stand in."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_SILENT = frozenset({"script", "style", "nav", "footer", "aside", "table", "sup", "figure", "form"})
_BLOCKS = frozenset({"p", "li", "dd", "dt", "blockquote", "pre"})
_HEADINGS = frozenset({"title", "h1", "h2", "h3", "h4"})
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
_ABBREVIATION = re.compile(r"\b(?:[A-Z]|e\.g|i\.e|cf|et al|Dr|Mr|Mrs|Ms|Prof|St|vs|No|Fig|ca)\.$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, and the heading above it; empty above the first one."""

    text: str
    section: str


@dataclass(slots=True)
class Article:
    """What a reader would read."""

    title: str = ""
    sentences: list[Sentence] = field(default_factory=list[Sentence])


def read_article(text: str) -> Article:
    """The article in an HTML page, or in plain text if there is no paragraph markup."""
    if not re.search(r"<(?:p|li|h[1-4])\b", text, re.IGNORECASE):
        article = Article(title=text.strip().partition("\n")[0][:100])
        article.sentences.extend(Sentence(part, "") for part in split_sentences(text))
        return article
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.article


def split_sentences(text: str) -> list[str]:
    """Sentences in order, white space made single; does not split after initials and `e.g.`."""
    sentences: list[str] = []
    for part in _SENTENCE_END.split(" ".join(text.split())):
        if sentences and _ABBREVIATION.search(sentences[-1]):
            sentences[-1] += " " + part
        elif part:
            sentences.append(part)
    return sentences


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.article = Article()
        self._section = ""
        self._page_title = ""
        self._silent = 0
        self._block: str | None = None
        self._pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS | _HEADINGS:
            self._end_block()
            self._block = tag

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == self._block:
            self._end_block()

    def handle_data(self, data: str) -> None:
        if self._block and not self._silent:
            self._pieces.append(data)

    def close(self) -> None:
        super().close()
        self._end_block()
        self.article.title = self.article.title or self._page_title

    def _end_block(self) -> None:
        text = " ".join("".join(self._pieces).split())
        if self._block == "title":
            self._page_title = text
        elif self._block == "h1":
            self.article.title = self.article.title or text
        elif self._block in _HEADINGS:
            self._section = text
        else:
            found = (Sentence(part, self._section) for part in split_sentences(text))
            self.article.sentences.extend(found)
        self._block = None
        self._pieces.clear()
