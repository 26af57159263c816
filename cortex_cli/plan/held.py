"""Actions that a model has written and that wait for others to join the plan before them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cortex_cli.kinds import EdgeKind
from cortex_cli.plan.wants import Token, Want, tokens_of
from cortex_cli.protocol.action import Action

_CYCLE_SHOWN = 20


@dataclass(slots=True, eq=False, kw_only=True)
class Held:
    """A written action that has not joined the plan.

    `wants` is what it names and has not been looked up, the next one last; `waits` has the places
    and kinds of what was found; `missing` is what keeps the action from joining the plan.
    `is_told`: whoever wrote it has been told why it waits, and may write it again.
    """

    action: Action
    written: Mapping[str, Any]
    text: str
    wants: list[Want]
    waits: dict[int, EdgeKind] = field(default_factory=dict[int, EdgeKind])
    missing: Want | None = None
    is_told: bool = False


@dataclass(slots=True)
class Waiting:
    """The actions that are held back, by their ids and by all that they can be named by."""

    _by_id: dict[str, Held] = field(default_factory=dict[str, Held])
    _by_token: dict[Token, Held] = field(default_factory=dict[Token, Held])
    _wanted: dict[Token, list[Held]] = field(default_factory=dict[Token, list[Held]])

    def __len__(self) -> int:
        """How many there are."""
        return len(self._by_id)

    def __contains__(self, name: object) -> bool:
        """Whether there is one with that id."""
        return name in self._by_id

    def __iter__(self) -> Iterator[Held]:
        """All of them, in the order in which they were written."""
        return iter(list(self._by_id.values()))

    def named(self, token: Token) -> Held | None:
        """The one with that name."""
        return self._by_token.get(token)

    def hold(self, held: Held, missing: Want) -> None:
        """Keep an action until what it misses is there."""
        held.missing = missing
        self._by_id[held.action.id] = held
        for token in tokens_of(held.action):
            self._by_token.setdefault(token, held)
        for token in missing.tokens:
            self._wanted.setdefault(token, []).append(held)

    def release(self, held: Held) -> None:
        """The action has joined the plan, or was refused."""
        if self._by_id.pop(held.action.id, None) is not None:
            for token in tokens_of(held.action):
                if self._by_token.get(token) is held:
                    del self._by_token[token]

    def wake(self, action: Action) -> list[Held]:
        """Those that have waited for an action, which is there now; once each."""
        woken: dict[int, Held] = {}
        for token in tokens_of(action):
            for held in self._wanted.pop(token, ()):
                if self._by_id.get(held.action.id) is held:
                    woken[id(held)] = held
        return list(woken.values())

    def reasons(self) -> list[tuple[Held, str]]:
        """Why each of them can't join the plan as it is."""
        awaited = {name: self._awaited(held) for name, held in self._by_id.items()}
        cycles = _cycles(awaited)
        told: list[tuple[Held, str]] = []
        for name, held in self._by_id.items():
            source = awaited[name]
            if source is None:
                assert held.missing is not None, f"'{name}' waits for nothing"
                reason = f"{held.missing.told}, which is not in the plan"
            else:
                reason = f"it waits for '{source}', which cannot join the plan"
            told.append((held, cycles.get(name, reason)))
        return told

    def _awaited(self, held: Held) -> str | None:
        """The one that an action waits for; None if nobody has written that."""
        tokens = () if held.missing is None else held.missing.tokens
        found = (self._by_token.get(token) for token in tokens)
        return next((one.action.id for one in found if one is not None), None)


def _cycles(awaited: Mapping[str, str | None]) -> dict[str, str]:
    """Those that wait for themselves, each with what to say of its cycle."""
    told: dict[str, str] = {}
    seen: set[str] = set()
    for start in awaited:
        walk: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in seen:
            seen.add(name)
            walk[name] = None
            name = awaited[name]
        if name in walk:
            names = list(walk)
            told.update(dict.fromkeys(names[names.index(name) :], _worded(names, name)))
    return told


def _worded(walk: list[str], start: str) -> str:
    names = [start, *walk[: walk.index(start) : -1]]
    shown = names[:_CYCLE_SHOWN]
    rest = [f"… {len(names) - len(shown)} more …"] if len(names) > len(shown) else []
    return f"actions wait for each other in a cycle: {' → '.join([*shown, *rest, start])}"
