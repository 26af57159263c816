"""What an earlier part of a run has done: its events, folded into what a later part takes over.

A run that goes on keeps its id and counts its events on. What has completed stays as it is; what
was in flight is begun again as the same attempt, with the same idempotency key; what was
cancelled, or skipped because the run was ending, gets another chance.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Any

import msgspec

from cortex_cli.events import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionRetrying,
    ActionSkipped,
    ActionStarted,
    AgentStarted,
    ApprovalGiven,
    Event,
    IterationStarted,
    Usage,
)
from cortex_cli.kinds import ActionState, SkipReason

Key = tuple[tuple[str, ...], str]
"""The path and the id of an action."""

_LASTING = frozenset(
    {
        SkipReason.CONDITION_FALSE,
        SkipReason.NOT_CHOSEN,
        SkipReason.UPSTREAM_SKIPPED,
        SkipReason.NOTHING_FAILED,
    }
)


class PastEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How an action has ended for good; as in `StepRecord`, and what it has used."""

    state: ActionState
    output: Any = None
    error: str | None = None
    error_type: str = ""
    duration_seconds: float = 0.0
    attempts: int = 0
    usage: Usage | None = None


class Past:
    """The earlier part of a run, by path and id.

    `sequence` is the number of its last event, `started_at` its start in seconds since 1970,
    `inputs` what the run was given. `is_own` is False for what is taken over from another run,
    whose events are not this one's. `in_flight` has the attempts that were begun and have not
    ended of themselves. `approved` are the actions that somebody has let run.
    """

    def __init__(self, events: Iterable[Event] = (), *, retry_failed: bool = False) -> None:
        """`retry_failed`: what has failed is begun again, with all its attempts."""
        self.is_own = True
        self.sequence = 0
        self.started_at = 0.0
        self.inputs: dict[str, Any] = {}
        self.in_flight: dict[Key, int] = {}
        self.retried: dict[Key, int] = {}
        self.approved: set[Key] = set()
        self.ended: dict[Key, PastEnd] = {}
        self._retry_failed = retry_failed
        self._attempts: dict[Key, int] = {}
        self._iterations: dict[tuple[str, ...], int] = {}
        self._by_path: dict[tuple[str, ...], dict[str, PastEnd]] | None = None
        for event in events:
            self._fold(event)
        if retry_failed:
            self._forget_failures()

    def forget(self, keys: Iterable[Key]) -> None:
        """Have these actions run again, and all that is nested in them."""
        self._by_path = None
        gone = {(*path, name) for path, name in keys}
        for known in (self.ended, self.in_flight, self.retried, self._attempts):
            for path, name in [key for key in known if _is_in(gone, (*key[0], key[1]))]:
                del known[path, name]
        self.approved = {key for key in self.approved if not _is_in(gone, (*key[0], key[1]))}
        for path in [path for path in self._iterations if _is_in(gone, path)]:
            del self._iterations[path]

    def only(self, names: Iterable[str]) -> None:
        """Keep nothing but the completed ones of these actions of the outermost plan.

        It is then the past of another run: this one tells of them by events of its own.
        """
        wanted = {((), name) for name in names}
        self.ended = {
            key: end
            for key, end in self.ended.items()
            if key in wanted and end.state is ActionState.COMPLETED
        }
        self.in_flight, self.retried, self.approved = {}, {}, set()
        self.is_own, self.sequence, self._by_path = False, 0, None

    def of(self, path: tuple[str, ...]) -> Mapping[str, PastEnd]:
        """How the actions of one plan have ended, by id."""
        if self._by_path is None:
            self._by_path = {}
            for (place, name), end in self.ended.items():
                self._by_path.setdefault(place, {})[name] = end
        return self._by_path.get(path, {})

    def _fold(self, event: Event) -> None:
        self.sequence = event.sequence
        match event:
            case AgentStarted() if not event.path and not self.started_at:
                self.started_at = event.seconds
                self.inputs = event.data.inputs
            case IterationStarted():
                self._begin_iteration(event.path, event.data.iteration)
            case ActionStarted():
                self._start((event.path, event.action_id), event.data.attempt)
            case ActionRetrying():
                self.in_flight.pop((event.path, event.action_id), None)
                self.retried[event.path, event.action_id] = event.data.attempt
            case ApprovalGiven() if event.data.approved:
                self.approved.add((event.path, event.action_id))
            case ActionCompleted() | ActionFailed() | ActionSkipped() | ActionCancelled():
                self._end(event)
            case _:
                pass

    def _begin_iteration(self, path: tuple[str, ...], iteration: int) -> None:
        if self._iterations.get(path, iteration) != iteration:
            self._forget_below(path)
        self._iterations[path] = iteration

    def _start(self, key: Key, attempt: int) -> None:
        if self._attempts.get(key, attempt) != attempt:
            # A further attempt of a nested run has nothing of the one before.
            self._forget_below((*key[0], key[1]))
        self._attempts[key] = self.in_flight[key] = attempt
        self.ended.pop(key, None)

    def _end(self, event: ActionCompleted | ActionFailed | ActionSkipped | ActionCancelled) -> None:
        key = (event.path, event.action_id)
        end = _meaning(event)
        if end is None:
            self.ended.pop(key, None)
        else:
            self.ended[key] = end
            self.in_flight.pop(key, None)

    def _forget_below(self, path: tuple[str, ...]) -> None:
        size = len(path)
        for known in (self.ended, self.in_flight, self.retried, self._attempts):
            for key in [key for key in known if key[0][:size] == path]:
                del known[key]
        self._iterations = {
            place: number
            for place, number in self._iterations.items()
            if place[:size] != path or place == path
        }

    def _forget_failures(self) -> None:
        failed = [key for key, end in self.ended.items() if end.state is ActionState.FAILED]
        self.forget(failed)


def _is_in(roots: Set[tuple[str, ...]], path: tuple[str, ...]) -> bool:
    return any(path[:size] in roots for size in range(1, len(path) + 1))


def _meaning(
    event: ActionCompleted | ActionFailed | ActionSkipped | ActionCancelled,
) -> PastEnd | None:
    """How the action has ended for good; None if it gets another chance."""
    match event:
        case ActionCompleted(data=data):
            return PastEnd(
                state=ActionState.COMPLETED,
                output=data.output,
                duration_seconds=data.duration_seconds,
                attempts=data.attempts,
                usage=data.usage,
            )
        case ActionFailed(data=data):
            return PastEnd(
                state=ActionState.FAILED,
                error=data.error,
                error_type=data.error_type,
                duration_seconds=data.duration_seconds,
                attempts=data.attempts,
            )
        case ActionSkipped(data=data) if data.reason in _LASTING:
            return PastEnd(state=ActionState.SKIPPED)
        case _:
            return None
