"""What a run may spend: units that are reserved before they are used, and do not come back."""

from collections.abc import Callable, Mapping

from cortex_cli.kinds import QueueReason
from cortex_cli.plan.limits import Key, Limit

_TOLERANCE = 1e-9
# Only what comes back by itself is called by its number.
_NO_NUMBER = -1


class Purse(Limit):
    """So many units of one kind for the actions of a group, and of what is nested in it.

    `free` is what nobody has reserved or used, `left` what nobody has used. `group` is the number
    of the group whose budget it is; `lacking` is an action that runs, and needs more than is free.
    """

    __slots__ = ("_is_changed", "group", "is_exhausted", "kind", "lacking", "left")

    def __init__(self, group: int, kind: str, units: float) -> None:
        """`kind` is what the units are called, in budgets and in what actions need."""
        super().__init__(_NO_NUMBER, units, QueueReason.BUDGET)
        self.left = units
        self.group = group
        self.kind = kind
        self.is_exhausted = False
        self.lacking: tuple[int, float] | None = None
        self._is_changed = False

    def park(self, key: Key, units: float) -> None:
        """Have an action wait until so many units are free."""
        super().park(key, units)
        self._is_changed = True

    def use(self, units: float, reserved: float) -> float:
        """Note that units were used by who has reserved some; how many of these are left."""
        covered = min(units, reserved)
        self.left -= units
        self.free += covered - units
        self._is_changed = True
        return reserved - covered

    def reserve(self, units: float, reserved: float) -> bool:
        """Make what is reserved so many units; False, and nothing has changed, if too few are free."""
        lacking = units - reserved
        if lacking > self.free + _TOLERANCE:
            return False
        self.free -= max(lacking, 0.0)
        return True

    def hopeless(self, is_waiting: Callable[[int], bool]) -> tuple[int, float] | None:
        """An action that needs more than it will get, and how much: it runs, or waits in front."""
        if self.lacking is not None:
            return self.lacking
        if not self._is_changed:
            return None
        self._is_changed = False
        lacking = [
            (key, units)
            for units, parked in self._parked.items()
            if units > self.left + _TOLERANCE
            for key in parked
            if is_waiting(key[2])
        ]
        if not lacking:
            return None
        key, units = min(lacking)
        return key[2], units


Needs = Mapping[str, float]
"""How many units of each kind."""
