"""The agent loop of one agent or workflow: plan → execute → check termination (PROTOCOL 4).

A loop decides and describes; the runner performs. It lives from its `agent_started` to its
last event, and is nested in another where an action of type agent or workflow runs it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from cortex_cli.engine.bus import Bus, Stamp
from cortex_cli.engine.context import Context, RunFacts, StepRecord
from cortex_cli.engine.ports import RunSpec
from cortex_cli.engine.record import ActionRecord, add_usage
from cortex_cli.errors import UsageError
from cortex_cli.events import (
    ActionCancelled,
    ActionCancelledData,
    ActionCompleted,
    ActionCompletedData,
    ActionFailed,
    ActionFailedData,
    ActionSkipped,
    ActionSkippedData,
    AgentCancelled,
    AgentCompleted,
    AgentEndedData,
    AgentFailed,
    AgentPaused,
    AgentStarted,
    AgentStartedData,
    IterationCompleted,
    IterationCompletedData,
    IterationStarted,
    IterationStartedData,
    PlanGenerated,
    PlanGeneratedData,
    StateCounts,
    Termination,
    TerminationData,
    Usage,
    WarningData,
    WarningRaised,
)
from cortex_cli.kinds import ActionMode, ActionState, CancelReason, SkipReason, TerminationReason
from cortex_cli.plan.describe import describe

if TYPE_CHECKING:
    from cortex_cli.engine.timers import Timer

_LAST_EVENTS = {
    TerminationReason.PLAN_COMPLETED: AgentCompleted,
    TerminationReason.GOAL_ACHIEVED: AgentCompleted,
    TerminationReason.APPROVAL_NEEDED: AgentPaused,
    TerminationReason.INPUT_NEEDED: AgentPaused,
    TerminationReason.CANCELLED: AgentCancelled,
}


class Surroundings(Protocol):
    """What a loop takes from the run that it is part of."""

    bus: Bus
    facts: RunFacts

    def now(self) -> float:
        """Seconds on the run's clock."""
        ...


