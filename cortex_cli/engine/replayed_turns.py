"""Turns of models, in a replay: what the record has of how they waited, and were cut short."""

from collections.abc import Callable
from dataclasses import dataclass

from cortex_cli.engine.budgets import is_about_price
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.recorded import Recorded
from cortex_cli.engine.turns import waited_for
from cortex_cli.events import ActionCancelled, ActionFailed, WarningRaised
from cortex_cli.kinds import QueueReason


@dataclass(frozen=True, slots=True)
class ReplayedTurns:
    """What the record has of the turns of its run; `loop_of` gives the loop of a group."""

    record: Recorded
    loop_of: Callable[[int], Loop]

    def warn_of_price(self, group: int) -> None:
        """A turn is asked for, whose model may be one without a price."""
        loop = self.loop_of(group)
        told = self._next_warning(loop)
        if told is not None and is_about_price(told):
            loop.ledger.warn_once(told)

    def repeat_wait(self, group: int, reason: QueueReason) -> bool:
        """Tell that a turn waits as the record does, with the name of its model; False if not."""
        loop = self.loop_of(group)
        told = self._next_warning(loop)
        is_told = told is not None and waited_for(told) is reason
        if told is not None and is_told:
            loop.ledger.warn_once(told)
        return is_told

    def waits(self, group: int, reason: QueueReason) -> bool:
        """Whether the next that the record has of the run is that its turn waits for this."""
        path = self.loop_of(group).ledger.stamp.path
        events = (e for e in self.record.ahead() if e.path == path and e.action_id is None)
        event = next(events, None)
        return isinstance(event, WarningRaised) and waited_for(event.data.message) is reason

    def cut_by(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The run whose budget has ended that at a path: it has cancelled all that is between."""
        while path:
            end = self.record.next_of((path[:-1], path[-1]), ActionFailed, ActionCancelled)
            if not isinstance(end, ActionCancelled):
                break
            path = path[:-1]
        return path

    def _next_warning(self, loop: Loop) -> str | None:
        event = self.record.expected
        if isinstance(event, WarningRaised) and event.path == loop.ledger.stamp.path:
            return event.data.message
        return None
