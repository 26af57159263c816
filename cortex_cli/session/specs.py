"""The runs of the programs that a manifest reaches: what each plans, calls, and is expected to take."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cortex_cli.engine.collector import undisturbed
from cortex_cli.engine.ports import RunSpec
from cortex_cli.manifest.paths import root_of
from cortex_cli.manifest.program import Program
from cortex_cli.plan.describe import Outlook, work_out
from cortex_cli.plan.estimate import Learned, estimate
from cortex_cli.plan.graph import Graph
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.offers import Offer
from cortex_cli.protocol.resources import within
from cortex_cli.session.call_order import called_first
from cortex_cli.session.learning import learned
from cortex_cli.session.offers import offers_of
from cortex_cli.session.pinned_offers import pinned_offers
from cortex_cli.session.planning import ProgramPlanner, asks_a_model
from cortex_cli.session.request import Request
from cortex_cli.session.targets import ProgramTargets, Workplace


class Specs:
    """The runs of one outermost program and all that it reaches, each made when asked for."""

    def __init__(
        self, graphs: Mapping[int, Graph], request: Request, place: Workplace, program: Program
    ) -> None:
        """`graphs` has the plans that are written down, by the identity of their programs."""
        self._graphs = graphs
        self._request = request
        self._place = place
        self._outermost = program
        self._root = root_of(program.folder, root=request.root, cwd=request.cwd)
        self._specs: dict[int, RunSpec] = {}

    def of(self, program: Program) -> RunSpec:
        """The run of a program; made once, also where programs call each other in a circle."""
        if id(program) not in self._specs:
            self._make_specs(program)
        return self._specs[id(program)]

    @undisturbed()
    def _make_specs(self, program: Program) -> None:
        # Invariant: what a program calls is worked out before it, so that no chain of calls is
        # too long; in a circle, the plan that would come round has no outlook yet.
        fresh = [one for one in called_first(program) if id(one) not in self._specs]
        for one in fresh:
            self._specs[id(one)] = self._bare_spec(one)
        for one in fresh:
            graph = self._graphs.get(id(one))
            if graph is not None:
                spec = self._specs[id(one)]
                targets = ProgramTargets(one, self._place, self.of)
                outlook = self._outlook(one, graph, targets)
                self._specs[id(one)] = replace(spec, targets=targets, outlook=outlook)

    def _bare_spec(self, program: Program) -> RunSpec:
        offers: tuple[Offer, ...] = ()
        if asks_a_model(program):
            offers = (*pinned_offers(program, self._place.servers), *offers_of(program))
        return RunSpec(
            name=program.name,
            protocol=program.protocol,
            targets=ProgramTargets(program, self._place, self.of),
            goal=program.goal,
            outputs=program.outputs,
            variables=program.variables,
            ambient=self._place.ambient,
            secrets=self._place.secrets(program),
            input_rules=program.inputs,
            planner=self._planner(program, offers),
            offers=offers,
            feeds=program.feeds,
        )

    def leave_unmended(self, program: Program) -> None:
        """There is no model that could mend the plan of a program."""
        self._specs[id(program)] = replace(self.of(program), planner=None)

    def _planner(self, program: Program, offers: tuple[Offer, ...]) -> ProgramPlanner | None:
        if not asks_a_model(program):
            return None
        return ProgramPlanner(program, offers, self._place.models, self._root)

    def _outlook(self, program: Program, graph: Graph, targets: ProgramTargets) -> Outlook:
        slots = self._outermost.protocol.slots
        if program is not self._outermost:
            slots = min(slots, program.protocol.nested_cap or slots)
        nested = {
            action.id: seconds
            for action in graph.actions
            if not action.type.is_leaf and (seconds := targets.nested_seconds(action)) is not None
        }
        past = self.learned(graph.actions)
        estimates = [estimate(action, nested, past) for action in graph.actions]
        shared = within(self._outermost.protocol.shared, program.protocol.shared)
        return work_out(graph, estimates, slots, passes=self._request.passes, shared=shared)

    def learned(self, actions: Sequence[Action]) -> Mapping[str, Learned]:
        """What past runs of this manifest took for what the actions call."""
        return learned(actions, self._request.environ, self._request.manifest_path)
