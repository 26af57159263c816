"""A manifest, opened: checked, planned, and ready to run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cortex_cli.engine.collector import undisturbed
from cortex_cli.engine.ports import Journal, RunSpec
from cortex_cli.errors import Finding, ManifestError, Problem
from cortex_cli.kinds import ActionType, Severity
from cortex_cli.manifest.document import Limits
from cortex_cli.manifest.locate import to_problems
from cortex_cli.manifest.open import examine
from cortex_cli.manifest.paths import root_of
from cortex_cli.manifest.program import Program, ToolTarget
from cortex_cli.plan.check import check_plan, check_protocol
from cortex_cli.plan.describe import Outlook, describe, work_out
from cortex_cli.plan.estimate import estimate
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.provided import Names
from cortex_cli.report import PlanEstimate, PlanReport, WhatIf
from cortex_cli.session.targets import ProgramTargets, Workplace
from cortex_cli.session.tool_checks import check_tool, tools_of
from cortex_cli.settings import Settings, load_settings, state_folder
from cortex_cli.store.state import open_state_folder

if TYPE_CHECKING:
    from cortex_cli.engine.stream import EventStream

_WRITE_PLAN = "write its plan down under 'actions'"
_HANDLED = frozenset({ActionType.TOOL, ActionType.RELIC, ActionType.LLM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A manifest to open, by its path or its text, as a caller in the folder `cwd` names it.

    `operation` is for a relic; `max_parallel` stands in place of the manifest's own
    `max_parallel_actions`; no file larger than `max_bytes` is read. `passes` is how many orders
    of each plan are tried at most, by default as many as take about 50 ms.
    """

    source: Path | bytes
    cwd: Path
    environ: Mapping[str, str]
    root: Path | None = None
    operation: str | None = None
    max_parallel: int | None = None
    max_bytes: int = Limits().max_bytes
    passes: int | None = None


