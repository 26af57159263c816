"""Atom and RSS feeds as plain entries."""

import html
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree

_TAG = re.compile(r"<[^>]+>")


class FeedError(Exception):
    """A text that is not a feed, worded for the user."""


def parse_feed(text: str) -> dict[str, Any]:
    """Title and entries of an Atom 1.0 or RSS 2.0 feed, in the feed's order.

    Each entry is `{title, link, published, authors, summary}`: `published` is `YYYY-MM-DD` or
    null, the texts are without markup. Raises FeedError for anything that is no feed.
    """
    if "<!ENTITY" in text:
        message = "declares XML entities, which no feed needs"
        raise FeedError(message)
    try:
        # A str is decoded already: the encoding in its declaration no longer holds.
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except ElementTree.ParseError as error:
        message = f"is not well-formed XML: {error}"
        raise FeedError(message) from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag == "feed":
        return {"title": _text(root, "title"), "entries": [*map(_atom_entry, root.iter("entry"))]}
    if root.tag == "rss":
        title = _text(root, "channel/title")
        return {"title": title, "entries": [*map(_rss_entry, root.iter("item"))]}
    message = f"is neither Atom nor RSS: its root is <{root.tag}>"
    raise FeedError(message)


def _atom_entry(entry: ElementTree.Element) -> dict[str, Any]:
    links = {link.get("rel", "alternate"): link.get("href") for link in entry.iter("link")}
    return {
        "title": _text(entry, "title"),
        "link": links.get("alternate") or _text(entry, "id"),
        "published": _iso_date(_text(entry, "published") or _text(entry, "updated")),
        "authors": [_text(author, "name") for author in entry.iter("author")],
        "summary": _text(entry, "summary") or _text(entry, "content"),
    }


def _rss_entry(item: ElementTree.Element) -> dict[str, Any]:
    authors = [*item.iter("creator"), *item.iter("author")]
    return {
        "title": _text(item, "title"),
        "link": _text(item, "link") or _text(item, "guid"),
        "published": _iso_date(_text(item, "pubDate") or _text(item, "date")),
        "authors": [" ".join("".join(author.itertext()).split()) for author in authors],
        "summary": _text(item, "description"),
    }


def _text(element: ElementTree.Element, path: str) -> str:
    """The text below a path, without markup and with single spaces; empty if there is none."""
    found = element.find(path)
    raw = "" if found is None else "".join(found.itertext())
    return " ".join(html.unescape(_TAG.sub(" ", raw)).split())


def _iso_date(written: str) -> str | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(written).date().isoformat()
        except ValueError:
            continue
    return None
