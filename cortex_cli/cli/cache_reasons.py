"""Why an output was not taken from the cache, told by the entries that the cache still has."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cortex_cli.engine.cache import CacheSubject
from cortex_cli.events import ActionCompleted, ActionStarted, Event

if TYPE_CHECKING:
    from cortex_cli.store.cache_rows import CacheItem
    from cortex_cli.store.sqlite_cache import SqliteCache

_WORDS = {
    "inputs": "inputs",
    "action": "target",
    "tool": "tool's files",
    "environment": "environment",
    "version": "version of cortex",
}


def explain_cache(cache: "SqliteCache", events: Iterable[Event], action: str) -> str | None:
    """Why a run has made an output that its cache was asked for; None: it was not, or had it.

    `events` are those of the run, `action` is its ids, from the outermost on, as in `a/b`. What
    the action has put into the cache is held against what an earlier run had put there last.
    Raises CheckpointError for a cache that can't be read.
    """
    found = _subject(events, action)
    if found is None:
        return None
    subject, run_id = found
    entries = [item for item in cache.entries() if item.origin.subject == subject]
    own = next((item for item in entries if item.origin.execution_id == run_id), None)
    if own is None:
        return None
    return _told(own, [item for item in entries if _is_before(item, own)])


def _subject(events: Iterable[Event], action: str) -> tuple[CacheSubject, str] | None:
    """Whose output it is, and in which run, if the action ran and has completed."""
    *path, action_id = action.split("/")
    subject = None
    for event in events:
        match event:
            case ActionStarted(data=data) if _is_of(event, path, action_id):
                subject = CacheSubject(
                    type=data.type,
                    target=data.target,
                    operation=data.operation,
                    action_id=action_id,
                )
            case ActionCompleted(data=data) if _is_of(event, path, action_id):
                if subject is None or data.cached:
                    return None
                return subject, event.execution_id
            case _:
                pass
    return None


def _is_of(event: ActionStarted | ActionCompleted, path: list[str], action_id: str) -> bool:
    return event.action_id == action_id and [*event.path] == path


def _is_before(item: "CacheItem", own: "CacheItem") -> bool:
    origin = item.origin
    is_other = origin.execution_id != own.origin.execution_id
    return is_other and origin.made_at <= own.origin.made_at


def _told(own: "CacheItem", earlier: "list[CacheItem]") -> str:
    if not earlier:
        again = " that had not expired" if own.origin.ttl_seconds is not None else ""
        return f"The cache was asked and had no output of it{again}; now it has this one."
    origin = earlier[0].origin
    names = own.origin.parts.keys() | origin.parts.keys()
    different = {name for name in names if own.origin.parts.get(name) != origin.parts.get(name)}
    words = [word for name, word in _WORDS.items() if name in different]
    what = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return (
        f"It was not taken from the cache, since not all is as in run {origin.execution_id}: "
        f"its {what or 'key'} changed."
    )
