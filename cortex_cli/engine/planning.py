"""What is known of the plans that a model writes for one loop: those so far, and the one that grows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from cortex_cli.engine.gate import GATE
from cortex_cli.engine.ledger import ActionRecord, Growth, Ledger
from cortex_cli.engine.mending import Joined, Mending
from cortex_cli.engine.parts import Parts
from cortex_cli.engine.planner import Outcome, Planner, PlanOrder, Refused
from cortex_cli.engine.ports import RunSpec
from cortex_cli.events import StateCounts, Usage
from cortex_cli.kinds import ActionState, OnFailure
from cortex_cli.plan.admission import Admission, Admitted, Background
from cortex_cli.plan.describe import Outlook
from cortex_cli.plan.estimate import estimate
from cortex_cli.plan.prose import fill
from cortex_cli.plan.provided import Names
from cortex_cli.plan.references import Lookup
from cortex_cli.plan.sketch import Sketch
from cortex_cli.report import PlannedAction, PlannedEdge

if TYPE_CHECKING:
    from cortex_cli.engine.job import Job
    from cortex_cli.engine.timers import Timer
    from cortex_cli.errors import ActionError

MOST_REPAIRS = 2


class Planning:
    """The plans of one loop.

    `iteration` counts from 1 once there is a plan. What is `held` joins it once it is approved.
    `answer` is the final one, None until it is there; `error` is why no model could write;
    `is_cut`: the text is not read to its end. `job` is the model at work, `timer` the wait before
    it is asked again. `is_closed`: all actions of the plan have ended, and nothing joins it any
    more. `is_complete`: the plan is written, but for patches; what these have `replaced` in an
    earlier part of the run is known by its ids, as is what the one did that was being written then,
    `mended_last`. `fed` are the feeds that were fetched in this iteration. `usage` is what writing
    it has used, of which events have `told_usage`.
    """

    def __init__(self, spec: RunSpec, planner: Planner, goal: str, ledger: Ledger) -> None:
        """Nothing has been planned."""
        self.planner = planner
        self.iteration = 0
        self.job: Job | None = None
        self.timer: Timer | None = None
        self.outcomes: list[Outcome] = []
        self.steps: dict[str, bool] = {}
        self.used: set[str] = set()
        self._spec = spec
        self._goal = goal
        self._ledger = ledger
        self._before: list[Outcome] | None = None
        self._answer_before: Any = None
        self._given: dict[str, Any] = {}
        self._told: list[Refused] = []
        self._reset()

    def _reset(self) -> None:
        self.admission = Admission((), Background(names=Names()))
        self.sketch = Sketch()
        self.joined: list[Joined] = []
        self.held: list[Admitted] = []
        self.parts = Parts()
        self.replaced: set[str] = set()
        self.mended_last: set[str] = set()
        self.patched_from: int | None = None
        self.refused: list[Refused] = []
        self.repairs = self.failures = 0
        self.answer: Any = None
        self.is_answered = False
        self.error: ActionError | None = None
        self.usage: Usage | None = None
        self.told_usage: Usage | None = None
        self.fed: set[str] = set()
        self.mending = Mending(self._most_patches())
        self.is_cut = self.is_closed = self.is_complete = False
        self._counts_before = self._ledger.counts

    def _most_patches(self) -> int:
        protocol = self._spec.protocol
        return 0 if protocol.self_healing is False else protocol.max_patches

    def begin(self) -> None:
        """The next iteration begins, with an empty plan."""
        context, protocol = self._ledger.context, self._spec.protocol
        # In a conversation what was refused has its answer when the rest of its turn has.
        self._told = self.refused if self._spec.is_conversation and self.iteration else []
        self._reset()
        self.iteration += 1
        names = Names(
            inputs=frozenset(context.inputs),
            env=frozenset(context.variables),
            known=context.keys | {feed.feed for feed in self._spec.feeds},
            shared=protocol.shared,
        )
        background = Background(names=names, steps=self.steps, used=self.used)
        self.admission = Admission(self._spec.offers, background)
        self._ledger.growth = Growth()
        self._ledger.first_error = None

    def sketched(self, admitted: Admitted) -> tuple[PlannedAction, tuple[PlannedEdge, ...]]:
        """An action as it is planned."""
        action = admitted.action
        nested: dict[str, float] = {}
        if not action.type.is_leaf:
            seconds = self._spec.targets.nested_seconds(action)
            nested = {} if seconds is None else {action.id: seconds}
        return self.sketch.add(admitted, estimate(action, nested))

    def adopt(self, outlook: Outlook, records: Sequence[ActionRecord]) -> None:
        """The plan is one that is written down."""
        known = zip(outlook.graph.actions, outlook.report.actions, outlook.estimates, strict=True)
        for number, (action, planned, expected) in enumerate(known):
            admitted = Admitted(
                number=number,
                action=action,
                name=action.id,
                written=action.model_dump(mode="json", exclude_defaults=True),
                waits=tuple(outlook.graph.parents[number].items()),
            )
            self.admission.adopt(admitted)
            self.sketch.adopt(admitted, planned, expected)
            self.join(admitted, records[number])

    def take_held(self) -> list[Admitted]:
        """What joins the plan now, sketched."""
        held, self.held = self.held, []
        for one in held:
            self.sketched(one)
        return held

    def is_left_out(self, admitted: Admitted) -> bool:
        """Whether a decision that has ended has not chosen the action."""
        growth = self._ledger.growth
        named = {admitted.name, admitted.action.name}
        return growth is not None and bool(growth.not_chosen & named)

    def join(self, admitted: Admitted, record: ActionRecord) -> None:
        """An action has joined the plan."""
        growth = self._ledger.growth
        assert growth is not None, "a plan grows once it has begun"
        growth.numbers[admitted.name] = record.number
        growth.numbers.setdefault(admitted.action.name, record.number)
        growth.planned[record.number] = self.sketch.planned[admitted.number]
        self.used.add(admitted.action.id)
        self._ledger.context.expect(admitted.action, admitted.name)
        self.joined.append((record, admitted))

    def take_answer(self, value: Any) -> None:
        """The model says that the goal is reached; in place of a patch, in spite of what failed."""
        if self._spec.outlook is None:
            self.answer = value
            # Null is an answer where the schema of a conversation allows it.
            self.is_answered = value is not None or self._spec.is_conversation
            self.mending.replaced()

    @property
    def has_failed(self) -> bool:
        """Whether an action has failed that nothing has replaced."""
        return bool(self.mending.unmended)

    def recall_failures(self) -> None:
        """What had failed in an earlier part of the run is to be mended still, unless it was."""
        last = self.mended_last
        self.mending.cone = [joined for joined in self.joined if joined[0].action.id in last]
        self.mending.is_told = bool(last)
        for record, _ in self.joined:
            step = self._ledger.context.steps.get(record.action.id)
            if step is not None and step.status is ActionState.FAILED:
                is_mended = record.action.id in self.replaced
                if not is_mended:
                    may_mend = record.action.on_failure is OnFailure.FAIL
                    self.mending.note(record, step.error or "", may_mend=may_mend)

    def order(self, refused: Sequence[Refused] = ()) -> PlanOrder:
        """What is asked of the planner."""
        return PlanOrder(
            agent_name=self._spec.name,
            goal=self._goal,
            iteration=self.iteration,
            max_iterations=self._spec.protocol.max_iterations,
            inputs=self._masked(self._ledger.context.inputs),
            feeds=dict(self._ledger.fed.values),
            outcomes=(*self.outcomes, *self.ended()),
            pending=tuple(one.written for record, one in self.joined if not record.is_ended),
            refused=(*self._told, *refused),
            broken=tuple(self.outcome(*joined) for joined in self.mending.cone),
        )

    def ended(self) -> list[Outcome]:
        """How the actions of this iteration that have ended did so."""
        return [self.outcome(*joined) for joined in self._finished()]

    def outcome(self, record: ActionRecord, admitted: Admitted) -> Outcome:
        """How an action has ended."""
        step = self._ledger.context.steps[record.action.id]
        return Outcome(
            iteration=self.iteration,
            action=self._masked(admitted.written),
            status=step.status.value,
            output=step.output,
            error=step.error,
        )

    @property
    def has_progressed(self) -> bool:
        """Whether the iteration came to an action or an answer, and not all as the one before."""
        if self.answer is not None and self.answer != self._answer_before:
            return True
        before = [replace(one, iteration=self.iteration) for one in self._before or ()]
        return bool(self.joined) and self.ended() != before

    def complete(self) -> StateCounts:
        """The iteration has ended: how many of its actions have in each state."""
        now, before = self._ledger.counts, self._counts_before
        fields = StateCounts.__struct_fields__
        return StateCounts(**{name: getattr(now, name) - getattr(before, name) for name in fields})

    def put_by(self) -> None:
        """Keep how this iteration has ended for the next."""
        self._before, self._answer_before = self.ended(), self.answer
        self.outcomes += self._before
        for (_, admitted), outcome in zip(self._finished(), self._before, strict=True):
            self.note(admitted.name, outcome)

    def recall(self, ended: Sequence[tuple[str, Outcome]]) -> None:
        """An iteration of an earlier part of the run has ended so; names as they were written."""
        self._before = [outcome for _, outcome in ended]
        self.outcomes += self._before
        for name, outcome in ended:
            self.note(name, outcome)

    def note(self, name: str, outcome: Outcome) -> None:
        """Keep how an action of an earlier iteration has ended."""
        has_completed = outcome.status == ActionState.COMPLETED.value
        self.steps[name] = has_completed
        is_gate = self._ledger.is_strict and name == GATE
        if has_completed and not is_gate:
            self._given[name] = outcome.output

    def outputs(self) -> dict[str, Any]:
        """What each action that has completed gave last, by the id that it was written with."""
        self.put_by()
        return self._given

    def _finished(self) -> list[Joined]:
        return [joined for joined in self.joined if joined[0].is_ended]

    def stop(self) -> None:
        """Have the model stop, if it is at work or about to be."""
        if self.timer is not None:
            self.timer.stop()
            self.timer = None
        if self.job is not None:
            self.job.stop()

    def _masked(self, value: Any) -> Any:
        masker = self._ledger.bus.masker
        return value if masker is None else masker.mask_value(dict(value))


def goal_of(
    spec: RunSpec, given: Mapping[str, Any], lookup: Lookup, *, is_nested: bool
) -> str | None:
    """What a run without a plan is to reach: for a sub-agent what the call says, if it does.

    A goal that is written down may hold references, which `lookup` knows; what a call says may not.
    """
    if is_nested and isinstance(given.get("goal"), str):
        return str(given["goal"])
    if spec.goal is None and is_nested and given:
        return f"Do what these parameters ask for: {msgspec.json.encode(dict(given)).decode()}"
    return written_goal(spec, lookup)


def written_goal(spec: RunSpec, lookup: Lookup) -> str | None:
    """The goal of the manifest, with values in place of its references."""
    return None if spec.goal is None else fill(spec.goal, lookup)
