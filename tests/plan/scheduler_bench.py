"""A scheduler driven by hand."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from cortex_cli.kinds import CancelReason, QueueReason, SkipReason
from cortex_cli.plan.commands import (
    Ask,
    Cancel,
    Check,
    Close,
    Command,
    Defer,
    Exhaust,
    Price,
    Queue,
    Restore,
    Skip,
    Start,
    Write,
)
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.simulate import items_of
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.resources import Resource
from tests.plan.builders import graph_of


@dataclass
class Bench:
    """Drives a scheduler by hand and keeps what it said, by id."""

    slots: int = 5
    ids: list[str] = field(default_factory=list[str])
    running: list[str] = field(default_factory=list[str])
    queued: list[str] = field(default_factory=list[str])
    skipped: dict[str, SkipReason] = field(default_factory=dict[str, SkipReason])
    cancelled: dict[str, CancelReason] = field(default_factory=dict[str, CancelReason])
    checks: list[str] = field(default_factory=list[str])
    closed: list[int] = field(default_factory=list[int])
    asked: list[str] = field(default_factory=list[str])
    reasons: dict[str, QueueReason] = field(default_factory=dict[str, QueueReason])
    lent: list[Restore] = field(default_factory=list[Restore])
    needs: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    exhausted: list[Exhaust] = field(default_factory=list[Exhaust])
    writing: list[int] = field(default_factory=list[int])
    deferred: list[tuple[int, QueueReason]] = field(default_factory=list[tuple[int, QueueReason]])
    known: dict[str, Resource] = field(default_factory=dict[str, Resource])

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.slots)

    def load(
        self,
        *actions: Action,
        parent: str | None = None,
        cap: int | None = None,
        asking: bool = False,
        budget: dict[str, float] | None = None,
        is_open: bool = False,
        **group: Any,
    ) -> int:
        self.known |= group.get("shared", {})
        graph = graph_of(*actions, shared=self.known)
        above = None if parent is None else self.ids.index(parent)
        number = self.scheduler.open(parent=above, cap=cap, **group)
        self.scheduler.budgets.open(number, budget or {})
        first = len(self.ids)
        self.ids += [action.id for action in actions]
        items = items_of(graph, [0.0] * len(graph), first)
        self.scheduler.extend(number, [replace(item, needs_approval=asking) for item in items])
        if not is_open:
            self.scheduler.seal(number)
        self.take()
        return number

    def take(self) -> None:
        while commands := self.scheduler.take():
            for command in commands:
                self._note(command)

    def _note(self, command: Command) -> None:
        match command:
            case Start(action):
                self.running.append(self.ids[action])
            case Queue(action, reason):
                self.queued.append(self.ids[action])
                self.reasons[self.ids[action]] = reason
            case Skip(action, reason):
                self.skipped[self.ids[action]] = reason
            case Cancel(action, reason):
                self.cancelled[self.ids[action]] = reason
            case Check(action):
                self.checks.append(self.ids[action])
            case _:
                self._note_rare(command)

    def _note_rare(self, command: Ask | Restore | Close | Price | Exhaust | Write | Defer) -> None:
        match command:
            case Write(group):
                self.writing.append(group)
            case Defer(group, reason):
                self.deferred.append((group, reason))
            case Price(action):
                name = self.ids[action]
                self.scheduler.budgets.priced(action, self.needs.get(name, {"tokens": 10}))
            case Exhaust():
                self.exhausted.append(command)
            case Close(group):
                self.closed.append(group)
            case Ask(action):
                self.asked.append(self.ids[action])
            case Restore():
                self.lent.append(command)

    def end(self, *ids: str, not_chosen: Iterable[str] = ()) -> None:
        for name in ids:
            self.running.remove(name)
            others = [self.ids.index(other) for other in not_chosen]
            self.scheduler.completed(self.ids.index(name), not_chosen=others)
            self.take()

    def use(self, name: str, **units: float) -> None:
        """An action that runs has used so much."""
        self.scheduler.budgets.used(self.ids.index(name), units)
        self.take()

    def exhausting(self) -> list[str]:
        """The actions that a budget was exhausted for."""
        return [self.ids[one.action] for one in self.exhausted if one.action is not None]

    def ask_turn(self, group: int, **needs: float) -> None:
        """A model is to write on the plan of a group."""
        self.scheduler.turns.ask(group, needs)
        self.take()

    def end_turn(self, group: int, **used: float) -> None:
        """It has used so much, and writes no more."""
        self.scheduler.turns.used(group, used)
        self.scheduler.turns.end(group)
        self.writing.remove(group)
        self.take()

    def restore(self) -> None:
        """The time of the units that were lent first is over."""
        lent = self.lent.pop(0)
        self.scheduler.restored(lent.limit, lent.units)
        self.take()

    def approve(self, name: str) -> None:
        self.scheduler.approved(self.ids.index(name))
        self.take()

    def fail(self, name: str) -> None:
        self.running.remove(name)
        self.scheduler.failed(self.ids.index(name))
        self.take()

    def gone(self, name: str) -> None:
        self.running.remove(name)
        self.scheduler.cancelled(self.ids.index(name))
        self.take()
