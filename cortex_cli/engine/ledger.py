"""The actions of one plan while it runs: what is known of each, and how they have ended."""

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from cortex_cli.engine.bus import Bus, Stamp
from cortex_cli.engine.context import Context, RunFacts, StepRecord
from cortex_cli.engine.ports import RunSpec
from cortex_cli.engine.reporter import ActionReporter, add_usage
from cortex_cli.events import (
    ActionCancelled,
    ActionCancelledData,
    ActionCompleted,
    ActionCompletedData,
    ActionFailed,
    ActionFailedData,
    ActionSkipped,
    ActionSkippedData,
    StateCounts,
    Usage,
    WarningData,
    WarningRaised,
)
from cortex_cli.kinds import ActionMode, ActionState, CancelReason, OnFailure, SkipReason
from cortex_cli.plan.describe import Outlook, planned_actions
from cortex_cli.plan.paths import Path, walk
from cortex_cli.plan.references import resolve
from cortex_cli.protocol.action import Action
from cortex_cli.report import PlannedAction

if TYPE_CHECKING:
    from cortex_cli.engine.masked_reporter import MaskedReporter
    from cortex_cli.engine.timers import Timer
    from cortex_cli.engine.workers import Job


class Surroundings(Protocol):
    """What a plan that runs takes from the run that it is part of."""

    bus: Bus
    facts: RunFacts

    def now(self) -> float:
        """Seconds on the run's clock."""
        ...


class ActionRecord:
    """One action of a running plan; `number` is the scheduler's, times are the run's clock's.

    `item` is the value and the place of the item that it is for, in a `for_each`.
    """

    __slots__ = (
        "action",
        "attempt",
        "cancel_reason",
        "is_ended",
        "item",
        "job",
        "ledger",
        "number",
        "reporter",
        "started",
        "timer",
        "usage",
    )

    def __init__(self, number: int, action: Action, ledger: "Ledger") -> None:
        self.number = number
        self.action = action
        self.ledger = ledger
        self.attempt = 0
        self.started: float | None = None
        self.usage: Usage | None = None
        self.cancel_reason: CancelReason | None = None
        self.is_ended = False
        self.item: tuple[Any, int] | None = None
        self.job: Job | None = None
        self.timer: Timer | None = None
        self.reporter: ActionReporter | MaskedReporter | None = None

    @property
    def is_background(self) -> bool:
        """Whether nothing waits for the action."""
        return self.action.mode is ActionMode.FIRE_AND_FORGET

    def fall_back(self) -> bool:
        """Take the next `fallback` target from now on; False if there is none left."""
        if not self.action.fallback or self.action.target is None:
            return False
        target, *left = self.action.fallback
        self.action = self.action.model_copy(update={"target": target, "fallback": tuple(left)})
        return True

    def lookup(self, root: str, path: Path) -> Any:
        """What a reference of the action names, or MISSING."""
        if self.item is not None and root in {"item", "index"}:
            return walk(self.item[root == "index"], path)
        return self.ledger.context.lookup(root, path)

    def resolve(self, value: Any) -> Any:
        """A value of the action with its references replaced."""
        return resolve(value, self.lookup) if value else value

    def add_usage(self, usage: Usage | None) -> None:
        """Add to what the action has used, over all its attempts."""
        self.usage = add_usage(self.usage, usage)

    def emit(self, kind: type[Any], data: Any) -> None:
        """Publish an event about the action."""
        ledger = self.ledger
        ledger.bus.action_event(kind, ledger.stamp, self.action, data)