class Session:
    """One manifest, with everything that its plan reaches."""

    def __init__(
        self,
        program: Program,
        problems: list[Problem],
        settings: Settings,
        environ: Mapping[str, str],
        *,
        passes: int | None = None,
    ) -> None:
        """Raise ManifestError, with all problems, if the plan cannot be run."""
        self.program = program
        self.settings = settings
        self._passes = passes
        self._problems = list(problems)
        self._graphs = self._checked_graphs()
        if any(problem.severity is Severity.ERROR for problem in self._problems):
            raise ManifestError(self._problems)
        self._specs: dict[int, RunSpec] = {}
        self._place = Workplace(
            ambient=environ, state=lambda: open_state_folder(state_folder(environ))
        )

    @classmethod
    @undisturbed()
    def open(cls, request: Request) -> Self:
        """Open a manifest; ManifestError with all that is wrong with it."""
        program, problems = examine(
            request.source,
            root=request.root,
            cwd=request.cwd,
            operation=request.operation,
            limits=Limits(max_bytes=request.max_bytes),
        )
        if program is None:
            raise ManifestError(problems)
        bounds = root_of(program.folder, root=request.root, cwd=request.cwd)
        settings = load_settings(request.environ, bounds)
        slots = request.max_parallel or settings.max_parallel
        if slots is not None:
            update = {"max_parallel_actions": slots}
            protocol = program.protocol.model_copy(update=update)
            program = replace(program, protocol=protocol)
        return cls(program, problems, settings, request.environ, passes=request.passes)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The warnings and notes about the manifest and all that its plan reaches."""
        return tuple(self._problems)

    @property
    def report(self) -> PlanReport:
        """What `cortex plan` shows; without actions where a model is to write the plan."""
        outlook = self._spec(self.program).outlook
        if outlook is None:
            totals = PlanEstimate(max_parallel=self.program.protocol.slots)
            return PlanReport(agent=self.program.name, estimate=totals, problems=self.problems)
        return describe(self.program.name, outlook, self.problems)

    def what_if(self) -> WhatIf | None:
        """What other slots and other actions would make of the plan; None if there is none."""
        from cortex_cli.plan.what_if import what_if

        outlook = self._spec(self.program).outlook
        if outlook is None:
            return None
        return what_if(outlook.graph, outlook.estimates, outlook.slots, passes=self._passes)

    def inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs of a run, checked and with defaults; an unknown one is an error here."""
        return self.program.inputs.accept(given, strict=True)[0]

    def preflight(self) -> None:
        """Make the handlers of all leaf actions, inside the event loop.

        Raises SetupError if a model, a service's address or the state folder is missing, so that
        nothing has been spent when that is found out.
        """
        for program in self.program.reached():
            targets = self._spec(program).targets
            for action in program.plan.actions if program.plan else ():
                if action.type in _HANDLED:
                    targets.handler(action)

    def run(self, inputs: Mapping[str, Any], journal: Journal | None = None) -> "EventStream":
        """The events of a new run, which begins with the first that is asked for.

        Raises UsageError if there is no plan.
        """
        from cortex_cli.engine.loop import no_plan
        from cortex_cli.session.handle import RunHandle

        spec = self._spec(self.program)
        if spec.outlook is None:
            raise no_plan(spec.name)
        return RunHandle(spec, inputs, journal).stream()

    async def aclose(self) -> None:
        """Close what the handlers hold open."""
        await self._place.aclose()

    def _checked_graphs(self) -> dict[int, Graph]:
        """The graph of every program that is reached; what is wrong joins the problems."""
        graphs: dict[int, Graph] = {}
        checked: set[ToolTarget] = set()
        for program in self.program.reached():
            findings = [*check_protocol(program.protocol), *_note_on_goal(program)]
            if program.plan is not None:
                graph, found = check_plan(
                    program.plan.actions,
                    _names(program),
                    outputs=program.outputs,
                    key=program.actions_key,
                )
                findings += found
                graphs[id(program)] = graph
            self._problems.extend(to_problems(findings, program.document))
            for tool in tools_of(program):
                if tool not in checked:
                    checked.add(tool)
                    self._problems.extend(to_problems(check_tool(tool), tool.document))
        return graphs

    def _spec(self, program: Program) -> RunSpec:
        """The run of a program; made once, also where programs call each other in a circle."""
        if id(program) not in self._specs:
            self._make_specs(program)
        return self._specs[id(program)]

    @undisturbed()
    def _make_specs(self, program: Program) -> None:
        # Invariant: what a program calls is worked out before it, so that no chain of calls is
        # too long; in a circle, the plan that would come round has no outlook yet.
        fresh = [one for one in _called_first(program) if id(one) not in self._specs]
        for one in fresh:
            self._specs[id(one)] = self._bare_spec(one)
        for one in fresh:
            graph = self._graphs.get(id(one))
            if graph is not None:
                spec = self._specs[id(one)]
                targets = ProgramTargets(one, self._place, self._spec)
                outlook = self._outlook(one, graph, targets)
                self._specs[id(one)] = replace(spec, targets=targets, outlook=outlook)

    def _bare_spec(self, program: Program) -> RunSpec:
        return RunSpec(
            name=program.name,
            protocol=program.protocol,
            targets=ProgramTargets(program, self._place, self._spec),
            goal=program.goal,
            outputs=program.outputs,
            variables=program.variables,
            ambient=self._place.ambient,
            input_rules=program.inputs,
        )

    def _outlook(self, program: Program, graph: Graph, targets: ProgramTargets) -> Outlook:
        slots = self.program.protocol.slots
        if program is not self.program:
            slots = min(slots, program.protocol.nested_cap or slots)
        nested = {
            action.id: seconds
            for action in graph.actions
            if not action.type.is_leaf and (seconds := targets.nested_seconds(action)) is not None
        }
        estimates = [estimate(action, nested) for action in graph.actions]
        return work_out(graph, estimates, slots, passes=self._passes)


def _called_first(program: Program) -> list[Program]:
    """A program and all that it reaches, each after what it calls, but for circles."""
    ordered: list[Program] = []
    seen = {program}
    path = [(program, program.scope.called())]
    while path:
        caller, rest = path[-1]
        called = next((one for one in rest if one not in seen), None)
        if called is None:
            ordered.append(caller)
            path.pop()
        else:
            seen.add(called)
            path.append((called, called.scope.called()))
    return ordered


def _note_on_goal(program: Program) -> list[Finding]:
    if program.plan is not None:
        return []
    message = f"'{program.name}' has no plan, and this version has no model that writes one"
    return [Finding(severity=Severity.NOTE, code="no_plan", message=message, hint=_WRITE_PLAN)]


def _names(program: Program) -> Names:
    declared = program.inputs.declared
    inputs = None if declared is None else frozenset(declared)
    return Names(inputs=inputs, env=frozenset(program.variables))
