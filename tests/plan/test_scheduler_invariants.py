"""The scheduler under random faults, answers, pools and rates: what must hold whatever happens."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cortex_cli.kinds import CancelReason, SkipReason
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
from cortex_cli.protocol.resources import Rate, Resource
from tests.plan.builders import act, graph_of

SHARED: dict[str, Resource] = {"disk": 2.0, "gpu": 1.0, "call": Rate(2.0, 60.0)}


@st.composite
def faulty_plans(draw: st.DrawFn) -> list[Action]:
    size = draw(st.integers(1, 12))
    actions: list[Action] = []
    for number in range(size):
        waited = [f"a{i}" for i in range(number) if draw(st.integers(0, 2)) == 0]
        background = {a.id for a in actions if a.mode == "fire_and_forget"}
        fields = {
            "mode": draw(st.sampled_from(["async", "async", "sync", "fire_and_forget"])),
            "run_if": draw(st.sampled_from(["success", "success", "failure", "always"])),
            "on_failure": draw(st.sampled_from(["fail", "continue", "abort"])),
            "wait_for_all": draw(st.booleans()),
            "priority": draw(st.integers(0, 2)),
            "condition": draw(st.sampled_from([None, None, "true"])),
            "resources": draw(
                st.sampled_from(
                    [{}, {}, {"disk": 1}, {"disk": 2}, {"gpu": 1, "disk": 1}, {"call": 1},
                     {"call": 2, "gpu": 1}]
                )
            ),
        }  # fmt: skip
        actions.append(act(f"a{number}", *(w for w in waited if w not in background), **fields))
    return actions


@dataclass
class Chaos:
    """Runs a plan whose actions end as a random source says, and holds it to the invariants."""

    actions: list[Action]
    slots: int
    random: Random
    fail_fast: bool
    has_approvals: bool
    running: list[int] = field(default_factory=list[int])
    stopping: set[int] = field(default_factory=set[int])
    queued: set[int] = field(default_factory=set[int])
    asked: set[int] = field(default_factory=set[int])
    ended: set[int] = field(default_factory=set[int])
    lent: list[Restore] = field(default_factory=list[Restore])
    closed: int = 0
    has_paused: bool = False

    def __post_init__(self) -> None:
        self.graph = graph_of(*self.actions, shared=SHARED)
        self.scheduler = Scheduler(self.slots)

    def run(self) -> None:
        group = self.scheduler.open(fail_fast=self.fail_fast, shared=SHARED)
        items = items_of(self.graph, [0.0] * len(self.graph))
        if self.has_approvals:
            items = [replace(item, needs_approval=self.random.random() < 0.5) for item in items]
        self.scheduler.extend(group, items)
        self.scheduler.seal(group)
        self.perform()
        while self.running or self.asked or self.lent:
            self.step()
            self.perform()
            if self.scheduler.is_stuck:
                assert not [n for n in self.running if not self.is_background(n)]
                self.has_paused = True
                self.scheduler.abort(group, SkipReason.PAUSED, CancelReason.PAUSED)
                self.perform()

    def step(self) -> None:
        steps = [self.end_one] * bool(self.running) + [self.answer] * bool(self.asked)
        steps += [self.restore] * bool(self.lent)
        self.random.choice(steps)()

    def perform(self) -> None:
        while commands := self.scheduler.take():
            for command in commands:
                self.obey(command)
        foreground = [n for n in self.running if not self.is_background(n)]
        assert len(foreground) <= self.slots
        free = self.free()
        assert all(units >= 0 for units in free.values()), free
        if len(foreground) < self.slots:
            for number in self.queued:
                wanted = self.actions[number].resources
                assert any(units > free[name] for name, units in wanted.items()), "a slot idles"

    def free(self) -> dict[str, float]:
        """The units that nobody has taken."""
        taken: Counter[str] = Counter()
        for number in self.running:
            for name, units in self.actions[number].resources.items():
                taken[name] += 0 if name == "call" else int(units)
        taken["call"] = int(sum(lent.units for lent in self.lent))
        return {"disk": 2 - taken["disk"], "gpu": 1 - taken["gpu"], "call": 2 - taken["call"]}

    def obey(self, command: Command) -> None:
        match command:
            case Start(action):
                if self.actions[action].wait_for_all:
                    assert self.ended >= set(self.graph.parents[action])
                self.running.append(action)
                self.queued.discard(action)
            case Queue(action):
                self.queued |= set() if self.is_background(action) else {action}
            case Check(action):
                self.random.choice([self.scheduler.passed, self.scheduler.refused])(action)
            case Ask(action):
                self.asked.add(action)
            case Restore():
                self.lent.append(command)
            case _:
                self.obey_end(command)

    def obey_end(self, command: Skip | Cancel | Close | Price | Exhaust | Write | Defer) -> None:
        match command:
            case Skip(action):
                self.queued.discard(action)
                self.asked.discard(action)
                self.finish(action)
            case Cancel(action):
                self.stopping.add(action)
            case Close():
                self.closed += 1
            case Price() | Exhaust():
                pytest.fail("there is no budget")
            case Write() | Defer():
                pytest.fail("no model writes")

    def end_one(self) -> None:
        action = self.running.pop(self.random.randrange(len(self.running)))
        self.finish(action)
        if action in self.stopping:
            self.scheduler.cancelled(action)
        elif self.random.random() < 0.3:
            self.scheduler.failed(action)
        else:
            self.scheduler.completed(action)

    def answer(self) -> None:
        action = self.random.choice(sorted(self.asked))
        self.asked.discard(action)
        match self.random.randrange(4):
            case 0:
                self.finish(action)
                self.scheduler.failed(action)
            case 1:
                self.scheduler.unanswered(action)
            case _:
                self.scheduler.approved(action)

    def restore(self) -> None:
        lent = self.lent.pop(0)
        self.scheduler.restored(lent.limit, lent.units)

    def finish(self, action: int) -> None:
        assert action not in self.ended, "an action ended twice"
        self.ended.add(action)

    def is_background(self, action: int) -> bool:
        return self.actions[action].mode == "fire_and_forget"


@given(
    actions=faulty_plans(),
    slots=st.integers(1, 4),
    random=st.randoms(use_true_random=False),
    fail_fast=st.booleans(),
    has_approvals=st.booleans(),
)
def test_whatever_happens_every_action_ends_once_and_nothing_usable_idles(
    actions: list[Action], slots: int, random: Random, *, fail_fast: bool, has_approvals: bool
) -> None:
    chaos = Chaos(actions, slots, random, fail_fast, has_approvals)
    chaos.run()
    assert len(chaos.ended) == len(actions)
    assert chaos.closed == 1
    assert chaos.scheduler.background_left == 0
    assert has_approvals or not chaos.has_paused
