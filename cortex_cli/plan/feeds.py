"""Context feeds in a plan: where a value is needed, and the actions that fetch it for there.

A feed that nothing refers to is not fetched. One without an interval is fetched once; of one with
an interval there is a fetch for each point of the plan at which it is needed: actions that wait
for the same things share one, which takes a value that is there unless it is too old.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cortex_cli.kinds import ActionMode, RunIf
from cortex_cli.plan.conditions import ConditionSyntaxError, compile_condition
from cortex_cli.plan.edges import choices, conditions, templates
from cortex_cli.plan.provided import BUILT_IN, ROOTS
from cortex_cli.plan.references import find
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.fetch import Fetch
from cortex_cli.protocol.plan import OutputDeclaration

_SETTINGS = (ROOTS | BUILT_IN) - {"steps"}


@dataclass(frozen=True, slots=True)
class Point:
    """What the actions that need a value at the same time have in common: what they wait for."""

    depends_on: frozenset[str]
    refers_to: frozenset[str]
    chosen_by: frozenset[str]
    run_if: RunIf
    wait_for_all: bool
    barriers: int


@dataclass(slots=True)
class _Need:
    """One fetch to be: whom it serves, and at which points; `uses` are other fetches."""

    feed: Fetch
    id: str
    serves: dict[str, None] = field(default_factory=dict[str, None])
    points: dict[Point | None, None] = field(default_factory=dict[Point | None, None])
    uses: dict[str, None] = field(default_factory=dict[str, None])
    priority: int = 0


def with_fetches(
    actions: Sequence[Action],
    feeds: Sequence[Fetch],
    outputs: Mapping[str, OutputDeclaration] | None = None,
) -> tuple[Action, ...]:
    """The actions, each after the fetches of the feeds that it refers to.

    An output has the value that its feed had first; a feed that only outputs refer to is fetched
    at the beginning.
    """
    if not feeds:
        return tuple(actions)
    needs = _Needs(actions, feeds)
    for action in actions:
        point = needs.point_of(action)
        for name in needs.named_in(action):
            needs.add(name, action.id, point, action.priority)
    for output in (outputs or {}).values():
        for _, reference in find(output.source):
            if reference.root in needs.by_name and reference.root not in needs.first:
                needs.add(reference.root, None, None, 0)
    return tuple(needs.placed())


class _Needs:
    """Which fetches a plan needs, found out from its actions one after the other."""

    def __init__(self, actions: Sequence[Action], feeds: Sequence[Fetch]) -> None:
        self.by_name = {feed.feed: feed for feed in feeds}
        self.first: dict[str, _Need] = {}
        self._actions = actions
        self._needs: dict[tuple[str, Point | None], _Need] = {}
        self._by_id: dict[str, _Need] = {}
        self._of_action: dict[str | None, list[str]] = {None: []}
        keys = (action.output_key for action in actions if action.output_key is not None)
        self._taken = {*self.by_name, *(action.id for action in actions), *keys}
        self._choosers: dict[str, set[str]] = {}
        for action in actions:
            for _, name in choices(action):
                self._choosers.setdefault(name, set()).add(action.id)
        self._barriers = 0

    def point_of(self, action: Action) -> Point:
        """Where the next action of the plan begins."""
        names = set(names_in(action)) - self.by_name.keys() - _SETTINGS
        chosen_by = {*self._choosers.get(action.id, ()), *self._choosers.get(action.name, ())}
        point = Point(
            depends_on=frozenset(action.depends_on),
            refers_to=frozenset(names),
            chosen_by=frozenset(chosen_by),
            run_if=action.run_if,
            wait_for_all=action.wait_for_all,
            barriers=self._barriers,
        )
        self._barriers += action.mode is ActionMode.SYNC
        return point

    def named_in(self, action: Action) -> list[str]:
        """The feeds that an action refers to, each once."""
        return [name for name in dict.fromkeys(names_in(action)) if name in self.by_name]

    def add(self, feed: str, user: str | None, point: Point | None, priority: int) -> None:
        """A feed is needed at a point, by the action or the fetch `user`; None: by outputs."""
        pending = [(feed, user, point)]
        while pending:
            name, user, point = pending.pop()
            need = self._need(name, point)
            need.priority = max(need.priority, priority)
            if user in self._by_id:
                self._by_id[user].uses[need.id] = None
            else:
                self._of_action.setdefault(user, []).append(need.id)
            if user is not None:
                need.serves[user] = None
            if point not in need.points:
                need.points[point] = None
                pending += [(other, need.id, point) for other in self.named_in(need.feed)]

    def placed(self) -> Iterator[Action]:
        """The actions with what is fetched for them before them."""
        done: set[str] = set()
        for name in self._of_action[None]:
            yield from self._emitted(name, done)
        for action in self._actions:
            for name in self._of_action.get(action.id, ()):
                yield from self._emitted(name, done)
            yield action

    def _emitted(self, name: str, done: set[str]) -> Iterator[Fetch]:
        if name not in done:
            done.add(name)
            need = self._by_id[name]
            for other in need.uses:
                yield from self._emitted(other, done)
            yield _fetch(need)

    def _need(self, name: str, point: Point | None) -> _Need:
        feed = self.by_name[name]
        key = (name, None if feed.interval is None else point)
        if key not in self._needs:
            need = _Need(feed, self._free_id(name))
            self._needs[key] = self._by_id[need.id] = need
            self.first.setdefault(name, need)
        return self._needs[key]

    def _free_id(self, name: str) -> str:
        if name not in self.first:
            return name
        number = 2
        while f"{name}_{number}" in self._taken:
            number += 1
        self._taken.add(f"{name}_{number}")
        return f"{name}_{number}"


def _fetch(need: _Need) -> Fetch:
    """The fetch for a need: where that is at one point alone, it comes no earlier than there."""
    changes: dict[str, Any] = {
        "id": need.id,
        "name": f"feed {need.id}",
        "output_key": need.id,
        "serves": tuple(need.serves),
        "priority": need.priority,
    }
    point = next(iter(need.points))
    if len(need.points) == 1 and point is not None:
        changes |= {
            "like": next(iter(need.serves)),
            "run_if": point.run_if,
            "wait_for_all": point.wait_for_all,
        }
    return need.feed.model_copy(update=changes)


def names_in(action: Action) -> Iterator[str]:
    """The keys and, as `steps.ID`, the actions that an action refers to."""
    for _, value in templates(action):
        for _, reference in find(value):
            yield name_of(reference.root, reference.path)
    for _, text in conditions(action):
        try:
            condition = compile_condition(text)
        except ConditionSyntaxError:
            continue
        for root, path in condition.paths:
            yield name_of(root, path)


def name_of(root: str, path: tuple[str | int, ...]) -> str:
    """The name of what a reference is to, as of `names_in`."""
    return f"steps.{path[0]}" if root == "steps" and path else root
