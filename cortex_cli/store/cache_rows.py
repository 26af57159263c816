"""The table of the cache: how an entry becomes a row, and is read back only as it was written."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from cortex_cli.engine.cache import CacheOrigin, CacheSubject
from cortex_cli.kinds import ActionType
from cortex_cli.store.database import Schema

CACHE = Schema(
    what="cache",
    application_id=0x63747863,
    version=1,
    tables="""
        CREATE TABLE entries (
          key TEXT PRIMARY KEY, type TEXT NOT NULL, target TEXT, operation TEXT,
          action_id TEXT NOT NULL, execution_id TEXT NOT NULL, made_at REAL NOT NULL,
          ttl_seconds REAL, parts BLOB NOT NULL, output BLOB, sha256 TEXT NOT NULL,
          size INTEGER NOT NULL, seal TEXT NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX subject ON entries (action_id, type, target, operation, made_at);
        CREATE INDEX files ON entries (sha256) WHERE output IS NULL
    """,
)
COLUMNS = (
    "key, type, target, operation, action_id, execution_id, made_at, ttl_seconds, parts, output,"
    " sha256, size, seal"
)


class CacheRow(NamedTuple):
    """One row of `entries`; `output` is None where the JSON is a file named `sha256`.

    `seal` is the digest of all that comes before it but the output, which has its own.
    """

    key: str
    type: str
    target: str | None
    operation: str | None
    action_id: str
    execution_id: str
    made_at: float
    ttl_seconds: float | None
    parts: bytes
    output: bytes | None
    sha256: str
    size: int
    seal: str

    def sealed(self) -> "CacheRow":
        """The row with its right seal."""
        content = msgspec.json.encode([self[:9], self[10:12]])
        return self._replace(seal=sha256(content).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheItem:
    """An entry as it is listed: its key, the size of its output in bytes of JSON, its origin."""

    key: str
    size: int
    origin: CacheOrigin


class BadRowError(ValueError):
    """A row is not as it was written."""


def row_of(key: str, output: bytes, origin: CacheOrigin, *, digest: str | None) -> CacheRow:
    """The row of an entry; with a `digest` its output is a file of that name."""
    subject = origin.subject
    return CacheRow(
        key=key,
        type=subject.type.value,
        target=subject.target,
        operation=subject.operation,
        action_id=subject.action_id,
        execution_id=origin.execution_id,
        made_at=origin.made_at,
        ttl_seconds=origin.ttl_seconds,
        parts=msgspec.json.encode(dict(origin.parts)),
        output=output if digest is None else None,
        sha256=digest or sha256(output).hexdigest(),
        size=len(output),
        seal="",
    ).sealed()


def item_of(row: CacheRow) -> CacheItem:
    """What a row lists; BadRowError if it is not as it was written."""
    try:
        if row.sealed().seal != row.seal:
            message = "its seal is broken"
            raise BadRowError(message)
        parts = msgspec.json.decode(row.parts, type=dict[str, str])
        subject = CacheSubject(
            type=ActionType(row.type),
            target=row.target,
            operation=row.operation,
            action_id=row.action_id,
        )
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise BadRowError(str(error)) from error
    origin = CacheOrigin(
        subject=subject,
        parts=parts,
        execution_id=row.execution_id,
        made_at=row.made_at,
        ttl_seconds=row.ttl_seconds,
    )
    return CacheItem(key=row.key, size=row.size, origin=origin)


def output_in(row: CacheRow, content: bytes) -> Any:
    """The output that a row's content is; BadRowError if it is another one's."""
    try:
        if sha256(content).hexdigest() != row.sha256:
            message = "its output has changed"
            raise BadRowError(message)
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, TypeError, RecursionError) as error:
        raise BadRowError(str(error)) from error
