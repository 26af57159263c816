"""A URL with references in it: what each may change, and what it can't.

Inside the path a value is one segment, inside the query a value, both percent-encoded. A value at
the very beginning is the URL, or the beginning of it; one between `://` and the next slash is a
host, a part of one, or a port. In both cases the host that comes out has to be declared.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from cortex_cli.actions.hosts import Hosts, parse_url
from cortex_cli.actions.utf8 import utf8
from cortex_cli.errors import ActionError
from cortex_cli.plan.references import Lookup, Reference, parse, resolve

_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_NO_HOST = re.compile(r"[\s/?#@\\%]")


def fill_url(text: str, lookup: Lookup) -> str:
    """The URL with its references resolved.

    Raises ActionError (`url`, not retryable) for a value that can't stand where it would.
    """
    parts = parse(text).parts
    url = ""
    for place, part in enumerate(parts):
        if isinstance(part, Reference):
            url += _piece(url, part, resolve(part.text, lookup), alone=len(parts) == 1)
        elif place == 1 and part.startswith("/"):
            # `${base}/path` means the same whether or not the base ends with a slash.
            url = url.removesuffix("/") + part
        else:
            url += part
    check_segments(url)
    return url


def literal_host(text: str) -> Hosts | None:
    """What a URL declares by its host; None if a reference has part in it, or it has none."""
    parts = parse(text).parts
    first = parts[0] if parts else ""
    origin = None if isinstance(first, Reference) else _ORIGIN.match(first)
    if origin is None or (len(parts) > 1 and origin[0] == first):
        return None
    try:
        return Hosts.of(parse_url(origin[0]))
    except ValueError:
        return None


def with_query(url: str, parameters: Mapping[str, Any]) -> str:
    """The URL, its fragment dropped, with these parameters added to its query.

    Null is left out, a list repeats its name; what is no text goes in as JSON.
    """
    url = url.partition("#")[0]
    query = "&".join(
        f"{encode(name)}={encode(item)}"
        for name, value in parameters.items()
        for item in (cast("list[Any]", value) if isinstance(value, list) else [value])
        if item is not None
    )
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def encode(value: Any) -> str:
    """A value percent-encoded for any place in a URL: text, null as nothing, the rest as JSON."""
    return quote(utf8(value if isinstance(value, str) else _json(value)), safe="")


def check_segments(url: str) -> None:
    """Refuse a path that leads upwards: ActionError (`url`) if a segment is `.` or `..`."""
    origin = _ORIGIN.match(url)
    path = re.split(r"[?#]", url[origin.end() if origin else 0 :], maxsplit=1)[0]
    if {".", ".."} & {*path.split("/")}:
        message = "a segment of the URL's path would be '.' or '..'"
        raise ActionError(message, error_type="url", retryable=False)


def _piece(before: str, reference: Reference, value: Any, *, alone: bool) -> str:
    if not before:
        return _beginning(reference, value, alone=alone)
    if _ORIGIN.fullmatch(before):
        text = value if isinstance(value, str) else _json(value)
        if not text or _NO_HOST.search(text):
            raise _misplaced(reference, "is no host or port")
        return text
    if "?" not in before and "#" not in before and value in (None, ""):
        raise _misplaced(reference, "has no value to put into the path")
    return encode(value)


def _beginning(reference: Reference, value: Any, *, alone: bool) -> str:
    if not isinstance(value, str) or not _ORIGIN.match(value):
        raise _misplaced(reference, "begins no http:// or https:// URL")
    if not alone and ("?" in value or "#" in value):
        raise _misplaced(reference, "holds a query where more of the URL follows")
    return value


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _misplaced(reference: Reference, reason: str) -> ActionError:
    return ActionError(f"in the URL {reference.text} {reason}", error_type="url", retryable=False)
