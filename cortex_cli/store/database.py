"""SQLite files of state: made, checked, brought up to date, opened to write or only to read."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cortex_cli.store.failures import CheckpointError, NewerError, primary_code, storing
from cortex_cli.store.state import make_private, require_private

_BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a kind of file holds: `tables` is the SQL that makes it, as of `version`.

    `migrations` has, for each earlier version, the SQL that leads to the next one. Versions from
    `oldest` on can be read as they are; None: only `version`.
    """

    what: str
    application_id: int
    version: int
    tables: str
    migrations: Mapping[int, str] = field(default_factory=dict[int, str])
    oldest: int | None = None


def create_database(path: Path, schema: Schema) -> sqlite3.Connection:
    """A new file with mode 0600 and the schema's tables; SetupError if it can't be made."""
    with storing(path):
        make_private(path)
        return _closed_on_error(path, lambda connection: _fill(connection, schema))


def open_database(
    path: Path, schema: Schema, check: Callable[[sqlite3.Connection], object] | None = None
) -> sqlite3.Connection:
    """A file that is there, to write to, brought up to the schema's version.

    Raises CheckpointError, and changes nothing, if it is missing, empty, damaged, of another kind
    or newer, or if `check` raises it; SetupError if it can't be used. Transactions are begun
    explicitly. The connection may be used from any one thread at a time.
    """

    def prepare(connection: sqlite3.Connection) -> None:
        found = _checked_version(connection, path, schema)
        if check is not None:
            check(connection)
        _bring_up_to_date(connection, path, schema, found)

    with storing(path):
        _require_content(path, schema)
        return _closed_on_error(path, prepare)


def read_database(path: Path, schema: Schema) -> sqlite3.Connection:
    """A file that is there, to read only; another process may be writing to it.

    What a killed writer left half done is taken back first. Raises as `open_database`, and for a
    version that has to be brought up to date before it is read.
    """
    with storing(path):
        _require_content(path, schema)
        try:
            return _read(path, "ro", schema)
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_READONLY:
                raise
        # Only who may write can take back what the killed writer had begun.
        return _read(path, "rw", schema)


def _read(path: Path, mode: str, schema: Schema) -> sqlite3.Connection:
    connection = _connect(path, mode)
    try:
        connection.execute("PRAGMA query_only = ON")
        _require_version(connection, path, schema)
    except BaseException:
        connection.close()
        raise
    return connection


def require_sound(connection: sqlite3.Connection, path: Path) -> None:
    """Read the whole file; CheckpointError if SQLite finds it damaged."""
    with storing(path):
        [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise CheckpointError(path, f"it is damaged: {str(verdict).splitlines()[-1]}")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _require_content(path: Path, schema: Schema) -> None:
    try:
        found = require_private(path)
    except FileNotFoundError as error:
        raise CheckpointError(path, f"there is no {schema.what}") from error
    # SQLite takes an empty file for a new database.
    if found.st_size == 0:
        raise CheckpointError(path, "it is empty")


def _closed_on_error(
    path: Path, prepare: Callable[[sqlite3.Connection], None]
) -> sqlite3.Connection:
    connection = _connect(path, "rw")
    try:
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _fill(connection: sqlite3.Connection, schema: Schema) -> None:
    # The first transaction that follows puts this one on the disk as well.
    connection.execute("PRAGMA synchronous = OFF")
    _change(connection, schema.tables, schema, schema.version)
    connection.execute("PRAGMA synchronous = FULL")


def _bring_up_to_date(
    connection: sqlite3.Connection, path: Path, schema: Schema, found: int
) -> None:
    for version in range(found, schema.version):
        if version not in schema.migrations:
            raise CheckpointError(path, f"it has version {version}, which is too old")
        _change(connection, schema.migrations[version], schema, version + 1)


def _change(connection: sqlite3.Connection, sql: str, schema: Schema, version: int) -> None:
    connection.executescript(
        f"BEGIN IMMEDIATE; {sql}; PRAGMA application_id = {schema.application_id}; "
        f"PRAGMA user_version = {version}; COMMIT;"
    )


def _checked_version(connection: sqlite3.Connection, path: Path, schema: Schema) -> int:
    if _number(connection, "application_id") != schema.application_id:
        raise CheckpointError(path, f"it is not a {schema.what} of cortex")
    version = _number(connection, "user_version")
    if version > schema.version:
        reason = f"a newer cortex wrote it (version {version}, known is {schema.version})"
        raise NewerError(path, reason, hint="use the version of cortex that wrote it")
    return version


def _require_version(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    version = _checked_version(connection, path, schema)
    if version < (schema.version if schema.oldest is None else schema.oldest):
        raise CheckpointError(path, f"it has version {version}, which is too old")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return connection.execute(f"PRAGMA {pragma}").fetchone()[0]
