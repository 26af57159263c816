"""The plans of a replay: as their manifests have them, with the estimates of the record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import msgspec

from cortex_cli.engine.past import Key
from cortex_cli.engine.planner import Planner
from cortex_cli.engine.ports import ActionCall, Handler, RunSpec, Targets
from cortex_cli.errors import ActionError
from cortex_cli.plan.describe import Outlook, work_out
from cortex_cli.plan.estimate import Estimate
from cortex_cli.protocol.action import Action
from cortex_cli.report import PlannedAction, PlanReport

Reports = Callable[[tuple[str, ...]], PlanReport | None]
"""The report of the plan that a record has at a path, from where the replay is."""


Variables = Mapping[str, Mapping[str, str]]
"""The values of variables, by the name of the agent or workflow that declares them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a record has of the plans of its run.

    `planner` gives who wrote the plans of the run at a path, or mended its plan, if a model did;
    `is_conversation` says whether that model called tools in its own way. `refusal` gives the
    error of an attempt of an action that calls a target, where it can't begin now.
    """

    reports: Reports
    variables: Variables
    planner: Callable[[tuple[str, ...], RunSpec], Planner | None]
    is_conversation: Callable[[tuple[str, ...]], bool]
    refusal: Callable[[Key, str | None], ActionError | None]


class NothingIsCalled:
    """The handler of every action: the record says how each ends."""

    async def run(self, call: ActionCall) -> NoReturn:
        """Never called."""
        message = f"'{call.action.id}' was called in a replay"
        raise AssertionError(message)


class ReplayedTargets:
    """What the actions of one plan can call: the plans behind agents and workflows, no handlers."""

    def __init__(self, targets: Targets, known: Known, path: tuple[str, ...] = ()) -> None:
        self._targets = targets
        self._known = known
        self._path = path
        self._handler = NothingIsCalled()

    def handler(self, action: Action) -> Handler:
        """The same for all; ActionError where there was none."""
        self._refuse(action)
        return self._handler

    def nested(self, action: Action) -> RunSpec:
        """The run behind an agent, workflow or llm action; ActionError if there is, or was, none."""
        self._refuse(action)
        return replayed(self._targets.nested(action), self._known, (*self._path, action.id))

    def _refuse(self, action: Action) -> None:
        refusal = self._known.refusal((self._path, action.id), action.target)
        if refusal is not None:
            raise refusal

    def nested_seconds(self, action: Action) -> float | None:
        """As its manifest has it."""
        return self._targets.nested_seconds(action)


def replayed(spec: RunSpec, known: Known, path: tuple[str, ...] = ()) -> RunSpec:
    """The run at a path, as it is replayed: its order is that of the record."""
    report = known.reports(path)
    outlook = spec.outlook
    if outlook is not None and report is not None:
        outlook = _reworked(outlook, report)
    values = known.variables.get(spec.name, {})
    return replace(
        spec,
        targets=ReplayedTargets(spec.targets, known, path),
        outlook=outlook,
        planner=known.planner(path, spec),
        is_conversation=known.is_conversation(path),
        # A dollar sign in a value is no reference.
        variables={**spec.variables, **{k: v.replace("$", "$$") for k, v in values.items()}},
    )


def _reworked(outlook: Outlook, report: PlanReport) -> Outlook:
    known = {action.id: _estimate(action) for action in report.actions}
    own: Sequence[Estimate] = outlook.estimates
    estimates = [
        known.get(action.id, estimate)
        for action, estimate in zip(outlook.graph.actions, own, strict=True)
    ]
    slots = report.estimate.max_parallel
    if estimates == list(own) and slots == outlook.slots:
        return outlook
    return work_out(outlook.graph, estimates, slots, shared=outlook.shared)


def _estimate(action: PlannedAction) -> Estimate:
    p90: Any = action.estimate_p90_seconds
    seconds = None if p90 is msgspec.UNSET else p90
    return Estimate(action.estimate_seconds, action.estimate_source, seconds)
