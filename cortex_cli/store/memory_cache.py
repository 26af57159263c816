"""A cache that lives as long as the process."""

from collections.abc import Callable
from typing import Any

import msgspec

from cortex_cli.engine.cache import CacheHit, CacheOrigin


class MemoryCache:
    """Keeps every entry; outputs are kept as JSON, so that each caller gets a value of its own."""

    def __init__(self) -> None:
        """A cache without entries."""
        self._entries: dict[str, tuple[bytes, CacheOrigin]] = {}

    def watch(self, warn: Callable[[str], None]) -> None:
        """Keep nothing of it: nothing goes wrong here."""

    def get(self, key: str, now: float) -> CacheHit | None:
        """The entry for the key, unless it has expired."""
        found = self._entries.get(key)
        if found is None or found[1].is_expired(now):
            return None
        return CacheHit(output=msgspec.json.decode(found[0]), origin=found[1])

    def put(self, key: str, output: Any, origin: CacheOrigin) -> None:
        """Keep the output, in place of an earlier one with the same key."""
        self._entries[key] = (msgspec.json.encode(output), origin)
