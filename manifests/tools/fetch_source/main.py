"""Read a file or an http(s) URL.

Output: `{source, media_type, bytes}` with `text`; or, for `as_feed`, with `title` and `entries`,
each `{title, link, published, authors, summary}`.
"""

import json
import sys
from typing import Any

from feeds import FeedError, parse_feed
from sources import SourceError, read_source


def fetch(
    source: str,
    *,
    as_feed: bool = False,
    max_bytes: int = 2_000_000,
    timeout_seconds: float = 15.0,
) -> dict[str, Any]:
    """What is found at `source`; SourceError or FeedError if it can't be read."""
    document = read_source(source, max_bytes=max_bytes, timeout=timeout_seconds)
    found = {"source": source, "media_type": document.media_type, "bytes": document.size}
    return found | (parse_feed(document.text) if as_feed else {"text": document.text})


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    try:
        json.dump(fetch(**parameters), sys.stdout)
    except (SourceError, FeedError) as error:
        sys.exit(f"{parameters['source']}: {error}")


if __name__ == "__main__":
    main()
