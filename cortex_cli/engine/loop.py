"""The agent loop of one agent or workflow: plan → execute → check termination (PROTOCOL 4).

A loop describes; the runner performs. It lives from its `agent_started` to its last event, and
is nested in another where an action of type agent or workflow runs it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from cortex_cli.engine.bus import Stamp
from cortex_cli.engine.context import Context
from cortex_cli.engine.ledger import ActionRecord, Ledger, Surroundings
from cortex_cli.engine.offered import OfferedTargets
from cortex_cli.engine.planning import Planning, goal_of, written_goal
from cortex_cli.engine.ports import RunSpec
from cortex_cli.errors import ActionError, UsageError
from cortex_cli.events import (
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
)
from cortex_cli.kinds import ActionMode, ActionState, CancelReason, ProtocolMode, TerminationReason
from cortex_cli.plan.describe import describe, work_out
from cortex_cli.plan.graph import Graph
from cortex_cli.protocol.plan import OutputDeclaration

if TYPE_CHECKING:
    from cortex_cli.engine.timers import About, Alarm, Timer

NESTED_ENDS = {
    CancelReason.DEADLINE: TerminationReason.DEADLINE,
    CancelReason.PAUSED: TerminationReason.APPROVAL_NEEDED,
    CancelReason.BUDGET_EXHAUSTED: TerminationReason.BUDGET_EXHAUSTED,
}
"""Why a nested run ends, where what it is nested in ends it; else it is cancelled."""

_LAST_EVENTS = {
    TerminationReason.PLAN_COMPLETED: AgentCompleted,
    TerminationReason.GOAL_ACHIEVED: AgentCompleted,
    TerminationReason.APPROVAL_NEEDED: AgentPaused,
    TerminationReason.INPUT_NEEDED: AgentPaused,
    TerminationReason.CANCELLED: AgentCancelled,
}


SUCCESSES = frozenset({TerminationReason.PLAN_COMPLETED, TerminationReason.GOAL_ACHIEVED})
_UNWRITTEN = work_out(Graph(()), (), 1, passes=0)


class Loop:
    """One agent or workflow while it runs; `parent` is the action that runs it, if nested.

    `group` is its number with the scheduler; `reason` says why it ends, once that is known;
    `waits_for` names the actions that it is paused for, `lost_to` says why nothing more could be
    written down, `over_budget` what a budget was not enough for. `trouble` is what a plan that a
    model writes fails for, as `error` has it.
    `is_closed`: it has come to its end, but for what nothing waits for.
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
        spec, outlook = _held_to_offers(spec), spec.outlook or _UNWRITTEN
        context = Context(spec.name, inputs, around.facts, spec.secrets)
        context.declare(spec.variables, spec.ambient)
        stamp = Stamp(() if parent is None else (*parent.ledger.stamp.path, parent.action.id))
        self.spec = spec
        self.outlook = outlook
        self.parent = parent
        self.ledger = Ledger(spec, outlook, context, stamp, around)
        self._take_rules()
        self.planning = self._planning(given)
        self.is_closed = False
        self.group = -1
        self.reason: TerminationReason | None = None
        self.is_timed_out = False
        self.waits_for: tuple[str, ...] = ()
        self.lost_to = ""
        self.over_budget = ""
        self.deadline: Timer | None = None
        self.outputs: Any = {}
        self.trouble: tuple[str, str] | None = None
        self._warnings = warnings
        self._around = around
        self._started = around.now()
        self._duration = 0.0

    @property
    def makes_plans(self) -> bool:
        """Whether a model writes the plans; else there is one, which it may mend."""
        return self.spec.outlook is None

    def alarm(self, alarm: "Alarm") -> "About":
        """What a moment of this run is for."""
        return alarm, (self.ledger.stamp.path, "")

    @property
    def error(self) -> tuple[str, str]:
        """Why the run has failed, for people, and its type, for programs."""
        if self.reason is TerminationReason.DEADLINE:
            limit = self.spec.protocol.max_execution_time_seconds
            return f"not done within {limit:g} s", "deadline"
        if self.reason is TerminationReason.STATE_LOST:
            return self.lost_to, "state_lost"
        if self.reason is TerminationReason.BUDGET_EXHAUSTED:
            return self.over_budget, "budget_exhausted"
        if self.reason is TerminationReason.APPROVAL_NEEDED:
            names = ", ".join(f"'{name}'" for name in self.waits_for)
            return f"nobody could be asked to approve {names or 'an action'}", "approval_needed"
        return self.trouble or self.ledger.first_error or ("the run did not complete", "incomplete")

    def _take_rules(self) -> None:
        """What must be approved here: what is said of the run itself, and of those around it."""
        protocol, ledger = self.spec.protocol, self.ledger
        outer = None if self.parent is None else self.parent.ledger
        rules = () if outer is None else outer.approval_rules
        own = protocol.require_user_approval
        ledger.approval_rules = rules if own is False else (*rules, own)
        around_is_strict = outer is not None and outer.is_strict
        ledger.is_strict = around_is_strict or protocol.mode is ProtocolMode.STRICT

    def _planning(self, given: Mapping[str, Any]) -> Planning | None:
        spec, lookup = self.spec, self.ledger.context.lookup
        if spec.outlook is not None:
            if spec.planner is None or not spec.protocol.self_healing:
                return None
            goal = written_goal(spec, lookup) or f"Carry out the plan of '{spec.name}'"
            return Planning(spec, spec.planner, self._shown(goal), self.ledger)
        goal = goal_of(spec, given, lookup, is_nested=self.parent is not None)
        if spec.planner is None or goal is None:
            raise no_plan(spec.name)
        return Planning(spec, spec.planner, self._shown(goal), self.ledger)

    def _shown(self, goal: str) -> str:
        """The goal without secrets, which go to no model."""
        masker = self.ledger.bus.masker
        return goal if masker is None else masker.mask(goal)

    def begin(self) -> None:
        """Publish what comes before the first plan, and one that is written down."""
        ledger = self.ledger
        started = AgentStartedData(
            agent_name=self.spec.name,
            max_iterations=self.spec.protocol.max_iterations,
            inputs=ledger.context.inputs,
            estimate=None if self.makes_plans else self.outlook.scheduled_seconds,
            is_conversation=True if self.spec.is_conversation else UNSET,
        )
        ledger.emit(AgentStarted, started)
        for warning in self._warnings:
            ledger.warn(warning)
        if not self.makes_plans:
            self.begin_iteration(1)
            report = describe(self.spec.name, self.outlook)
            ledger.emit(PlanGenerated, PlanGeneratedData(report=report))

    def begin_iteration(self, number: int) -> None:
        """Publish that a turn of the loop begins."""
        most = self.spec.protocol.max_iterations
        self.ledger.stamp.iteration = number
        data = IterationStartedData(iteration=number, max_iterations=most)
        self.ledger.emit(IterationStarted, data)

    def end_iteration(self, counts: StateCounts) -> None:
        """Publish that all actions of the plan have ended."""
        self.ledger.emit(IterationCompleted, IterationCompletedData(counts=counts))

    def close(self, *, has_failed: bool = False) -> None:
        """There is no further iteration: work out the outputs, and say why it ends.

        `reason` stands if it was set before: the run was cancelled, or ran out of time.
        """
        self.is_closed = True
        self._duration = self._around.now() - self._started
        if self.reason is None:
            self.reason = (
                TerminationReason.ACTION_FAILED if has_failed else TerminationReason.PLAN_COMPLETED
            )
        self.outputs = self._work_out_outputs()
        self.ledger.emit(Termination, TerminationData(reason=self.reason))

    def finish(self) -> None:
        """Publish the last event."""
        reason = self.reason or TerminationReason.CANCELLED
        kind = _LAST_EVENTS.get(reason, AgentFailed)
        has_error = kind in {AgentFailed, AgentPaused}
        error, error_type = self.error if has_error else (None, None)
        usage = self.ledger.usage or Usage()
        data = AgentEndedData(
            counts=self.ledger.counts,
            duration=self._duration,
            outputs=self.outputs,
            usage=usage,
            cost=usage.cost_usd,
            error=error,
            error_type=error_type,
            resume=None if kind is AgentCompleted or self.parent is not None else self._resume(),
        )
        self.ledger.emit(kind, data)

    def _resume(self) -> str | None:
        """The command that goes on with the run, where it is one that can."""
        command = self._around.resume
        budget = self.spec.protocol.budget
        if command and self.reason is TerminationReason.BUDGET_EXHAUSTED and budget is not None:
            more = ",".join(f"{kind}={2 * most:g}" for kind, most in budget.units.items())
            return f"{command} --budget {more}"
        is_to_be_retried = self.reason is TerminationReason.ACTION_FAILED
        return f"{command} --retry-failed" if command and is_to_be_retried else command

    def _work_out_outputs(self) -> Any:
        if not self.spec.outputs:
            return self._unnamed_outputs()
        outputs: dict[str, Any] = {}
        for name, declared in self.spec.outputs.items():
            value = outputs[name] = self._output(name, declared)
            is_wanted = self.reason in SUCCESSES and not declared.optional
            if value is None and is_wanted:
                self.ledger.warn(f"output '{name}' has no value")
        return outputs

    def _output(self, name: str, declared: OutputDeclaration) -> Any:
        try:
            return self.ledger.context.resolve(declared.source)
        except ActionError as error:
            self.ledger.warn(f"output '{name}' could not be worked out: {error}")
            return None

    def _unnamed_outputs(self) -> Any:
        """The model's final answer, if there is one, else what each action gave."""
        planning = self.planning
        if planning is None or not self.makes_plans:
            return self._completed_outputs()
        return planning.answer if planning.is_answered else planning.outputs()

    def _completed_outputs(self) -> dict[str, Any]:
        """What each written action gave; none of fire-and-forget, which may have ended or not."""
        steps = self.ledger.context.steps
        background, completed = ActionMode.FIRE_AND_FORGET, ActionState.COMPLETED
        return {
            action.id: step.output
            for action in self.outlook.traits
            if action.mode is not background
            and action.feed is None
            and (step := steps[action.id]).status is completed
        }


def _held_to_offers(spec: RunSpec) -> RunSpec:
    """The run, where a model plans or mends of which only what is offered can be called."""
    if spec.planner is None:
        return spec
    is_free = spec.outlook is not None
    return replace(spec, targets=OfferedTargets(spec.targets, spec.offers, is_free=is_free))


def no_plan(name: str) -> UsageError:
    """The error of an agent that has no plan, and lacks a goal or a model that plans for it."""
    message = f"'{name}' has no plan, and no model that makes one for a goal"
    return UsageError(message, hint="write its plan down under 'actions'")
