"""What the scheduler wants done: imperative, frozen, performed in order by whoever drives it."""

import msgspec

from cortex_cli.kinds import CancelReason, QueueReason, SkipReason


class Start(msgspec.Struct, frozen=True):
    """Begin an attempt of the action now."""

    action: int


class Check(msgspec.Struct, frozen=True):
    """Decide the action's condition now, and answer `passed`, `refused` or `failed`."""

    action: int


class Price(msgspec.Struct, frozen=True):
    """Say how much of the run's budget the action may need at most; answer `priced`."""

    action: int


class Write(msgspec.Struct, frozen=True):
    """Have a model begin its turn on the plan of the group now."""

    group: int


class Defer(msgspec.Struct, frozen=True):
    """Say that the turn in the group waits for a pool, a rate or a budget."""

    group: int
    reason: QueueReason


class Exhaust(msgspec.Struct, frozen=True):
    """The budget of a group has not, and never will have, what is needed of a kind.

    It is needed by an action, or by the turn of the group with that number. `left` is what is not
    used yet. Begin nothing more in the group, and let what runs end.
    """

    group: int
    action: int | None
    turn: int | None
    kind: str
    needs: float
    left: float


class Ask(msgspec.Struct, frozen=True):
    """Ask a person whether the action may run; answer `approved`, `failed` or `unanswered`."""

    action: int


class Queue(msgspec.Struct, frozen=True):
    """The action is ready and waits for a slot, a pool or a rate."""

    action: int
    reason: QueueReason = QueueReason.SLOT


class Restore(msgspec.Struct, frozen=True):
    """Give units of a rate back in so many seconds: answer `restored`."""

    limit: int
    units: float
    seconds: float


class Skip(msgspec.Struct, frozen=True):
    """The action has ended without having started."""

    action: int
    reason: SkipReason


class Cancel(msgspec.Struct, frozen=True):
    """End the action's attempt, or its wait for the next, and answer `cancelled`."""

    action: int
    reason: CancelReason


class Close(msgspec.Struct, frozen=True):
    """Every action of the group has ended, but for those that nothing waits for."""

    group: int


Command = (
    Start | Check | Ask | Price | Queue | Restore | Skip | Cancel | Close | Exhaust | Write | Defer
)
