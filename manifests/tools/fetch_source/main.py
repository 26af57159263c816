"""Read a file or an http(s) URL.

Output: `{source, media_type, bytes, text}`. For `as_feed` there are `title` and `entries` too, each
`{title, link, published, authors, summary}`, and `text` holds the summaries, one a paragraph.
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
    if not as_feed:
        return found | {"text": document.text}
    feed = parse_feed(document.text)
    return found | feed | {"text": "\n\n".join(entry["summary"] for entry in feed["entries"])}


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    try:
        json.dump(fetch(**parameters), sys.stdout)
    except (SourceError, FeedError) as error:
        sys.exit(f"{parameters['source']}: {error}")


if __name__ == "__main__":
    main()
