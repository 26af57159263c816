"""The actions that everyone performs, and a log that shows whether they were performed rightly."""

import asyncio
from collections.abc import Awaitable, Callable

from benchmarks.workloads import Workload

Perform = Callable[[int], Awaitable[int]]


class WrongRunError(Exception):
    """A contestant did not do what the workload asks for."""


class Record:
    """Performs the actions of one run of a workload.

    `log` has the number of an action where it begins, and its complement where it ends.
    """

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._seconds = workload.seconds
        self.log: list[int] = []

    async def perform(self, number: int) -> int:
        """Perform one action; its number comes back as its output."""
        self.log.append(number)
        await asyncio.sleep(self._seconds[number])
        self.log.append(~number)
        return number

    def check(self) -> None:
        """Look at the log.

        WrongRunError unless every action ran once, after all it waits for, and never more at once
        than there are slots.
        """
        running, begun, ended = 0, set[int](), set[int]()
        for entry in self.log:
            if entry < 0:
                ended.add(~entry)
                running -= 1
                continue
            running += 1
            self._check_start(entry, running, begun, ended)
            begun.add(entry)
        if len(ended) != len(self._workload):
            message = f"{len(ended)} of {len(self._workload)} actions ended"
            raise WrongRunError(message)

    def _check_start(self, number: int, running: int, begun: set[int], ended: set[int]) -> None:
        if number in begun:
            message = f"action {number} began twice"
            raise WrongRunError(message)
        if not ended.issuperset(self._workload.waits[number]):
            message = f"action {number} began before what it waits for had ended"
            raise WrongRunError(message)
        if running > self._workload.slots:
            message = f"{running} actions ran at once on {self._workload.slots} slots"
            raise WrongRunError(message)
