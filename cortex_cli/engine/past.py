"""What an earlier part of a run has done: its events, folded into what a later part takes over.

A run that goes on keeps its id and counts its events on. What has completed stays as it is; what
was in flight is begun again as the same attempt, with the same idempotency key; what was
cancelled, or skipped because the run was ending, gets another chance.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cortex_cli.engine.past_plans import PastPlan, PastPlans
from cortex_cli.engine.reporter import add_usage, less_usage
from cortex_cli.events import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionRetrying,
    ActionSkipped,
    ActionStarted,
    AgentStarted,
    ApprovalGiven,
    ApprovalGivenData,
    ApprovalRequested,
    ApprovalRequestedData,
    Event,
    IterationStarted,
    PlanExtended,
    PlanGenerated,
    PlanPatched,
    Usage,
)
from cortex_cli.kinds import ActionState, ActionType, SkipReason

Key = tuple[tuple[str, ...], str]
"""The path and the id of an action."""

Call = tuple[ActionType, str]
"""The type and the target of an action."""

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


class PastFailure(msgspec.Struct, frozen=True, kw_only=True):
    """An action that failed, where a person was asked what to do; `is_settled`: it stays failed."""

    error: str
    error_type: str
    attempts: int
    is_settled: bool = False


class Past:
    """The earlier part of a run, by path and id.

    `sequence` is the number of its last event, `started_at` its start in seconds since 1970,
    `inputs` what the run was given. `is_own` is False for what is taken over from another run,
    whose events are not this one's. `in_flight` has the attempts that were begun and have not ended
    of themselves, `failing` what had failed while a person was asked what to do; `forgiven` are the
    attempts after which somebody had an action begin anew, `given_up` the paths of the runs in
    which somebody let a failure stand. `approved` are the actions that somebody has let run. What
    was used counts also where it was for nothing. `loops` has, by path, the plans that a model has
    written; `passing` the ends that get another chance, while their iteration lasts.
    """

    def __init__(
        self, events: Iterable[Event] = (), *, forgotten: Mapping[str, int] | None = None
    ) -> None:
        """`forgotten`: what was to run again, as of `forget`, once so many events were there.

        Its keys are paths and ids, joined by slashes.
        """
        self.is_own = True
        self.sequence = 0
        self.started_at = 0.0
        self.inputs: dict[str, Any] = {}
        self.in_flight: dict[Key, int] = {}
        self.retried: dict[Key, int] = {}
        self.failing: dict[Key, PastFailure] = {}
        self.forgiven: dict[Key, int] = {}
        self.given_up: set[tuple[str, ...]] = set()
        self.approved: set[Key] = set()
        self.ended: dict[Key, PastEnd] = {}
        self._used: dict[tuple[str, ...], Usage | None] = {}
        self._written: dict[tuple[str, ...], Usage] = {}
        self.loops: dict[tuple[str, ...], PastPlans] = {}
        self.passing: dict[Key, PastEnd] = {}
        self._plans: set[tuple[str, ...]] = set()
        self._by_path: dict[tuple[str, ...], dict[str, PastEnd]] | None = None
        to_forget = deque(sorted((when, name) for name, when in (forgotten or {}).items()))
        for event in events:
            while to_forget and to_forget[0][0] < event.sequence:
                self.forget([key_of(to_forget.popleft()[1])])
            self._fold(event)
        self.forget(key_of(name) for _, name in to_forget)

    def forget(self, keys: Iterable[Key]) -> None:
        """Have these actions run again, with all their attempts; not what is nested in them."""
        self._by_path = None
        for key in keys:
            self.approved.discard(key)
            self.given_up.discard(key[0])
            for known in self._known():
                known.pop(key, None)

    def forget_within(self, path: tuple[str, ...]) -> None:
        """Have all run again that is nested in the action with this path and id."""
        self._by_path = None
        self._forget_below(path)

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
        self.failing, self.forgiven, self.given_up = {}, {}, set()
        self.loops, self.passing = {}, {}
        self.is_own, self.sequence, self._by_path = False, 0, None
        self._used = {}

    def used_at(self, path: tuple[str, ...]) -> Usage | None:
        """What the models have used for the plan at a path, and for those within it."""
        used: Usage | None = None
        for place, usage in self._used.items():
            if place[: len(path)] == path:
                used = add_usage(used, usage)
        return used

    @property
    def made(self) -> dict[Key, Call]:
        """What the actions call that a model has planned."""
        return {
            (path, name): (ActionType(str(written["type"])), str(written.get("target") or ""))
            for path, loop in self.loops.items()
            for plan in (*loop.earlier, loop.last)
            for name, written in plan.actions
        }

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
            case AgentStarted():
                self._begin(event)
            case IterationStarted():
                self._begin_iteration(event.path, event.data.iteration)
            case PlanGenerated() | PlanExtended() | PlanPatched():
                self._plan(event)
            case ActionStarted():
                self._start((event.path, event.action_id), event.data.attempt)
            case ActionRetrying():
                self._retry((event.path, event.action_id), event.data.attempt)
            case ApprovalRequested() | ApprovalGiven():
                self._ask(event)
            case ActionCompleted() | ActionFailed() | ActionSkipped() | ActionCancelled():
                self._end(event)
            case _:
                pass

    def _begin(self, event: AgentStarted) -> None:
        self._plans.add(event.path)
        if not event.path and not self.started_at:
            self.started_at = event.seconds
            self.inputs = event.data.inputs

    def _begin_iteration(self, path: tuple[str, ...], iteration: int) -> None:
        self._written.pop(path, None)
        self.loops.setdefault(path, PastPlans(PastPlan(iteration))).begin(iteration)

    def _plan(self, event: PlanGenerated | PlanExtended | PlanPatched) -> None:
        used = event.data.usage if isinstance(event, PlanExtended) else None
        if isinstance(used, Usage):
            # Each time what the plan of this iteration has used in all.
            more = less_usage(used, self._written.get(event.path))
            self._used[event.path] = add_usage(self._used.get(event.path), more)
            self._written[event.path] = used
        loop = self.loops.get(event.path)
        if loop is not None:
            loop.fold(event)

    def _retry(self, key: Key, attempt: int) -> None:
        self.in_flight.pop(key, None)
        self.retried[key] = attempt
        # The next attempt of a nested run has nothing of this one.
        self._forget_below((*key[0], key[1]))

    def _start(self, key: Key, attempt: int) -> None:
        self.in_flight[key] = attempt
        self.ended.pop(key, None)
        self.failing.pop(key, None)

    def _ask(self, event: ApprovalRequested | ApprovalGiven) -> None:
        key = event.path, event.action_id
        if isinstance(event, ApprovalGiven):
            self._answer(key, event.data)
        elif event.data.error:
            self._fail(key, event.data)

    def _fail(self, key: Key, asked: ApprovalRequestedData) -> None:
        before = self.failing.get(key)
        attempts = before.attempts if before is not None else self.in_flight.pop(key, 0)
        error, error_type = asked.error or "", asked.error_type or ""
        self.failing[key] = PastFailure(error=error, error_type=error_type, attempts=attempts)

    def _answer(self, key: Key, given: ApprovalGivenData) -> None:
        failure = self.failing.get(key)
        if given.approved:
            self.approved.add(key)
        if failure is None:
            return
        if given.approved:
            del self.failing[key]
            self.forgiven[key] = failure.attempts
            self._retry(key, failure.attempts)
        else:
            self.failing[key] = msgspec.structs.replace(failure, is_settled=True)
            self.given_up.add(key[0])

    def _end(self, event: ActionCompleted | ActionFailed | ActionSkipped | ActionCancelled) -> None:
        key = (event.path, event.action_id)
        end = _meaning(event)
        self._count(event)
        self.passing.pop(key, None)
        if end is None:
            self.ended.pop(key, None)
            is_skip = isinstance(event, ActionSkipped)
            state = ActionState.SKIPPED if is_skip else ActionState.CANCELLED
            self.passing[key] = PastEnd(state=state)
        else:
            self.ended[key] = end
            self.in_flight.pop(key, None)
            self.failing.pop(key, None)

    def _count(
        self, event: ActionCompleted | ActionFailed | ActionSkipped | ActionCancelled
    ) -> None:
        # The usage of a nested run is that of its actions, which has been counted.
        if (
            not isinstance(event, ActionSkipped)
            and (*event.path, event.action_id) not in self._plans
        ):
            self._used[event.path] = add_usage(self._used.get(event.path), event.data.usage or None)

    def _known(self) -> tuple[dict[Key, Any], ...]:
        """What is known of single actions, but for what they were allowed."""
        return self.ended, self.in_flight, self.retried, self.failing, self.forgiven

    def _forget_below(self, path: tuple[str, ...]) -> None:
        if path not in self._plans:
            return
        size = len(path)
        # What an attempt of a nested run has used is not used by the next, but by what is around.
        for place in [place for place in self._used if place[:size] == path]:
            self._used[path[:-1]] = add_usage(self._used.get(path[:-1]), self._used.pop(place))
        for known in (*self._known(), self.passing):
            for key in [key for key in known if key[0][:size] == path]:
                del known[key]
        self.loops = {place: one for place, one in self.loops.items() if place[:size] != path}


def key_of(name: str) -> Key:
    """A path and an id that were joined by slashes."""
    *path, action_id = name.split("/")
    return tuple(path), action_id


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
                usage=data.usage or None,
            )
        case ActionSkipped(data=data) if data.reason in _LASTING:
            return PastEnd(state=ActionState.SKIPPED)
        case _:
            return None
