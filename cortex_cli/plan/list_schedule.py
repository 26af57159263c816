"""Two ways to turn an order of jobs into a schedule: in the order of time, and gap by gap."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from math import inf

from cortex_cli.plan.jobs import Jobs, Side


def list_schedule(jobs: Jobs, side: Side, order: Sequence[int]) -> list[float]:
    """The end of each job if whatever is ready and first in the order takes each free slot.

    It does what the scheduler of a run does on a simulated clock: no slot is idle while a job is
    ready, and of jobs that end at one instant the lower number ends first. O((V + E) log V).
    """
    durations, in_slot, after = jobs.durations, jobs.in_slot, side.after
    rank = ranks(order)
    waits = list(side.waits)
    ready = [rank[job] for job, count in enumerate(waits) if not count and in_slot[job]]
    heapify(ready)
    running = [
        (durations[job], job) for job, count in enumerate(waits) if not count and not in_slot[job]
    ]
    heapify(running)
    ends = [0.0] * len(order)
    free = jobs.slots
    now = 0.0
    while True:
        while free and ready:
            job = order[heappop(ready)]
            heappush(running, (now + durations[job], job))
            free -= 1
        if not running:
            return ends
        now, job = heappop(running)
        ends[job] = now
        free += in_slot[job]
        for other in after[job]:
            waits[other] -= 1
            if waits[other]:
                continue
            if in_slot[other]:
                heappush(ready, rank[other])
            else:
                heappush(running, (now + durations[other], other))


def gap_schedule(jobs: Jobs, side: Side, order: Sequence[int]) -> list[float]:
    """The end of each job if each, in this order, is put into the earliest gap that it fits.

    A job waits in the order until those that it depends on have been put. Slots may be left idle
    for what comes later, which a list schedule never does. Empty jobs need no room.
    """
    durations, in_slot, after = jobs.durations, jobs.in_slot, side.after
    rank = ranks(order)
    waits = list(side.waits)
    ready = [rank[job] for job, count in enumerate(waits) if not count]
    heapify(ready)
    starts, ends = [0.0] * len(order), [0.0] * len(order)
    room = _Room(jobs.slots)
    while ready:
        job = order[heappop(ready)]
        seconds = durations[job]
        end = starts[job] + seconds
        if seconds and in_slot[job]:
            end = room.take(starts[job], seconds)
        ends[job] = end
        for other in after[job]:
            starts[other] = max(starts[other], end)
            waits[other] -= 1
            if not waits[other]:
                heappush(ready, rank[other])
    return ends


def ranks(order: Sequence[int]) -> list[int]:
    """The place of each number in an order of all numbers."""
    rank = [0] * len(order)
    for place, number in enumerate(order):
        rank[number] = place
    return rank


class _Room:
    """How many slots are taken: `_taken[k]` from `_times[k]` to `_times[k + 1]`."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._times = [0.0, inf]
        self._taken = [0]

    def take(self, earliest: float, seconds: float) -> float:
        """Take one slot for so long, as early as possible; returns until when."""
        times, taken, slots = self._times, self._taken, self._slots
        place = bisect_right(times, earliest) - 1
        start = earliest
        while taken[place] >= slots or times[place + 1] < start + seconds:
            place += 1
            if taken[place - 1] >= slots:
                start = times[place]
        first, last = self._split(start), self._split(start + seconds)
        taken[first:last] = [count + 1 for count in taken[first:last]]
        # Invariant: neighbouring stretches differ, so there are few where little is idle.
        for place in (last, first):
            if place and taken[place - 1] == taken[place]:
                del times[place], taken[place]
        return start + seconds

    def _split(self, time: float) -> int:
        """The stretch that begins at a time, made if there is none."""
        place = bisect_left(self._times, time)
        if self._times[place] != time:
            self._times.insert(place, time)
            self._taken.insert(place, self._taken[place - 1])
        return place