class Loop:
    """One agent or workflow while it runs; `parent` is the action that runs it, if nested.

    `group` is its number with the scheduler, `first` the scheduler's number of its first action.
    """

    def __init__(
        self,
        around: Surroundings,
        spec: RunSpec,
        given: Mapping[str, Any],
        parent: ActionRecord | None = None,
    ) -> None:
        """Raise ManifestError if the inputs do not fit, UsageError if there is no plan."""
        inputs, warnings = dict(given), list[str]()
        if spec.input_rules is not None:
            inputs, warnings = spec.input_rules.accept(given)
        if spec.outlook is None:
            message = f"'{spec.name}' has a goal and no plan: it needs a model that plans"
            hint = "this version runs written plans: give it 'actions'"
            raise UsageError(message, hint=hint)
        self.spec = spec
        self.outlook = spec.outlook
        self.parent = parent
        self.context = Context(spec.name, inputs, around.facts)
        self.context.declare(spec.variables, spec.ambient)
        path = () if parent is None else (*parent.stamp.path, parent.action.id)
        self.stamp = Stamp(path)
        self.reason: TerminationReason | None = None
        self.usage: Usage | None = None
        self.group = -1
        self.first = 0
        self.deadline: Timer | None = None
        self.is_timed_out = False
        self._around = around
        self._warnings = warnings
        self._started = around.now()
        self._duration = 0.0
        self._counts: Counter[ActionState] = Counter()
        self._first_error: tuple[str, str] | None = None
        self._outputs: dict[str, Any] = {}

    @property
    def outputs(self) -> dict[str, Any]:
        """What the run gives back, once it has ended."""
        return self._outputs

    @property
    def error(self) -> tuple[str, str]:
        """Why the run has failed, for people, and its type, for programs."""
        if self.reason is TerminationReason.DEADLINE:
            limit = self.spec.protocol.max_execution_time_seconds
            return f"not done within {limit:g} s", "deadline"
        return self._first_error or ("the run did not complete", "incomplete")

    def begin(self) -> None:
        """Publish what comes before the first action."""
        protocol = self.spec.protocol
        started = AgentStartedData(
            agent_name=self.spec.name,
            max_iterations=protocol.max_iterations,
            inputs=self.context.inputs,
            estimate=self.outlook.scheduled_seconds,
        )
        self._emit(AgentStarted, started)
        for warning in self._warnings:
            self.warn(warning)
        self.stamp.iteration = 1
        iteration = IterationStartedData(iteration=1, max_iterations=protocol.max_iterations)
        self._emit(IterationStarted, iteration)
        report = describe(self.spec.name, self.outlook)
        self._emit(PlanGenerated, PlanGeneratedData(report=report))

    def number_of(self, name: str) -> int:
        """The scheduler's number of the action with that id or name."""
        graph = self.outlook.graph
        number = graph.index.get(name)
        if number is None:
            number = next(i for i, action in enumerate(graph.actions) if action.name == name)
        return self.first + number

    def warn(self, message: str) -> None:
        """Publish a warning about the run."""
        self._emit(WarningRaised, WarningData(message=message))

    def note_completed(self, record: ActionRecord, output: Any) -> None:
        """Publish and keep an action's output."""
        duration = self._time_of(record)
        shown = output if self.spec.protocol.stream_action_results else None
        data = ActionCompletedData(
            output=shown, duration_seconds=duration, attempts=record.attempt, usage=record.usage
        )
        self._end(record, StepRecord(status=ActionState.COMPLETED, output=output))
        record.emit(self._around.bus, ActionCompleted, data)

    def note_failed(self, record: ActionRecord, error: str, error_type: str) -> None:
        """Publish and keep an action's failure."""
        data = ActionFailedData(
            error=error,
            error_type=error_type,
            attempts=record.attempt,
            duration_seconds=self._time_of(record),
        )
        self._end(record, StepRecord(status=ActionState.FAILED, error=error))
        record.emit(self._around.bus, ActionFailed, data)
        if record.action.mode is ActionMode.FIRE_AND_FORGET:
            self.warn(f"fire-and-forget action '{record.action.id}' failed: {error}")

    def note_decisive(self, record: ActionRecord, error: str, error_type: str) -> None:
        """Keep the first failure that fails the run."""
        if self._first_error is None:
            self._first_error = (f"action '{record.action.id}' failed: {error}", error_type)

    def note_cancelled(self, record: ActionRecord, reason: CancelReason) -> None:
        """Publish that an action was ended from outside."""
        data = ActionCancelledData(reason=reason, duration_seconds=self._time_of(record))
        self._end(record, StepRecord(status=ActionState.CANCELLED))
        record.emit(self._around.bus, ActionCancelled, data)

    def note_skipped(self, record: ActionRecord, reason: SkipReason) -> None:
        """Publish that an action will not start."""
        self._end(record, StepRecord(status=ActionState.SKIPPED))
        record.emit(self._around.bus, ActionSkipped, ActionSkippedData(reason=reason))

    def close(self, *, has_failed: bool) -> TerminationReason:
        """All actions have ended: publish that, work out the outputs, and say why it ends.

        `reason` stands if it was set before: the run was cancelled, or ran out of time.
        """
        self._duration = self._around.now() - self._started
        counts = IterationCompletedData(counts=self._state_counts())
        self._emit(IterationCompleted, counts)
        if self.reason is None:
            self.reason = (
                TerminationReason.ACTION_FAILED if has_failed else TerminationReason.PLAN_COMPLETED
            )
        self._work_out_outputs()
        self._emit(Termination, TerminationData(reason=self.reason))
        return self.reason

    def finish(self) -> None:
        """Publish the last event."""
        reason = self.reason or TerminationReason.CANCELLED
        kind = _LAST_EVENTS.get(reason, AgentFailed)
        error, error_type = self.error if kind is AgentFailed else (None, None)
        usage = self.usage or Usage()
        data = AgentEndedData(
            counts=self._state_counts(),
            duration=self._duration,
            outputs=self._outputs,
            usage=usage,
            cost=usage.cost_usd,
            error=error,
            error_type=error_type,
        )
        self._emit(kind, data)

    def _work_out_outputs(self) -> None:
        if not self.spec.outputs:
            steps = self.context.steps.items()
            self._outputs = {
                key: step.output for key, step in steps if step.status is ActionState.COMPLETED
            }
            return
        for name, declared in self.spec.outputs.items():
            value = self.context.resolve(declared.source)
            self._outputs[name] = value
            is_wanted = self.reason is TerminationReason.PLAN_COMPLETED and not declared.optional
            if value is None and is_wanted:
                self.warn(f"output '{name}' has no value")

    def _emit(self, kind: type[Any], data: Any) -> None:
        self._around.bus.run_event(kind, self.stamp, data)

    def _time_of(self, record: ActionRecord) -> float:
        return 0.0 if record.started is None else self._around.now() - record.started

    def _end(self, record: ActionRecord, step: StepRecord) -> None:
        if record.reporter is not None:
            record.reporter.close()
        step.attempts = record.attempt
        step.duration_seconds = self._time_of(record)
        self._counts[step.status] += 1
        self.usage = add_usage(self.usage, record.usage)
        self.context.record(record.action, step)

    def _state_counts(self) -> StateCounts:
        return StateCounts(
            completed=self._counts[ActionState.COMPLETED],
            failed=self._counts[ActionState.FAILED],
            cancelled=self._counts[ActionState.CANCELLED],
            skipped=self._counts[ActionState.SKIPPED],
        )
