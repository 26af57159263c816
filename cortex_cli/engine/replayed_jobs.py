"""The attempts of a replay: begun as ever, and kept until the record has how each ends."""

from collections.abc import Iterator

from cortex_cli.engine.approvals import Asking
from cortex_cli.engine.failures import Choosing
from cortex_cli.engine.job import Job, Result
from cortex_cli.engine.past import Key
from cortex_cli.events import Event


class Jobs:
    """Those that have begun and not ended, by path and id of the action."""

    def __init__(self) -> None:
        self._jobs: dict[Key, list[Job]] = {}

    def keep(self, job: Job) -> None:
        """An attempt has begun, or a person is asked."""
        self._jobs.setdefault((job.call.path, job.call.action.id), []).append(job)

    def of(self, key: Key, *, is_stopped: bool | None = None) -> Job | None:
        """The one of an action; if there are two, the one that is stopped, or isn't."""
        # A question that was taken back has no end.
        jobs = [job for job in self._jobs.get(key, ()) if not _is_taken_back(job)]
        fitting = [job for job in jobs if is_stopped in (None, job.is_stopped)]
        return next(iter(fitting or jobs), None)

    def finish(self, key: Key, result: Result, job: Job | None = None) -> bool:
        """End the one of an action; whether there was one."""
        job = job or self.of(key)
        if job is None:
            return False
        self._jobs[key].remove(job)
        job.on_end(result)
        return True

    def asks(self, key: Key) -> bool:
        """Whether a person is asked about an action."""
        job = self.of(key)
        return job is not None and isinstance(job.handler, Asking)

    def asking(self) -> Iterator[Key]:
        """The actions that a person is asked about."""
        return (key for key in list(self._jobs) if self.asks(key))


def key_of(event: Event) -> Key:
    """The path and the id that an event is about; no id if it is about a run."""
    return event.path, event.action_id or ""


def _is_taken_back(job: Job) -> bool:
    return job.is_stopped and isinstance(job.handler, Asking | Choosing)
