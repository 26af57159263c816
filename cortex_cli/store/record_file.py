"""A run in one portable file: a header, then its events, one JSON object a line."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from cortex_cli.errors import UsageError
from cortex_cli.events import AgentStarted, Event, decode, encode
from cortex_cli.store.failures import storage_error
from cortex_cli.store.records import RunRecord, Sources

_VERSION = 1
_HINT = "records are made with cortex run --record FILE"
_DAMAGED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: how the run was begun, and what it is made of."""

    cortex_record: Literal[1] = 1
    run: RunRecord
    sources: Sources | None = None


class RecordError(UsageError):
    """A file is no record of a run, or a damaged one."""


def write_record(path: Path, header: Header, events: Iterable[Event]) -> None:
    """Write a record, whole or not at all, for its owner only; SetupError if that can't be done."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(header) + b"\n")
            for event in events:
                file.write(encode(event) + b"\n")
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise storage_error(path, error) from error


def read_record(path: Path) -> tuple[Header, list[Event]]:
    """A record; RecordError, which names the line, where it is none."""
    try:
        with path.open("rb") as file:
            lines = iter(file)
            header = _header(path, next(lines, b""))
            return header, list(_events(path, lines))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        message = f"there is no file {path}"
        raise RecordError(message, hint=_HINT) from error
    except OSError as error:
        raise storage_error(path, error) from error


def _header(path: Path, line: bytes) -> Header:
    try:
        known: Any = msgspec.json.decode(line)
        version = known["cortex_record"]
    except (*_DAMAGED, KeyError, TypeError) as error:
        message = f"{path} is no record of a run"
        raise RecordError(message, hint=_HINT) from error
    if version != _VERSION:
        message = f"{path} is a record of version {version!r:.20}, and this cortex reads version 1"
        raise RecordError(message, hint="use the cortex that wrote it, or a newer one")
    try:
        return msgspec.json.decode(line, type=Header)
    except _DAMAGED as error:
        message = f"{path}:1: the header of the record is damaged: {error}"
        raise RecordError(message) from error


def _events(path: Path, lines: Iterator[bytes]) -> Iterator[Event]:
    last = 0
    for number, line in enumerate(lines, start=2):
        event = _event(path, number, line)
        if event.sequence != last + 1:
            message = f"{path}:{number}: event {last + 1} is missing"
            raise RecordError(message)
        if last == 0 and not (isinstance(event, AgentStarted) and not event.path):
            message = f"{path}:{number}: a run begins with agent_started, not {event.event_type}"
            raise RecordError(message)
        last = event.sequence
        yield event


def _event(path: Path, number: int, line: bytes) -> Event:
    try:
        event = decode(line)
        # What follows from the times needs all of them.
        datetime.fromisoformat(event.timestamp).astimezone(UTC)
    except (*_DAMAGED, ValueError, OverflowError) as error:
        message = f"{path}:{number}: this is no event: {error}"
        raise RecordError(message) from error
    return event