class Ledger:
    """Takes down how each action of a plan ends, once, for its context, its events and counts."""

    def __init__(
        self, spec: RunSpec, outlook: Outlook, context: Context, stamp: Stamp, around: Surroundings
    ) -> None:
        """`first` is the scheduler's number of the plan's first action, once it has one."""
        self.spec = spec
        self.outlook = outlook
        self.context = context
        self.stamp = stamp
        self.bus = around.bus
        self.first = 0
        self.usage: Usage | None = None
        self.first_error: tuple[str, str] | None = None
        self._now = around.now
        self._counts: Counter[ActionState] = Counter()
        self._by_name: dict[str, int] = {}
        self._planned: tuple[PlannedAction, ...] = ()

    def number_of(self, name: str) -> int:
        """The scheduler's number of the action with that id or name."""
        number = self.outlook.graph.index.get(name)
        if number is None:
            if not self._by_name:
                actions = enumerate(self.outlook.graph.actions)
                # Of two with one name the first counts, as in the check of the plan.
                self._by_name = {a.name: n for n, a in reversed(list(actions))}
            number = self._by_name[name]
        return self.first + number

    @property
    def planned(self) -> tuple[PlannedAction, ...]:
        """The actions as planned, worked out once."""
        if not self._planned:
            self._planned = planned_actions(self.outlook, self.outlook.graph.waves())
        return self._planned

    @property
    def counts(self) -> StateCounts:
        """How many actions have ended in each final state."""
        return StateCounts(
            completed=self._counts[ActionState.COMPLETED],
            failed=self._counts[ActionState.FAILED],
            cancelled=self._counts[ActionState.CANCELLED],
            skipped=self._counts[ActionState.SKIPPED],
        )

    def emit(self, kind: type[Any], data: Any) -> None:
        """Publish an event about the run that the plan belongs to."""
        self.bus.run_event(kind, self.stamp, data)

    def warn(self, message: str) -> None:
        """Publish a warning about that run."""
        self.emit(WarningRaised, WarningData(message=message))

    def note_completed(self, record: ActionRecord, output: Any) -> None:
        """Keep and publish an action's output, without secrets that it may hold."""
        masker = self.bus.masker
        if masker is not None:
            output = masker.mask_value(output)
        step = self._end(record, ActionState.COMPLETED, output)
        data = ActionCompletedData(
            output=output if self.spec.protocol.stream_action_results else None,
            duration_seconds=step.duration_seconds,
            attempts=record.attempt,
            usage=record.usage,
        )
        record.emit(ActionCompleted, data)

    def note_failed(self, record: ActionRecord, error: str, error_type: str) -> None:
        """Keep and publish an action's failure, without secrets that its error may hold."""
        masker = self.bus.masker
        if masker is not None:
            error = masker.mask(error)
        step = self._end(record, ActionState.FAILED, error=error)
        data = ActionFailedData(
            error=error,
            error_type=error_type,
            attempts=record.attempt,
            duration_seconds=step.duration_seconds,
        )
        record.emit(ActionFailed, data)
        name = record.action.id
        if record.is_background:
            self.warn(f"fire-and-forget action '{name}' failed: {error}")
        elif record.action.on_failure is not OnFailure.CONTINUE and self.first_error is None:
            self.first_error = (f"action '{name}' failed: {error}", error_type)

    def note_cancelled(self, record: ActionRecord, reason: CancelReason) -> None:
        """Publish that an action was ended from outside."""
        step = self._end(record, ActionState.CANCELLED)
        duration = step.duration_seconds
        record.emit(ActionCancelled, ActionCancelledData(reason=reason, duration_seconds=duration))

    def note_skipped(self, record: ActionRecord, reason: SkipReason) -> None:
        """Publish that an action will not start."""
        self._end(record, ActionState.SKIPPED)
        record.emit(ActionSkipped, ActionSkippedData(reason=reason))

    def _end(
        self,
        record: ActionRecord,
        state: ActionState,
        output: Any = None,
        *,
        error: str | None = None,
    ) -> StepRecord:
        assert not record.is_ended, f"'{record.action.id}' has ended before"
        record.is_ended = True
        if record.reporter is not None:
            record.reporter.close()
        step = StepRecord(
            status=state,
            output=output,
            error=error,
            duration_seconds=0.0 if record.started is None else self._now() - record.started,
            attempts=record.attempt,
        )
        self._counts[state] += 1
        self.usage = add_usage(self.usage, record.usage)
        self.context.record(record.action, step)
        return step
