"""What a run that goes on keeps of what it has done, and what it runs again, and why."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from cortex_cli.engine.past import Call, Key, Past
from cortex_cli.engine.takeover import PERFORMED
from cortex_cli.events import Event
from cortex_cli.kinds import ActionState, OnInterrupted
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.selection import reach
from cortex_cli.protocol.action import Action


class Fate(StrEnum):
    """What becomes of an action of an earlier part of a run."""

    KEPT = "kept"
    CHANGED = "changed"
    FOLLOWS = "follows"
    INTERRUPTED = "interrupted"
    ASKED = "asked"
    FAILS = "fails"
    OPEN = "open"
    RETRIED = "retried"
    GONE = "gone"
    INSIDE = "inside"
    PART = "part"

    @property
    def why(self) -> str:
        """The reason for people."""
        return _REASONS[self]


_REASONS = {
    Fate.KEPT: "it has ended, and is not run again",
    Fate.CHANGED: "the manifest says something else of it now",
    Fate.FOLLOWS: "it comes after an action that is run again",
    Fate.INTERRUPTED: "it was in flight, and goes on as the same attempt",
    Fate.ASKED: "it was in flight, and goes on as the same attempt if somebody approves",
    Fate.FAILS: "it was in flight, and fails, as its on_interrupted says",
    Fate.OPEN: "it failed, and whoever is there is asked again what to do",
    Fate.RETRIED: "it failed, and is tried again",
    Fate.GONE: "the manifest does not have it any more",
    Fate.INSIDE: "an action inside it is run again",
    Fate.PART: "it is part of an action that is run again from its start",
}
AS_IT_WAS = frozenset({Fate.KEPT, Fate.INTERRUPTED, Fate.ASKED, Fate.FAILS})
"""What a run would come to without any change of its manifest, too."""

_AGAIN = frozenset(Fate) - AS_IT_WAS - {Fate.OPEN}
_ANEW = frozenset({Fate.CHANGED, Fate.FOLLOWS, Fate.GONE, Fate.PART})


_POLICIES = {OnInterrupted.ASK: Fate.ASKED, OnInterrupted.FAIL: Fate.FAILS}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one action: its path and id, and how it stood."""

    path: tuple[str, ...]
    id: str
    state: ActionState
    fate: Fate


class Plans(Protocol):
    """The plans of a manifest as it is now."""

    def program_at(
        self, path: tuple[str, ...], made: Mapping[Key, Call]
    ) -> tuple[str, Graph | None] | None:
        """The name of the program that runs at a path, and its graph; None: nothing does.

        `made` has what actions call that a model has planned; where it plans, there is no graph.
        """
        ...


class Earlier(Protocol):
    """What is known of the earlier part of a run, beside its events."""

    @property
    def digests(self) -> Mapping[str, str]:
        """What its actions meant, by name of program and id."""
        ...

    @property
    def forgotten(self) -> Mapping[str, int]:
        """What was run again before, as of `Past`."""
        ...


