"""What the engine asks of a cache of outputs, in its own words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from cortex_cli.kinds import ActionType


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSubject:
    """Whose output it is: entries of one subject differ in what they were made from."""

    type: ActionType
    target: str | None
    operation: str | None
    action_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheOrigin:
    """Where an entry comes from.

    `parts` are the digests that its key was made of, by what they are of (`inputs`, `tool` …), for
    saying later what differs. `made_at` is in seconds since 1970; an entry without a time to live
    is good for ever.
    """

    subject: CacheSubject
    parts: Mapping[str, str]
    execution_id: str
    made_at: float
    ttl_seconds: float | None = None

    @property
    def expires_at(self) -> float | None:
        """From when on it is no longer used, in seconds since 1970."""
        return None if self.ttl_seconds is None else self.made_at + self.ttl_seconds

    def is_expired(self, now: float) -> bool:
        """Whether it is no longer used."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheHit:
    """An output that was made before: a JSON value of the caller's own."""

    output: Any
    origin: CacheOrigin


def digest(value: Any) -> str:
    """The SHA-256 of a JSON value, whatever the order of its keys, in hexadecimal.

    TypeError or ValueError if it is no JSON.
    """
    return sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


class NotCacheableError(Exception):
    """Why what an action gives can't be used again: words that follow 'because'."""


class Cache(Protocol):
    """Outputs of actions that have completed, by a key made from all that they depend on.

    It never fails a run: what can't be read is a miss, what can't be written is not kept, and
    `warn` says so, once for each entry or reason.
    """

    def watch(self, warn: Callable[[str], None]) -> None:
        """Say from now on what is wrong with the cache, one line at a time."""
        ...

    def get(self, key: str, now: float) -> CacheHit | None:
        """The entry for the key that is good at `now`, in seconds since 1970; None is a miss."""
        ...

    def put(self, key: str, output: Any, origin: CacheOrigin) -> None:
        """Keep an output, in place of an earlier one with the same key."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUse:
    """The cache of a run; `is_for_all`: also of actions that say nothing of a cache.

    Those are tool and llm actions, without the ones whose effect is declared as external.
    `version` is that of cortex, which says how what tools print is read.
    """

    cache: Cache
    is_for_all: bool = False
    version: str = ""
