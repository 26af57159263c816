"""What a view remembers of a whole run: its actions by state, its plans, its last words."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import cortex_cli.events as ev
from cortex_cli.kinds import ActionState, TerminationReason
from cortex_cli.report import PlannedAction, PlannedEdge
from cortex_cli.ui.rows import Row, Scope
from cortex_cli.ui.streams import Streams


@dataclass(frozen=True, slots=True)
class Said:
    """A line that a tool, or the run itself, has said; `row` is None for the run."""

    at: float
    label: str
    text: str
    row: Row | None = None


class RunView:
    """A run as far as its events have told it.

    `rows` holds every known action by its state, in the order in which they came to it; `latest`
    is the time of the last event, in seconds since 1970 like all times here. `widest` is how many
    columns the longest indented name may take. `end` is what the last event of the run says once
    it is over, and `ended_as` that event's type.
    """

    def __init__(self) -> None:
        self.execution_id = ""
        self.started_at: float | None = None
        self.latest = 0.0
        self.scopes: dict[tuple[str, ...], Scope] = {(): Scope(path=())}
        self.rows: dict[ActionState, dict[int, Row]] = {state: {} for state in ActionState}
        self.streams = Streams()
        self.lines: deque[Said] = deque(maxlen=50)
        self.warnings: deque[tuple[str, str]] = deque(maxlen=50)
        self.warning_count = 0
        self.widest = 0
        self.termination: TerminationReason | None = None
        self.end: ev.AgentEndedData | None = None
        self.ended_as = ""
        self._next_number = 0

    @property
    def root(self) -> Scope:
        """The current iteration of the run itself."""
        return self.scopes[()]

    @property
    def total(self) -> int:
        """How many actions are known."""
        return sum(len(rows) for rows in self.rows.values())

    def count(self, state: ActionState) -> int:
        """How many actions are in that state now."""
        return len(self.rows[state])

    def elapsed(self, now: float) -> float:
        """Seconds from the first event to `now`, or to the last event of a run that is over."""
        if self.started_at is None:
            return 0.0
        return max(0.0, (self.latest if self.end else now) - self.started_at)

    def in_order(self) -> list[Row]:
        """Every known action, as a tree: each followed by those of its nested run."""
        return sorted(
            (row for rows in self.rows.values() for row in rows.values()),
            key=lambda row: row.order,
        )

    def scope(self, path: tuple[str, ...]) -> Scope:
        """The current iteration of the run nested at `path`; a new one if there is none."""
        scope = self.scopes.get(path)
        return self.open_scope(path) if scope is None else scope

    def begin(self, execution_id: str) -> None:
        """The run begins, or goes on after an earlier part of it has ended."""
        self.started_at = self.latest
        self.execution_id = execution_id
        self.end, self.ended_as, self.termination = None, "", None

    def go_on(self, path: tuple[str, ...]) -> Scope | None:
        """The scope of a run that goes on, with what has ended in it for good; None if it is new.

        A further attempt of a nested run is a new one.
        """
        scope = self.scopes.get(path)
        if scope is None or scope.attempt != self._attempt(path) or not scope.rows:
            return None
        for row in [row for row in scope.rows.values() if row.gets_another_chance]:
            self.forget(row)
        return scope

    def _attempt(self, path: tuple[str, ...]) -> int:
        """The attempt of the action that runs what is nested at a path; 0 for the run itself."""
        owner = self.scope(path[:-1]).rows.get(path[-1]) if path else None
        return 0 if owner is None else owner.attempt

    def open_scope(self, path: tuple[str, ...]) -> Scope:
        """Begin an iteration; what the one before it left unfinished is forgotten."""
        if (before := self.scopes.get(path)) is not None:
            for row in [row for row in before.rows.values() if not row.state.is_final]:
                self.forget(row)
        parent = self.scope(path[:-1]).rows.get(path[-1]) if path else None
        name = before.name if before else ""
        scope = self.scopes[path] = Scope(
            path=path,
            parent=parent,
            name=name,
            attempt=self._attempt(path),
            started_at=self.latest,
        )
        return scope

    def row(self, event: ev.ActionEvent) -> Row:
        """The row of the event's action; a new one if no plan has told of it."""
        scope = self.scope(event.path)
        return scope.rows.get(event.action_id) or self.add(
            scope, event.action_id, event.action_name
        )

    def add(self, scope: Scope, action_id: str, name: str) -> Row:
        """A new row; the items of a `for_each` go beneath the action that they belong to."""
        parent = scope.parent
        if action_id.endswith("]"):
            parent = scope.rows.get(action_id.rpartition("[")[0], parent)
        number = self._next_number
        self._next_number += 1
        order = (*parent.order, number) if parent else (number,)
        row = Row(
            scope=scope, id=action_id, name=name, number=number, order=order, planned_at=self.latest
        )
        scope.rows[action_id] = row
        scope.work += row.weight
        self.rows[row.state][number] = row
        self.widest = max(self.widest, 2 * row.depth + len(name) * (1 if name.isascii() else 2))
        return row

    def forget(self, row: Row) -> None:
        """Take a row out that will never end."""
        del self.rows[row.state][row.number], row.scope.rows[row.id]
        row.scope.work -= row.weight
        if row.state.is_final:
            row.scope.done -= row.weight
            row.scope.ended -= 1
        row.scope.bounded -= row.is_bounded

    def move(self, row: Row, state: ActionState) -> None:
        """Bring a row into a state."""
        del self.rows[row.state][row.number]
        self.rows[state][row.number] = row
        if state.is_final and not row.state.is_final:
            row.scope.done += row.weight
            row.scope.ended += 1
            row.ended_at = self.latest
        row.state = state

    def plan(
        self, scope: Scope, actions: Iterable[PlannedAction], edges: Iterable[PlannedEdge]
    ) -> None:
        """Take in what a plan says of its actions, known ones among them."""
        for action in actions:
            row = scope.rows.get(action.id) or self.add(scope, action.id, action.name)
            before = row.weight
            scope.bounded -= row.is_bounded
            row.describe(action)
            scope.bounded += row.is_bounded
            scope.work += row.weight - before
            scope.done += (row.weight - before) if row.state.is_final else 0.0
            scope.waves = max(scope.waves, action.wave)
        for edge in edges:
            scope.sources.setdefault(edge.target, []).append(edge.source)
