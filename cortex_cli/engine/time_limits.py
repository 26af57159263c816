"""The time limits of what runs: nearly all of it ends long before its limit."""

from math import inf

from cortex_cli.engine.job import Job
from cortex_cli.engine.timers import Timer, Timers


class TimeLimits:
    """Ends each job at its deadline.

    One timer serves all jobs: the earliest deadline. When that has come, each job that still runs
    gets a timer of its own, so that a job costs a heap entry only if it takes that long, and one
    at most.
    """

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._now = timers.now
        # In order, so that of equal deadlines the first to be watched is the first to end.
        self._watched: dict[Job, None] = {}
        self._due = inf
        self._timer: Timer | None = None

    def watch(self, job: Job, seconds: float) -> None:
        """Have the job end in so many seconds, unless it is left alone before."""
        deadline = job.deadline = self._now() + seconds
        self._watched[job] = None
        if deadline < self._due:
            if self._timer is not None:
                self._timer.stop()
            self._due = deadline
            self._timer = self._timers.at(deadline, self._sort_out)

    def leave(self, job: Job) -> None:
        """The job has ended."""
        self._watched.pop(job, None)
        if job.timer is not None:
            job.timer.stop()

    def _sort_out(self) -> None:
        self._due, self._timer = inf, None
        watched, self._watched = self._watched, {}
        for job in watched:
            job.timer = self._timers.at(job.deadline, job.time_out)
