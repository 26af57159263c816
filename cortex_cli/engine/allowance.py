"""What whoever asks models may use of the budget of its run."""

from typing import Protocol

from cortex_cli.events import Usage


class Allowance(Protocol):
    """What an attempt, or a turn of a model that writes a plan, may use of the budget of its run."""

    def require(self, usage: Usage) -> bool:
        """Reserve so much for a further call to a model; False if the budget does not have it.

        Then the attempt, or the turn, is to end: whatever it ends with, it counts as cut short.
        """
        ...
