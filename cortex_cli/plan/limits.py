"""What runs out besides slots: the places of a group, the units of a pool, the starts of a rate."""

from collections.abc import Callable
from heapq import heappop, heappush

from cortex_cli.kinds import QueueReason
from cortex_cli.protocol.resources import Rate, Resource

Key = tuple[float, float, int]
"""Who goes first among the ready: what sorts lower. The last is the number, of an action or a turn."""

# Sums of fractions are rounded: ten tenths are one unit.
_TOLERANCE = 1e-9


class Limit:
    """So many units, and the actions that wait because too few are free.

    `seconds` is None for a pool, whose units come back when an action gives them up; those of a
    rate come back that long after they were taken. An action that needs fewer units than are free
    may overtake one that needs more: nothing is left idle that somebody could use.
    """

    __slots__ = ("_parked", "free", "number", "reason", "seconds")

    def __init__(
        self, number: int, units: float, reason: QueueReason, seconds: float | None = None
    ) -> None:
        """`number` is what the scheduler calls it by, `reason` what actions say they wait for."""
        self.number = number
        self.free = units
        self.reason = reason
        self.seconds = seconds
        self._parked: dict[float, list[Key]] = {}

    @classmethod
    def of(cls, number: int, resource: Resource, reason: QueueReason) -> "Limit":
        """The limit that a pool or a rate sets; `reason` is that of a pool."""
        if isinstance(resource, Rate):
            return cls(number, resource.units, QueueReason.RATE, resource.seconds)
        return cls(number, resource, reason)

    def has(self, units: float) -> bool:
        """Whether so many units are free."""
        return units <= self.free + _TOLERANCE

    def park(self, key: Key, units: float) -> None:
        """Have an action wait until so many units are free."""
        heappush(self._parked.setdefault(units, []), key)

    def unpark(self, is_waiting: Callable[[int], bool]) -> list[Key]:
        """Those for whom there is enough now, the first first; who no longer waits is dropped."""
        free, found = self.free, list[Key]()
        while (units := self._first(free)) is not None:
            key = heappop(self._parked[units])
            if is_waiting(key[2]):
                free -= units
                found.append(key)
        return found

    def _first(self, free: float) -> float | None:
        """Of those who have enough, the units that the first needs."""
        heads = [
            (parked[0], units)
            for units, parked in self._parked.items()
            if parked and units <= free + _TOLERANCE
        ]
        return min(heads)[1] if heads else None
