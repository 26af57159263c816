"""The actions of one plan while it runs: what is known of each, and how they have ended."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from cortex_cli.engine.bus import Bus, Stamp
from cortex_cli.engine.context import Context, RunFacts, StepRecord
from cortex_cli.engine.decide import choices_of
from cortex_cli.engine.feeds import FedValues
from cortex_cli.engine.past import PastEnd, PastFailure
from cortex_cli.engine.ports import Allowance, RunSpec
from cortex_cli.engine.reporter import ActionReporter, add_usage
from cortex_cli.engine.spending import Spending
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
from cortex_cli.kinds import (
    ActionMode,
    ActionState,
    ActionType,
    CancelReason,
    Effect,
    OnFailure,
    SkipReason,
)
from cortex_cli.plan.describe import Outlook
from cortex_cli.plan.paths import Path, walk
from cortex_cli.plan.references import resolve
from cortex_cli.plan.traits import Traits, traits_of
from cortex_cli.protocol.action import Action
from cortex_cli.report import PlannedAction

if TYPE_CHECKING:
    from cortex_cli.engine.job import Job
    from cortex_cli.engine.masked_reporter import MaskedReporter
    from cortex_cli.engine.timers import Timer


# Reading a member of an enumeration takes as long as making an event, before Python 3.12.
_COMPLETED = ActionState.COMPLETED


class Surroundings(Protocol):
    """What a plan that runs takes from the run that it is part of."""

    bus: Bus
    facts: RunFacts
    resume: str | None

    def now(self) -> float:
        """Seconds on the run's clock."""
        ...


class ActionRecord(msgspec.Struct, eq=False):
    """One action of a running plan; `number` is the scheduler's, times are the run's clock's.

    `item` is the value and the place of the item that it is for, in a `for_each`;
    `was_interrupted`: an earlier part of the run had begun the attempt that comes next, `failure`:
    it had failed there, and a person was asked what to do. `forgiven` are the attempts that don't
    count any more, `original` is how it was before it fell back. `asking` is the question about its
    failure that is open.
    """

    number: int
    action: Action
    traits: Traits
    ledger: "Ledger"
    attempt: int = 0
    started: float | None = None
    usage: Usage | None = None
    cancel_reason: CancelReason | None = None
    is_ended: bool = False
    item: tuple[Any, int] | None = None
    was_interrupted: bool = False
    failure: PastFailure | None = None
    forgiven: int = 0
    original: Action | None = None
    asking: "Job | None" = None
    allowance: Allowance | None = None
    job: "Job | None" = None
    timer: "Timer | None" = None
    reporter: "ActionReporter | MaskedReporter | None" = None

    @property
    def key(self) -> tuple[tuple[str, ...], str]:
        """Its path and its id."""
        return self.ledger.stamp.path, self.action.id

    @property
    def is_background(self) -> bool:
        """Whether nothing waits for the action."""
        return self.action.mode is ActionMode.FIRE_AND_FORGET

    def fall_back(self) -> bool:
        """Take the next `fallback` target from now on; False if there is none left."""
        if not self.action.fallback or self.action.target is None:
            return False
        self.original = self.original or self.action
        target, *left = self.action.fallback
        self.action = self.action.model_copy(update={"target": target, "fallback": tuple(left)})
        self.traits = traits_of(self.action, self.traits.aliases)
        return True

    def begin_anew(self) -> None:
        """Have all attempts and all fallbacks once more."""
        self.forgiven = self.attempt
        if self.original is not None:
            self.action, self.original = self.original, None
            self.traits = traits_of(self.action, self.traits.aliases)

    def lookup(self, root: str, path: Path) -> Any:
        """What a reference of the action names, or MISSING."""
        if self.item is not None and root in {"item", "index"}:
            return walk(self.item[root == "index"], path)
        root = self.traits.aliases.get(root, root)
        return self.ledger.context.lookup(root, path)

    def resolve(self, value: Any) -> Any:
        """A value of the action with its references replaced."""
        return resolve(value, self.lookup) if value else value

    def add_usage(self, usage: Usage) -> None:
        """Add what an attempt has used, over all attempts, and take it from the budgets."""
        self.usage = add_usage(self.usage, usage)
        self.ledger.spending.note_used(self.number, usage)

    def emit(self, kind: type[Any], data: Any, now: float | None = None) -> None:
        """Publish an event about the action; `now` is the time, where the caller knows it."""
        ledger = self.ledger
        ledger.bus.action_event(kind, ledger.stamp, self.traits, data, now)


