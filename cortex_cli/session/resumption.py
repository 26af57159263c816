"""What a run that goes on keeps of what it has done, and what it runs again, and why."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from cortex_cli.engine.past import Key, Past
from cortex_cli.events import Event
from cortex_cli.kinds import ActionState
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.selection import reach
from cortex_cli.protocol.action import Action


class Fate(StrEnum):
    """What becomes of an action of an earlier part of a run."""

    KEPT = "kept"
    CHANGED = "changed"
    FOLLOWS = "follows"
    INTERRUPTED = "interrupted"
    RETRIED = "retried"
    GONE = "gone"

    @property
    def why(self) -> str:
        """The reason for people."""
        return _REASONS[self]


_REASONS = {
    Fate.KEPT: "it has ended, and is not run again",
    Fate.CHANGED: "the manifest says something else of it now",
    Fate.FOLLOWS: "it comes after an action that is run again",
    Fate.INTERRUPTED: "it was in flight, and goes on as the same attempt",
    Fate.RETRIED: "it failed, and is tried again",
    Fate.GONE: "the manifest does not have it any more",
}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one action: its path and id, and how it stood."""

    path: tuple[str, ...]
    id: str
    state: ActionState
    fate: Fate


class Plans(Protocol):
    """The plans of a manifest as it is now."""

    def plan_at(self, path: tuple[str, ...]) -> tuple[str, Graph] | None:
        """The name of the program that runs at a path, and its graph; None: nothing does."""
        ...


class Resumption:
    """The earlier part of a run, held against the manifest as it is now.

    `past` is what the run takes over; `verdicts` say so of each action, in the order of the run.
    """

    def __init__(
        self,
        events: Iterable[Event],
        plans: Plans,
        digests: Mapping[str, str],
        *,
        retry_failed: bool = False,
    ) -> None:
        """`digests` are those of the actions when the run began, by name of program and id."""
        self.past = Past(events)
        self._plans = plans
        self._digests = digests
        self._retry_failed = retry_failed
        self.verdicts = list(self._judge())
        again = {Fate.CHANGED, Fate.FOLLOWS, Fate.RETRIED, Fate.GONE}
        self.past.forget((v.path, v.id) for v in self.verdicts if v.fate in again)

    def _judge(self) -> Iterator[Verdict]:
        known = self.past.ended.keys() | self.past.in_flight.keys()
        for path in dict.fromkeys(path for path, _ in sorted(known)):
            fates = self._fates(path)
            for key in sorted(key for key in known if key[0] == path):
                yield self._verdict(key, fates)

    def _verdict(self, key: Key, fates: Mapping[str, Fate] | None) -> Verdict:
        path, name = key
        end = self.past.ended.get(key)
        state = ActionState.RUNNING if end is None else end.state
        fate = Fate.INTERRUPTED if end is None else Fate.KEPT
        fate = Fate.GONE if fates is None else fates.get(_declared(name), fate)
        return Verdict(path=path, id=name, state=state, fate=fate)

    def _fates(self, path: tuple[str, ...]) -> dict[str, Fate] | None:
        """What is not simply kept of the actions at a path, by declared id; None: no plan there."""
        found = self._plans.plan_at(path)
        if found is None:
            return None
        name, graph = found
        ended = self.past.of(path)
        fates: dict[str, Fate] = {}
        for known in {_declared(known) for known in (*ended, *self._running(path))}:
            number = graph.index.get(known)
            if number is None:
                fates[known] = Fate.GONE
            elif self._has_changed(name, graph.actions[number]):
                fates[known] = Fate.CHANGED
        if self._retry_failed:
            failed = (known for known, end in ended.items() if end.state is ActionState.FAILED)
            fates |= {_declared(known): Fate.RETRIED for known in failed}
        seeds = [graph.index[known] for known in fates if known in graph.index]
        for number in reach(graph, seeds, graph.children):
            fates.setdefault(graph.actions[number].id, Fate.FOLLOWS)
        return fates

    def _running(self, path: tuple[str, ...]) -> Iterator[str]:
        return (name for place, name in self.past.in_flight if place == path)

    def _has_changed(self, name: str, action: Action) -> bool:
        known = self._digests.get(f"{name}/{action.id}")
        return known is not None and known != digest_of(action)


def digest_of(action: Action) -> str:
    """What tells whether an action means the same as before; how it looks and waits is left out."""
    text = action.model_dump_json(exclude=_UNIMPORTANT, exclude_defaults=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


_UNIMPORTANT = {
    "name",
    "priority",
    "estimate_seconds",
    "timeout_seconds",
    "retry",
    "resources",
    "on_interrupted",
    "cache",
}


def _declared(name: str) -> str:
    """The id in the manifest; that of an item is its own with the place of the item."""
    return name.partition("[")[0]