class Resumption:
    """The earlier part of a run, held against the manifest as it is now.

    `past` is what the run takes over; `verdicts` say so of each action, by path and id;
    `forgotten` has what is run again of it, as of `Past`.
    """

    def __init__(
        self,
        events: Iterable[Event],
        plans: Plans,
        earlier: Earlier,
        *,
        retry_failed: bool = False,
    ) -> None:
        """Judge each action that had begun."""
        self.past = Past(events, forgotten=earlier.forgotten)
        self._plans = plans
        self._made = self.past.made
        self._digests = earlier.digests
        self._retry_failed = retry_failed
        self._known: dict[tuple[str, ...], list[str]] = {}
        self._policies: dict[Key, Fate] = {}
        past = self.past
        known = {*past.ended, *past.in_flight, *past.retried, *past.failing}
        for path, name in sorted(known):
            self._known.setdefault(path, []).append(name)
        self.verdicts = list(self._judge())
        again = [(v.path, v.id) for v in self.verdicts if v.fate in _AGAIN]
        self.past.forget(again)
        self.forgotten = {"/".join((*path, name)): self.past.sequence for path, name in again}

    def _judge(self) -> Iterator[Verdict]:
        fates: dict[tuple[str, ...], Mapping[str, Fate]] = {}
        for path in sorted(self._known, key=len, reverse=True):
            inside = [place[-1] for place, its in fates.items() if place[:-1] == path and its]
            fates[path] = self._fates(path, inside)
        anew: set[tuple[str, ...]] = set()
        for path, names in self._known.items():
            is_part = path in anew
            for name in names:
                verdict = self._verdict((path, name), fates[path], is_part=is_part)
                if verdict.fate in _ANEW:
                    anew.add((*path, name))
                yield verdict

    def _verdict(self, key: Key, fates: Mapping[str, Fate], *, is_part: bool) -> Verdict:
        path, name = key
        end = self.past.ended.get(key)
        if key in self.past.failing:
            state, fate = ActionState.FAILED, Fate.OPEN
        elif end is None:
            # What was cancelled was in flight as well.
            passing = self.past.passing.get(key)
            state = ActionState.RUNNING if passing is None else passing.state
            fate = self._policies.get(key, Fate.INTERRUPTED)
        else:
            state, fate = end.state, Fate.KEPT
        fate = Fate.PART if is_part else fates.get(name, fate)
        return Verdict(path=path, id=name, state=state, fate=fate)

    def _fates(self, path: tuple[str, ...], inside: Iterable[str]) -> dict[str, Fate]:
        """What is not simply kept of the actions at a path; `inside` some, others are run again."""
        known = self._known[path]
        found = self._plans.program_at(path, self._made)
        if found is None:
            return dict.fromkeys(known, Fate.GONE)
        program, graph = found
        if graph is None:
            return self._fates_of_made(path, inside)
        made, replaced = self._made_at(path)
        fates = self._retried(path, {*made, *known} - replaced)
        for name in known:
            # What a model has put in the place of what had failed stands as it is.
            fate = None if name in made else self._fate_of_declared(path, name, program, graph)
            if fate is not None:
                fates[name] = fate
        for name in inside:
            fates.setdefault(name, Fate.INSIDE)
        return fates | self._following(graph, known, fates)

    def _fate_of_declared(
        self, path: tuple[str, ...], name: str, program: str, graph: Graph
    ) -> Fate | None:
        """What the manifest makes of an action; None if it says the same of it as before."""
        number = graph.index.get(_declared(name))
        if number is None:
            return Fate.GONE
        if self._has_changed(program, graph.actions[number]):
            return Fate.CHANGED
        self._note_policy((path, name), graph.actions[number])
        return None

    def _made_at(self, path: tuple[str, ...]) -> tuple[set[str], set[str]]:
        """What a model has written of the last plan at a path, and what patches have replaced."""
        loop = self.past.loops.get(path)
        if loop is None:
            return set(), set()
        replaced = {name for _, names in loop.last.patches for name in names}
        return {name for name, _ in loop.last.actions}, replaced

    def _retried(self, path: tuple[str, ...], names: Iterable[str]) -> dict[str, Fate]:
        """Those of these actions that have failed, if they are to be tried again."""
        failed = [name for name in names if self._has_failed((path, name))]
        return dict.fromkeys(failed if self._retry_failed else (), Fate.RETRIED)

    def _note_policy(self, key: Key, action: Action) -> None:
        """Take down what `on_interrupted` says, if it is for this action to say, and it does."""
        is_list = action.for_each is not None and key[1] == action.id
        policy = None if action.on_interrupted is None else _POLICIES.get(action.on_interrupted)
        if policy is not None and action.type in PERFORMED and not is_list:
            self._policies[key] = policy

    def _fates_of_made(self, path: tuple[str, ...], inside: Iterable[str]) -> dict[str, Fate]:
        """What a model has planned stands as it is; of its last plan failures may be tried again."""
        made, replaced = self._made_at(path)
        return dict.fromkeys(inside, Fate.INSIDE) | self._retried(path, made - replaced)

    def _has_failed(self, key: Key) -> bool:
        end = self.past.ended.get(key)
        has_ended_so = end is not None and end.state is ActionState.FAILED
        return has_ended_so or key in self.past.failing

    def _following(
        self, graph: Graph, known: Iterable[str], fates: Mapping[str, Fate]
    ) -> dict[str, Fate]:
        """What comes after these, and the lists whose items they are."""
        seeds = {graph.index[_declared(name)] for name in fates if _declared(name) in graph.index}
        after = reach(graph, seeds, graph.children) - seeds
        ids = {graph.actions[number].id for number in after}
        follows = {name: Fate.FOLLOWS for name in known if _declared(name) in ids}
        lists = {_declared(name) for name in fates} - fates.keys()
        return follows | {name: Fate.INSIDE for name in known if name in lists}

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
