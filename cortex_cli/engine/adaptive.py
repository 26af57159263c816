"""`max_parallel_actions: auto`: a number of slots that follows what the services bear.

Hill climbing on throughput, and back at once when something is overloaded: while actions wait for
slots, more slots are tried, and kept as long as more actions end in a second than before.
"""

from dataclasses import dataclass

MOST_SLOTS = 128

_ENDS_A_SLOT = 2
_BETTER = 1.05
_LONGEST_REST = 32


@dataclass(frozen=True, slots=True)
class Change:
    """The limit has moved, and why, for people."""

    before: int
    after: int
    why: str


class AdaptiveLimit:
    """Facts in, changes out; times are in seconds on the run's clock.

    `limit` is how many actions may run at once now.
    """

    def __init__(self, start: int, *, most: int = MOST_SLOTS) -> None:
        self.limit = start
        self._most = most
        self._step = max(1, start // 2)
        self._rest = 0
        self._next_rest = 1
        self._tolerated = 0
        self._before: tuple[int, float] | None = None
        self._since: float | None = None
        self._ended = 0

    def ended(self, now: float, *, is_short: bool) -> Change | None:
        """An action has ended; `is_short`: others wait for a slot."""
        self._tolerated -= self._tolerated > 0
        if not is_short:
            # What does not fill the slots says nothing about more of them.
            self._since = None
            return None
        if self._since is None:
            self._since, self._ended = now, 0
            return None
        self._ended += 1
        elapsed = now - self._since
        if self._ended < _ENDS_A_SLOT * self.limit or elapsed <= 0:
            return None
        rate, self._since, self._ended = self._ended / elapsed, now, 0
        return self._judge(rate)

    def overloaded(self, why: str) -> Change | None:
        """An action was turned away or timed out; `why` says which, for people.

        What had been started before the last such change is not held against the new limit.
        """
        if self._tolerated or self.limit == 1:
            return None
        self._tolerated = self.limit
        self._since = self._before = None
        self._step = 1
        self._rest = self._next_rest
        return self._move(max(1, self.limit // 2), why)

    def _judge(self, rate: float) -> Change | None:
        """What follows from so many actions a second at the present limit."""
        if self._rest:
            self._rest -= 1
            return None
        if self._before is not None:
            limit, earlier = self._before
            if rate < earlier * _BETTER:
                self._before = None
                self._step = 1
                self._rest = self._next_rest
                self._next_rest = min(2 * self._next_rest, _LONGEST_REST)
                return self._move(limit, "more at once were not faster")
            self._step *= 2
            self._next_rest = 1
        if self.limit >= self._most:
            return None
        self._before = (self.limit, rate)
        return self._move(min(self._most, self.limit + self._step), "actions wait for slots")

    def _move(self, limit: int, why: str) -> Change:
        change = Change(self.limit, limit, why)
        self.limit = limit
        return change
