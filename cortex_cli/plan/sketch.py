"""A plan as it is shown while it grows: what is known of each action when it joins."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cortex_cli.plan.admission import Admitted
from cortex_cli.plan.describe import describe, work_out
from cortex_cli.plan.estimate import Estimate
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.named_tools import named_tools
from cortex_cli.report import PlanCounts, PlanEstimate, PlannedAction, PlannedEdge, PlanReport


@dataclass(slots=True)
class Sketch:
    """The actions of a plan that grows; times are those of a run with a slot for each."""

    planned: list[PlannedAction] = field(default_factory=list[PlannedAction])
    _admitted: list[Admitted] = field(default_factory=list[Admitted])
    _estimates: list[Estimate] = field(default_factory=list[Estimate])

    def add(
        self, admitted: Admitted, estimate: Estimate
    ) -> tuple[PlannedAction, tuple[PlannedEdge, ...]]:
        """The next action as it is planned, and the edges that lead to it."""
        action = admitted.action
        before = [self.planned[place] for place, _ in admitted.waits]
        start = max((one.end_seconds for one in before), default=0.0)
        planned = PlannedAction(
            id=action.id,
            name=action.name,
            type=action.type,
            mode=action.mode,
            target=action.target,
            wave=1 + max((one.wave for one in before), default=0),
            estimate_seconds=estimate.seconds,
            estimate_source=estimate.source,
            start_seconds=start,
            end_seconds=start + estimate.seconds,
            slack_seconds=0.0,
            on_critical_path=False,
            may_call=named_tools(action) or msgspec.UNSET,
        )
        self.planned.append(planned)
        self._admitted.append(admitted)
        self._estimates.append(estimate)
        return planned, self.edges(admitted)

    def adopt(self, admitted: Admitted, planned: PlannedAction, estimate: Estimate) -> None:
        """The next action is one that has been planned otherwise."""
        self.planned.append(planned)
        self._admitted.append(admitted)
        self._estimates.append(estimate)

    def edges(self, admitted: Admitted) -> tuple[PlannedEdge, ...]:
        """The edges that lead to an action."""
        return tuple(
            PlannedEdge(source=self.planned[place].id, target=admitted.action.id, kind=kind)
            for place, kind in admitted.waits
        )

    @property
    def as_written(self) -> list[Mapping[str, Any]]:
        """The values that the actions were read from, in order."""
        return [one.written for one in self._admitted]

    @property
    def written(self) -> list[dict[str, Any]]:
        """The actions as they were written, in order."""
        return [dict(one.written) for one in self._admitted]

    def so_far(self, agent: str, slots: int) -> PlanReport:
        """The report of what is there while more is to come."""
        waves: dict[int, list[str]] = {}
        for one in self.planned:
            waves.setdefault(one.wave, []).append(one.id)
        return PlanReport(
            agent=agent,
            actions=tuple(self.planned),
            edges=tuple(edge for one in self._admitted for edge in self.edges(one)),
            waves=tuple(tuple(waves[number]) for number in sorted(waves)),
            counts=PlanCounts(
                by_type=dict(Counter(one.type.value for one in self.planned)),
                by_mode=dict(Counter(one.mode.value for one in self.planned)),
            ),
            estimate=PlanEstimate(max_parallel=slots),
        )

    def report(self, agent: str, slots: int) -> PlanReport:
        """The report of the whole plan, worked out like one that was written down."""
        graph = Graph([one.action for one in self._admitted])
        for one in self._admitted:
            for place, kind in one.waits:
                graph.add(place, one.number, kind)
        return describe(agent, work_out(graph, self._estimates, slots, passes=0))
