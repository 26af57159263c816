"""What a run waits for while it is replayed: alarms that ring, and budgets that have enough."""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from operator import itemgetter

from cortex_cli.engine.past import Key
from cortex_cli.engine.ports import Clock
from cortex_cli.engine.timers import About, Alarm, Timer, Timers
from cortex_cli.kinds import ActionType, QueueReason
from cortex_cli.plan.budgets import Budgets
from cortex_cli.plan.commands import Command
from cortex_cli.plan.limits import Key as Order
from cortex_cli.plan.purse import Needs, Purse
from cortex_cli.plan.ready_queue import ReadyQueue
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.states import Group, Item
from cortex_cli.plan.turn import Turn, is_turn
from cortex_cli.plan.turns import Turns


class Alarms(Timers):
    """Moments that never come by themselves: `ring` has one come."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._pending: list[tuple[float, About | None, Timer]] = []

    def after(
        self, seconds: float, action: Callable[[], None], _about: About | None = None
    ) -> Timer:
        """Keep an action until it is rung for."""
        timer = Timer(action, self)
        self._pending.append((self.now() + seconds, _about, timer))
        return timer

    def note_stopped(self) -> None:
        """Forget those that were taken back."""
        self._pending = [entry for entry in self._pending if entry[2].action is not None]

    def ring(self, alarm: Alarm, key: Key | None = None) -> bool:
        """Have the first such moment come; whether there was one."""
        found = [entry for entry in self._pending if _is_about(entry[1], alarm, key)]
        if not found:
            return False
        first = min(found, key=itemgetter(0))
        self._pending.remove(first)
        action, first[2].action = first[2].action, None
        if action is not None:
            action()
        return True


class Gate:
    """Who may go on where there is a limit that the record knows better.

    These are budgets, rates, and pools that turns of models take of, too.

    `waits_next` says of an action or a turn, by the scheduler's number, whether the next that the
    record has of it is that it waits for this reason.
    """

    def __init__(self, waits_next: Callable[[int, QueueReason], bool]) -> None:
        self._waits_next = waits_next
        self._parked: dict[int, tuple[Barrier, Order]] = {}
        self._let: dict[int, Barrier] = {}

    def forget(self, number: int) -> None:
        """The action asks anew."""
        self._parked.pop(number, None)
        self._let.pop(number, None)

    def lets(self, number: int, barrier: "Barrier") -> bool:
        """Whether the action may go past a barrier now."""
        if self._let.get(number) is barrier:
            return True
        return number not in self._parked and not self._waits_next(number, barrier.reason)

    def park(self, barrier: "Barrier", key: Order) -> None:
        """The action waits at a barrier."""
        self._parked[key[2]] = barrier, key

    def waiting(self) -> list[int]:
        """The numbers of the actions that wait at a barrier and have not been let go."""
        parked = self._parked.items()
        return [n for n, (at, _) in parked if self._let.get(n) is not at and not is_turn(n)]

    def let(self, number: int) -> "Barrier | None":
        """Let an action that waits go on; the barrier that it waits at."""
        barrier, _ = self._parked.get(number, (None, None))
        if barrier is not None:
            self._let[number] = barrier
        return barrier

    def gone_from(self, barrier: "Barrier", is_waiting: Callable[[int], bool]) -> list[Order]:
        """Those who wait at a barrier and have been let go."""
        found = [
            key
            for number, (at, key) in self._parked.items()
            if at is barrier is self._let.get(number) and is_waiting(number)
        ]
        for key in found:
            del self._parked[key[2]]
        return found


class Barrier(Purse):
    """A limit that has enough for whom the record has go on; who asks is told by the units."""

    __slots__ = ("_gate",)

    def __init__(
        self, group: int, kind: str, _units: float, *, gate: Gate, reason: QueueReason
    ) -> None:
        super().__init__(group, kind, inf)
        self.reason = reason
        self._gate = gate

    def has(self, units: float) -> bool:
        """Whether the action of that number, plus one, may start."""
        return self._gate.lets(int(units) - 1, self)

    def park(self, key: Order, units: float) -> None:
        """Have an action wait until it is let go."""
        del units
        self._gate.park(self, key)

    def unpark(self, is_waiting: Callable[[int], bool]) -> list[Order]:
        """Those who have been let go."""
        return self._gate.gone_from(self, is_waiting)

    def use(self, units: float, reserved: float) -> float:
        """Nothing is counted."""
        del units
        return reserved

    def hopeless(self, is_waiting: Callable[[int], bool]) -> tuple[int, float] | None:
        """The record says when a budget is exhausted."""
        del is_waiting
        return None


class GatedTurns(Turns):
    """Turns of models, of which the record says whether they wait, and when they begin.

    `asked` hears of each, by its group, just before it is asked for.
    """

    def __init__(
        self, queue: ReadyQueue, budgets: Budgets, groups: list[Group], gate: Gate
    ) -> None:
        """`groups` is the scheduler's list, by number."""
        super().__init__(groups, queue, budgets)
        self.asked: Callable[[int], object] = abs
        self._numbers: dict[int, int] = {}
        reasons = (QueueReason.POOL, QueueReason.RATE, QueueReason.BUDGET)
        self._barriers = [Barrier(-1, "", inf, gate=gate, reason=reason) for reason in reasons]

    def make(self, group: Group, needs: Needs) -> Turn:
        """A turn that waits for what the record says."""
        self.asked(group.number)
        turn = super().make(group, needs)
        turn.claims = tuple((barrier, turn.number + 1.0) for barrier in self._barriers)
        self._numbers[group.number] = turn.number
        return turn

    def number(self, group: int) -> int | None:
        """The number of the last turn of a group."""
        return self._numbers.get(group)


