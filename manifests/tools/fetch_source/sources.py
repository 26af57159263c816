"""Reading a document from disk or over http(s), within a size and a time."""

import codecs
import mimetypes
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

_CHUNK = 65_536
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_DECLARED = re.compile(
    rb"""<(?:meta|\?xml)[^>]*?(?:charset|encoding)\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE
)
_HEAD = 2_048  # a charset declared later than this is too late for browsers, too


class SourceError(Exception):
    """A source that can't be read, worded for the user."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text, its media type, and its size in bytes as it was read."""

    text: str
    media_type: str
    size: int


def read_source(source: str, *, max_bytes: int, timeout: float) -> Document:
    """The document at a path or an http(s) URL; `timeout` is in seconds, for the whole transfer.

    Raises SourceError for anything that can't be read, is longer than `max_bytes`, or isn't text.
    """
    scheme, is_url, _ = source.partition("://")
    if not is_url:
        return _read_file(Path(source), max_bytes=max_bytes)
    if scheme.lower() not in {"http", "https"}:
        message = f"only http and https URLs are read, not {scheme}"
        raise SourceError(message)
    return _read_url(source, max_bytes=max_bytes, timeout=timeout)


def _read_file(path: Path, *, max_bytes: int) -> Document:
    if not path.is_file():
        found = "not a file" if path.exists() else "no such file"
        message = f"{found} (from {Path.cwd()})"
        raise SourceError(message)
    try:
        with path.open("rb") as file:
            content = b"".join(_pieces(file, max_bytes))
    except OSError as error:
        raise SourceError(error.strerror or str(error)) from error
    media_type = mimetypes.guess_type(path.name)[0] or "text/plain"
    return Document(_decode(content), media_type, len(content))


def _opener() -> OpenerDirector:
    """An opener without the ftp, file and data handlers, so that no redirect leads there."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        UnknownHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPDefaultErrorHandler(),
        HTTPRedirectHandler(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _read_url(url: str, *, max_bytes: int, timeout: float) -> Document:
    deadline = time.monotonic() + timeout
    headers = {"User-Agent": "cortex-sample/1.0", "Accept-Encoding": "identity"}
    try:
        with _opener().open(Request(url, headers=headers), timeout=timeout) as answer:
            content = b"".join(_pieces(answer, max_bytes, deadline))
            media_type = answer.headers.get_content_type()
            charset = answer.headers.get_content_charset()
    except HTTPError as error:
        message = f"the server answered {error.code} {error.reason}"
        raise SourceError(message) from error
    except TimeoutError as error:
        message = f"no answer within {timeout:g} s"
        raise SourceError(message) from error
    except (URLError, OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        message = f"can't be fetched: {reason}"
        raise SourceError(message) from error
    return Document(_decode(content, charset), media_type, len(content))


def _pieces(file: IO[bytes], max_bytes: int, deadline: float | None = None) -> Iterator[bytes]:
    """The content in chunks; SourceError once it is too long, TimeoutError once it is too late."""
    size = 0
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        if size > max_bytes:
            message = f"is longer than {max_bytes:,} bytes"
            raise SourceError(message)
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError
        yield chunk


def _decode(content: bytes, charset: str | None = None) -> str:
    """Text by the byte order mark, the charset given or declared, UTF-8, Windows-1252: in order."""
    by_mark = next((name for bom, name in _BOMS.items() if content.startswith(bom)), None)
    if by_mark is None and b"\0" in content[:_HEAD]:
        message = "is not text"
        raise SourceError(message)
    declared = _DECLARED.search(content[:_HEAD])
    named = declared[1].decode("ascii") if declared else None
    for name in (by_mark, charset, named, "utf-8"):
        if name is not None:
            try:
                return content.decode(name)
            except (LookupError, UnicodeDecodeError):
                continue  # a wrong declaration is common; the next guess may fit
    return content.decode("cp1252", errors="replace")
