"""Passes to and fro in time over the jobs of a plan, each of which gives another order."""

from collections.abc import Sequence

from cortex_cli.plan.bounds import TOLERANCE, interval_bound, reaches, simple_bound
from cortex_cli.plan.critical_path import Timing
from cortex_cli.plan.jobs import Jobs
from cortex_cli.plan.list_schedule import gap_schedule, list_schedule, ranks
from cortex_cli.plan.noise import uniform

_BOUND_AFTER = 2
_NOISE = 0.1
_ACTIONS_MOVED = 5


class Hunt:
    """The best that the passes have met.

    `makespan` is the length of the best schedule that a run can follow, `bound` one that no
    schedule can beat, `shortest` the length of the shortest that was met at all, also if it
    leaves a slot idle while a job is ready; all in seconds. `passes` counts those made.
    """

    def __init__(self, jobs: Jobs, timing: Timing, makespan: float, seed: int) -> None:
        """`timing` is that of what is expected to run, `makespan` that of a known schedule."""
        self.makespan = self.shortest = makespan
        self.bound = simple_bound(jobs, timing)
        self.passes = 0
        self._jobs = jobs
        self._timing = timing
        self._noise = uniform(seed)
        # What takes no time goes first among equals, since it gives its slot back at once.
        self._numbers = sorted(range(len(jobs.durations)), key=lambda job: jobs.durations[job] > 0)
        # In a small plan each action is a larger part of the whole, and takes more to be moved.
        self._share = max(_NOISE, min(1.0, _ACTIONS_MOVED / max(1, len(jobs.durations))))
        self._order: Sequence[int] = ()
        self._ends: Sequence[float] = ()

    def run(self, ends: Sequence[float], passes: int) -> None:
        """Make passes until the bound is reached; the first begins with a schedule's ends."""
        while self.passes < passes and not reaches(self.makespan, self.bound):
            ends = self._pass(ends)
            self.passes += 1
            if self.passes == _BOUND_AFTER and self._jobs.is_exact:
                self.bound = interval_bound(self._jobs, self._timing, self.bound)

    def sequence(self) -> list[tuple[int, float]]:
        """The jobs as they start in the best schedule, each with its start in seconds.

        Taken as an order it leads to that schedule. Empty if none was better than the known one.
        """
        place = ranks(self._order)
        pairs = zip(self._ends, self._jobs.durations, strict=False)
        starts = [end - seconds for end, seconds in pairs]
        jobs = sorted(self._order, key=lambda job: (starts[job], place[job]))
        return [(job, starts[job]) for job in jobs]

    def _pass(self, ends: Sequence[float]) -> Sequence[float]:
        """Schedule back from the end, then forward; the ends of the latter."""
        jobs = self._jobs
        build = list_schedule if next(self._noise) < 1 / 2 else gap_schedule
        back = build(jobs, jobs.backward, self._latest_first(ends, self._spread()))
        length = max(back)
        self.shortest = min(self.shortest, length)
        # What beats all so far is not shaken on its way to an order that a run can follow.
        order = self._latest_first(back, 0.0 if length < self.makespan else self._spread())
        if jobs.priorities is not None:
            order.sort(key=jobs.priorities.__getitem__, reverse=True)
        # Invariant: this does what the scheduler does; only such orders are kept.
        ends = list_schedule(jobs, jobs.forward, order)
        length = max(ends)
        if length < self.makespan * (1 - TOLERANCE):
            self.makespan, self._order, self._ends = length, order, ends
        # The next pass goes on from here, not from the best, which would hold it in one place.
        return ends

    def _spread(self) -> float:
        return self._share * self.makespan * next(self._noise) ** 2

    def _latest_first(self, ends: Sequence[float], spread: float) -> list[int]:
        """The jobs by their ends, each shifted at random by up to `spread` seconds."""
        keys = [spread * noise - end for end, noise in zip(ends, self._noise, strict=False)]
        return sorted(self._numbers, key=keys.__getitem__)