class GatedScheduler(Scheduler):
    """A scheduler that leaves it to a gate who may start now, but for slots and most pools.

    `between` is called before each of its commands is performed, and says whether it has let
    something go on, which comes before the rest of them then.
    """

    def __init__(self, slots: int, gate: Gate, between: Callable[[], bool]) -> None:
        super().__init__(slots)
        self.gate = gate
        self._between = between
        self._left: deque[Command] = deque()
        self.budgets.make = partial(Barrier, gate=gate, reason=QueueReason.BUDGET)
        self.turns = self.gated_turns = GatedTurns(self._queue, self.budgets, self._groups, gate)
        self._barriers = {
            reason: Barrier(-1, "", inf, gate=gate, reason=reason)
            for reason in (QueueReason.RATE, QueueReason.POOL)
        }

    def take(self) -> list[Command]:
        """The next command; the rest of those that have come up with it, before any others."""
        if self._between() or not self._left:
            self._left.extendleft(reversed(super().take()))
        return [self._left.popleft()] if self._left else []

    def extend(self, group: int, items: Sequence[Item]) -> range:
        """Add actions to an open group."""
        numbers = super().extend(group, items)
        for number in numbers:
            node = self._nodes[number]
            taken_by_turns = node.group.limits.get(ActionType.LLM.value, ())
            node.claims = tuple(
                (self._barriers[limit.reason], number + 1.0)
                if limit.seconds is not None or limit in taken_by_turns
                else (limit, units)
                for limit, units in node.claims
            )
        return numbers

    def let(self, number: int) -> bool:
        """Let an action go on; whether it was waiting."""
        barrier = self.gate.let(number)
        if barrier is not None:
            self.budgets.let_go(barrier)
        return barrier is not None

    def let_waiting(self, is_meant: Callable[[int], bool]) -> bool:
        """Let the action that is meant go on, by its number, if it waits; whether it does."""
        return any(self.let(number) for number in self.gate.waiting() if is_meant(number))

    def let_turn(self, group: int) -> bool:
        """Let the turn of a group begin; whether it was waiting."""
        number = self.gated_turns.number(group)
        return number is not None and self._queue.is_waiting(number) and self.let(number)

    def group_of(self, turn: int) -> int:
        """The group of a turn, by its number."""
        return self._queue.turns[turn].group.number

    def backing_off(self, action: int) -> None:
        """An attempt has failed; the next one asks anew."""
        super().backing_off(action)
        self.gate.forget(action)

    def price(self, number: int) -> None:
        """Have an action ask for what it needs of the budgets, whatever that is."""
        needs = {purse.kind: number + 1.0 for purse in self.budgets.purses}
        self.budgets.priced(number, needs)


def _is_about(about: About | None, alarm: Alarm, key: Key | None) -> bool:
    return about is not None and about[0] is alarm and key in (None, about[1])
