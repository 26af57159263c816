"""What is kept of a run besides its events: how it was begun, and how it has ended."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import msgspec

from cortex_cli.events import StateCounts, Usage
from cortex_cli.kinds import TerminationReason
from cortex_cli.store.failures import DAMAGED_JSON, CheckpointError
from cortex_cli.store.locks import LockOwner

_RECORD, _ENDED, _SOURCES = "record", "ended", "sources"


class RunState(StrEnum):
    """How a run stands: only one that nobody writes, and that has no end, was interrupted."""

    RUNNING = "running"
    ENDED = "ended"
    INTERRUPTED = "interrupted"
    UNREADABLE = "unreadable"


class RunOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked for beside the inputs; None and empty: nothing."""

    max_parallel: int | str | None = None
    only: tuple[str, ...] = ()
    start_from: tuple[str, ...] = msgspec.field(name="from", default=())
    skip: tuple[str, ...] = ()
    operation: str | None = None
    goal: str | None = None
    cache: bool | None = None
    budget: dict[str, float | None] = {}
    passes: int | None = None


class RunEnded(msgspec.Struct, frozen=True, kw_only=True):
    """How a run has ended: `duration` in seconds, `ended_at` in seconds since 1970.

    `sequence` is the number of the last event; the store fills it in. `usage` is that of models,
    `cost` in US dollars, None if unknown.
    """

    reason: TerminationReason | None
    exit_code: int
    counts: StateCounts
    duration: float
    ended_at: float
    sequence: int = 0
    usage: Usage = Usage()
    cost: float | None = None


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How a run was begun: all that is needed to go on with it, secrets masked.

    `manifest` is an absolute path; where it is None, `manifest_text` is what standard input said.
    `digests` has, by path and id of an action, the SHA-256 of what it would run. `parent` is the
    run that this one repeats, if any. `started_at` is in seconds since 1970. `forgotten` has, by path
    and id, the actions that had ended and were to run again when the run was resumed, each with the
    number of the last event then.
    """

    schema: Literal[1] = 1
    execution_id: str
    name: str
    kind: str
    manifest: str | None
    manifest_text: str | None = None
    root: str | None = None
    cwd: str
    inputs: dict[str, Any] = {}
    options: RunOptions = RunOptions()
    started_at: float
    version: str
    digests: dict[str, str] = {}
    forgotten: dict[str, int] = {}
    parent: str | None = None
    ended: RunEnded | None = None


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was made of, so that it can be replayed elsewhere; secrets masked.

    `entry` is the path of the manifest among the `files`, which are texts by their paths relative to
    the root. `variables` are those that the plans refer to, by the file that declares them;
    `home` is what `$HOME` was, `run_dir` what `${run.dir}` was.
    """

    entry: str
    files: dict[str, str]
    variables: dict[str, dict[str, str]] = {}
    home: str | None = None
    run_dir: str | None = None


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a list. `problem` says why an unreadable one is; then `started_at` is a guess."""

    execution_id: str
    state: RunState
    started_at: float
    name: str = ""
    kind: str = ""
    manifest: str | None = None
    ended: RunEnded | None = None
    owner: LockOwner | None = None
    problem: str | None = None


def record_meta(record: RunRecord) -> Mapping[str, bytes]:
    """The record as the texts of a journal; its `ended` is kept apart."""
    return {_RECORD: msgspec.json.encode(msgspec.structs.replace(record, ended=None))}


def ended_meta(ended: RunEnded) -> Mapping[str, bytes]:
    """The end of a run as a text of its journal."""
    return {_ENDED: msgspec.json.encode(ended)}


def sources_meta(sources: Sources) -> Mapping[str, bytes]:
    """What a run was made of as a text of its journal."""
    return {_SOURCES: msgspec.json.encode(sources)}


def sources_in(meta: Mapping[str, bytes], path: Path) -> Sources | None:
    """What the run was made of, if its journal says so; CheckpointError if that is damaged."""
    try:
        return msgspec.json.decode(meta.get(_SOURCES, b"null"), type=Sources | None)
    except DAMAGED_JSON as error:
        raise CheckpointError(path, f"the manifests of its run are damaged: {error}") from error


def record_in(meta: Mapping[str, bytes], last_sequence: int, path: Path) -> RunRecord:
    """The record in the texts of the journal at `path`; CheckpointError if it is damaged.

    An end that other events have followed is none: the run was taken up again.
    """
    try:
        record = msgspec.json.decode(meta[_RECORD], type=RunRecord)
        ended = msgspec.json.decode(meta.get(_ENDED, b"null"), type=RunEnded | None)
    except KeyError as error:
        raise CheckpointError(path, "it has no record of its run") from error
    except DAMAGED_JSON as error:
        raise CheckpointError(path, f"the record of its run is damaged: {error}") from error
    if ended is not None and ended.sequence > last_sequence:
        missing = f"events {last_sequence + 1} to {ended.sequence} are missing"
        raise CheckpointError(path, missing)
    if ended is not None and ended.sequence == last_sequence:
        return msgspec.structs.replace(record, ended=ended)
    return record


def summary_of(record: RunRecord, owner: LockOwner | None, *, is_locked: bool) -> RunSummary:
    """The summary of a run that can be read."""
    state = RunState.INTERRUPTED if record.ended is None else RunState.ENDED
    return RunSummary(
        execution_id=record.execution_id,
        state=RunState.RUNNING if is_locked else state,
        started_at=record.started_at,
        name=record.name,
        kind=record.kind,
        manifest=record.manifest,
        ended=None if is_locked else record.ended,
        owner=owner,
    )
