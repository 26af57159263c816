"""The edges that a plan's actions ask for, and what is wrong with what they ask for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain

from cortex_cli.errors import Finding
from cortex_cli.kinds import ActionMode, EdgeKind, Severity
from cortex_cli.plan.conditions import ConditionSyntaxError, compile_condition
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.provided import Path, Provided, Trouble
from cortex_cli.plan.references import Reference, errors, find
from cortex_cli.protocol.action import Action, CachePolicy
from cortex_cli.protocol.fetch import Fetch, Step

_NO_ALIASES: dict[str, str] = {}


@dataclass(slots=True)
class Linker:
    """Adds the `depends_on` and `data` edges of a graph; collects what is wrong on the way."""

    provided: Provided
    key: str = "actions"
    findings: list[Finding] = field(default_factory=list[Finding])
    _by_name: dict[str, int] = field(default_factory=dict[str, int])
    _written: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        # Invariant: what is fetched for the written actions does not count in their places.
        self._written = list(
            accumulate((not isinstance(one, Fetch) for one in self.graph.actions), initial=0)
        )

    @property
    def graph(self) -> Graph:
        """The graph that grows."""
        return self.provided.graph

    def link(self) -> None:
        """Go through all actions once."""
        for number, action in enumerate(self.graph.actions):
            self._by_name.setdefault(action.name, number)
            if action.output_key is not None:
                self._provide(number, action.output_key)
            if isinstance(action, Fetch):
                self._serve(action)
        for number, action in enumerate(self.graph.actions):
            self._link(number, action)
        self._hold_back_fetches()

    def _link(self, number: int, action: Action) -> None:
        for place, wanted in enumerate(action.depends_on):
            self._depend(number, wanted, ("depends_on", place))
        for place, then in choices(action):
            self._choose(number, then, place)
        for place, reference in self._references(number, action):
            self._refer(number, reference.root, reference.path, place, reference)
        for place, text in conditions(action):
            self._condition(number, text, place)

    def report(
        self, number: int, place: Path, code: str, message: str, *, hint: str | None = None
    ) -> None:
        """Add an error about the action of that number."""
        path = self._path(number, place)
        self.findings.append(Finding(code=code, message=message, hint=hint, path=path))

    def _path(self, number: int, place: Path) -> tuple[Step, ...]:
        """Where in the document it is written what an action has at a place."""
        action = self.graph.actions[number]
        if isinstance(action, Fetch):
            return action.written_at(place)
        return (self.key, self._written[number], *place)

    def _serve(self, fetch: Fetch) -> None:
        """Have the actions that a fetch serves mean its value by the name of the feed."""
        if fetch.output_key not in {None, fetch.feed}:
            for name in fetch.serves:
                aliases = self.graph.aliases.setdefault(self.graph.index[name], {})
                aliases[fetch.feed] = str(fetch.output_key)

    def _hold_back_fetches(self) -> None:
        """Have each fetch wait for what the actions wait for that need its value, and no less."""
        actions = self.graph.actions
        # A fetch comes before what it serves, which may be another fetch.
        for number in range(len(actions) - 1, -1, -1):
            fetch = actions[number]
            if isinstance(fetch, Fetch) and fetch.like is not None:
                for source, kind in self._written_parents(fetch.like):
                    self.graph.add(source, number, kind)

    def _written_parents(self, name: str) -> list[tuple[int, EdgeKind]]:
        parents = self.graph.parents[self.graph.index[name]].items()
        actions = self.graph.actions
        return [(one, kind) for one, kind in parents if not isinstance(actions[one], Fetch)]

    def _provide(self, number: int, output_key: str) -> None:
        other = self.provided.by_key.setdefault(output_key, number)
        if other != number:
            first, second = self.graph.actions[other].id, self.graph.actions[number].id
            message = f"actions '{first}' and '{second}' have the same output_key '{output_key}'"
            hint = "give each its own"
            self.report(number, ("output_key",), "duplicate_output_key", message, hint=hint)

    def _number(self, wanted: str) -> int | None:
        number = self.graph.index.get(wanted)
        return self._by_name.get(wanted) if number is None else number

    def _hint(self, wanted: str) -> str | None:
        return self.provided.hints.did_you_mean(wanted, chain(self.graph.index, self._by_name))

    def _depend(self, number: int, wanted: str, place: Path) -> None:
        source = self._number(wanted)
        action = self.graph.actions[number]
        if source is None:
            message = f"action '{action.id}' depends on '{wanted}', which no action defines"
            self.report(number, place, "unknown_dependency", message, hint=self._hint(wanted))
        else:
            self._add(source, number, EdgeKind.DEPENDS_ON, number, place)

    def _choose(self, number: int, wanted: str, place: Path) -> None:
        target = self._number(wanted)
        action = self.graph.actions[number]
        if target is None:
            message = f"decision '{action.id}' chooses '{wanted}', which no action defines"
            self.report(number, place, "unknown_choice", message, hint=self._hint(wanted))
        else:
            self._add(number, target, EdgeKind.DEPENDS_ON, number, place)

    def _add(self, source: int, target: int, kind: EdgeKind, at: int, place: Path) -> None:
        first, second = self.graph.actions[source], self.graph.actions[target]
        if source == target:
            message = f"action '{first.id}' depends on itself"
            self.report(at, place, "self_dependency", message)
        elif first.mode is ActionMode.FIRE_AND_FORGET:
            message = (
                f"action '{second.id}' waits for '{first.id}', which is fire_and_forget:"
                " nothing may depend on it or refer to its output"
            )
            hint = f"make '{first.id}' async, or do without it here"
            self.report(at, place, "depends_on_fire_and_forget", message, hint=hint)
        else:
            self.graph.add(source, target, kind)

    def _references(self, number: int, action: Action) -> Iterator[tuple[Path, Reference]]:
        for place, value in templates(action):
            for path, error in errors(value):
                self.report(number, (*place, *path), "reference_syntax", str(error))
            for path, reference in find(value):
                yield (*place, *path), reference

    def _condition(self, number: int, text: str, place: Path) -> None:
        try:
            condition = compile_condition(text)
        except ConditionSyntaxError as error:
            self.report(number, place, "condition_syntax", str(error))
            return
        for root, path in condition.paths:
            self._refer(number, root, path, place, None)

    def _refer(
        self, number: int, root: str, path: Path, place: Path, reference: Reference | None
    ) -> None:
        """Add the edge that a reference asks for, if it names an action or its output."""
        root = self.graph.aliases.get(number, _NO_ALIASES).get(root, root)
        source = self.provided.action_behind(root, path)
        if source is not None:
            self._add(source, number, EdgeKind.DATA, number, place)
            return
        has_item = self.graph.actions[number].for_each is not None and place[0] != "for_each"
        trouble = self.provided.trouble(root, path, has_item=has_item)
        if trouble is not None:
            where = self._path(number, place)
            self.findings.append(finding_of(trouble, reference, where))


def finding_of(trouble: Trouble, reference: Reference | None, path: Path) -> Finding:
    """A reference that nothing provides; only worth a warning where it has a default."""
    has_default = reference is not None and reference.default is not None
    return Finding(
        severity=Severity.WARNING if has_default else Severity.ERROR,
        code=trouble.code,
        message=trouble.message,
        hint=trouble.hint,
        path=path,
    )


def choices(action: Action) -> Iterator[tuple[Path, str]]:
    """The names in the `then` of a decision, each with its place."""
    for number, case in enumerate(action.cases):
        for place, then in enumerate(case.then):
            yield ("cases", number, "then", place), then
    if action.default is not None:
        for place, then in enumerate(action.default.then):
            yield ("default", "then", place), then


def templates(action: Action) -> Iterator[tuple[Path, object]]:
    """The values of an action that may hold references, each with its place."""
    if action.parameters:
        yield ("parameters",), action.parameters
    if action.env:
        yield ("env",), action.env
    if action.cwd is not None:
        yield ("cwd",), action.cwd
    if isinstance(action.cache, CachePolicy) and action.cache.key is not None:
        yield ("cache", "key"), action.cache.key
    if action.for_each is not None:
        yield ("for_each",), action.for_each
    for number, case in enumerate(action.cases):
        yield ("cases", number, "value"), case.value
    if action.default is not None:
        yield ("default", "value"), action.default.value


def conditions(action: Action) -> Iterator[tuple[Path, str]]:
    """The conditions of an action, each with its place."""
    if action.condition is not None:
        yield ("condition",), action.condition
    for number, case in enumerate(action.cases):
        yield ("cases", number, "when"), case.when