@dataclass(slots=True)
class Growth:
    """What a plan that grows knows of its actions, by the scheduler's numbers.

    `numbers` has those of this iteration by written id and name. `not_chosen` are the names that
    decisions of it have not chosen.
    """

    numbers: dict[str, int] = field(default_factory=dict[str, int])
    planned: dict[int, PlannedAction] = field(default_factory=dict[int, PlannedAction])
    not_chosen: set[str] = field(default_factory=set[str])


class Ledger:
    """Takes down how each action of a plan ends, once, for its context, its events and counts."""

    def __init__(
        self, spec: RunSpec, outlook: Outlook, context: Context, stamp: Stamp, around: Surroundings
    ) -> None:
        """`is_strict`: a person approves the plans that models make, of this run or one around it.

        `first` is the scheduler's number of the plan's first action, once it has one.

        `growth`, where there is one, knows the actions that join the plan while it runs.

        `approval_rules`: what must be approved, of this run and of those around it.
        """
        self.approval_rules: tuple[bool | tuple[ActionType | Effect, ...], ...] = ()
        self.spec = spec
        self.may_retry = spec.protocol.auto_retry_on_failure
        self._streams_results = spec.protocol.stream_action_results
        self.outlook = outlook
        self.context = context
        self.stamp = stamp
        self.bus = around.bus
        self.first = 0
        self.spending = Spending()
        self.is_strict = False
        self.growth: Growth | None = None
        self.usage: Usage | None = None
        self.first_error: tuple[str, str] | None = None
        self.fed = FedValues()
        self._now = around.now
        self._counts: Counter[ActionState] = Counter()
        self._by_name: dict[str, int] = {}

    def not_chosen(self, decision: Action, then: Iterable[str] = ()) -> tuple[int, ...]:
        """The scheduler's numbers of what a decision may choose and, with this `then`, does not."""
        offered, chosen = set(choices_of(decision)), set(then)
        if self.growth is not None:
            self.growth.not_chosen |= offered - chosen
        return tuple(sorted(self._numbers_of(offered) - self._numbers_of(chosen)))

    def _numbers_of(self, names: Iterable[str]) -> set[int]:
        """The numbers of the actions with these ids or names; not all of a growing plan are there."""
        if self.growth is not None:
            numbers = self.growth.numbers
            return {numbers[name] for name in names if name in numbers}
        return {self._number_of(name) for name in names}

    def _number_of(self, name: str) -> int:
        number = self.outlook.graph.index.get(name)
        if number is None:
            if not self._by_name:
                actions = enumerate(self.outlook.graph.actions)
                # Of two with one name the first counts, as in the check of the plan.
                self._by_name = {a.name: n for n, a in reversed(list(actions))}
            number = self._by_name[name]
        return self.first + number

    def planned(self, record: ActionRecord) -> PlannedAction:
        """The action as it is planned."""
        if self.growth is not None and record.number in self.growth.planned:
            return self.growth.planned[record.number]
        return self.outlook.report.actions[record.number - self.first]

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

    def warn_once(self, message: str) -> None:
        """The same, of what has not been warned of before."""
        if message not in self.spending.warned:
            self.spending.warned.add(message)
            self.warn(message)

    def note_completed(self, record: ActionRecord, output: Any, *, cached: bool = False) -> None:
        """Keep and publish an action's output, without secrets that it may hold.

        `cached`: it was made before, not by this run.
        """
        now = self._now()
        if self.bus.masker is not None:
            output = self.bus.masker.mask_value(output)
        step = self._end(record, _COMPLETED, now, output)
        if record.traits.feed is not None and not cached:
            self.fed.note(record.traits.feed, output, now)
        data = ActionCompletedData(
            output=output,
            duration_seconds=step.duration_seconds,
            attempts=record.attempt,
            cached=cached,
            usage=record.usage,
        )
        if self._streams_results:
            self.bus.action_event(ActionCompleted, self.stamp, record.traits, data, now)
        else:
            both = (data, replace(data, output=None))
            self.bus.guarded_event(ActionCompleted, self.stamp, record.traits, both)

    def note_past(self, record: ActionRecord, end: PastEnd) -> None:
        """Take over how an action has ended in an earlier part of the run; no event tells of it."""
        record.is_ended = True
        record.attempt = end.attempts
        record.usage = end.usage
        step = StepRecord(
            status=end.state,
            output=end.output,
            error=end.error,
            duration_seconds=end.duration_seconds,
            attempts=end.attempts,
        )
        self.count_past(end)
        self.context.record(record.action, step)
        traits = record.traits
        if traits.feed and end.state is _COMPLETED:
            self.fed.recall(traits.feed, end.output, traits.interval, self._now())
        if end.state is ActionState.FAILED:
            self._note_error(record, end.error or "", end.error_type)

    def count_past(self, end: PastEnd) -> None:
        """Count what has ended in an earlier part of the run, and what it has used."""
        self._counts[end.state] += 1
        self.usage = add_usage(self.usage, end.usage)

    def note_failed(self, record: ActionRecord, error: str, error_type: str) -> None:
        """Keep and publish an action's failure, without secrets that its error may hold."""
        now = self._now()
        if self.bus.masker is not None:
            error = self.bus.masker.mask(error)
        step = self._end(record, ActionState.FAILED, now, error=error)
        data = ActionFailedData(
            error=error,
            error_type=error_type,
            attempts=record.attempt,
            duration_seconds=step.duration_seconds,
            usage=UNSET if record.usage is None else record.usage,
        )
        record.emit(ActionFailed, data, now)
        if record.is_background:
            self.warn(f"fire-and-forget action '{record.action.id}' failed: {error}")
        else:
            self._note_error(record, error, error_type)

    def _note_error(self, record: ActionRecord, error: str, error_type: str) -> None:
        is_counted = not record.is_background and record.action.on_failure is not OnFailure.CONTINUE
        if is_counted and self.first_error is None:
            self.first_error = (f"action '{record.action.id}' failed: {error}", error_type)

    def note_cancelled(self, record: ActionRecord, reason: CancelReason) -> None:
        """Publish that an action was ended from outside."""
        now = self._now()
        if reason is CancelReason.BUDGET_EXHAUSTED:
            self.spending.cut.add(record.action.id)
        duration = self._end(record, ActionState.CANCELLED, now).duration_seconds
        usage = UNSET if record.usage is None else record.usage
        data = ActionCancelledData(reason=reason, duration_seconds=duration, usage=usage)
        record.emit(ActionCancelled, data, now)

    def note_skipped(self, record: ActionRecord, reason: SkipReason) -> None:
        """Publish that an action will not start."""
        if reason is SkipReason.BUDGET_EXHAUSTED:
            self.spending.cut.add(record.action.id)
        now = self._now()
        self._end(record, ActionState.SKIPPED, now)
        record.emit(ActionSkipped, ActionSkippedData(reason=reason), now)

    def _end(
        self,
        record: ActionRecord,
        state: ActionState,
        now: float,
        output: Any = None,
        *,
        error: str | None = None,
    ) -> StepRecord:
        assert not record.is_ended, f"'{record.action.id}' has ended before"
        record.is_ended = True
        if record.reporter is not None:
            record.reporter.close()
            record.reporter = None
        step = StepRecord(
            status=state,
            output=output,
            error=error,
            duration_seconds=0.0 if record.started is None else now - record.started,
            attempts=record.attempt,
        )
        self._counts[state] += 1
        if record.usage is not None:
            self.usage = add_usage(self.usage, record.usage)
        self.context.record(record.traits, step)
        if record.traits.feed is not None and self.fed.watcher is not None:
            self.fed.watcher()
        return step
