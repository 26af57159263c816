"""A manifest, opened: checked, planned, and ready to run."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cortex_cli.actions.descriptors import DESCRIPTORS
from cortex_cli.engine.collector import undisturbed
from cortex_cli.engine.past import Call, Key
from cortex_cli.engine.ports import Approver, Journal, RunRequest
from cortex_cli.errors import Finding, ManifestError, Problem, SetupError
from cortex_cli.kinds import ActionType, Severity
from cortex_cli.manifest.document import Limits
from cortex_cli.manifest.locate import to_problems
from cortex_cli.manifest.open import Place, program_at
from cortex_cli.manifest.paths import root_of
from cortex_cli.manifest.program import Program, ToolTarget
from cortex_cli.plan.check import check_plan
from cortex_cli.plan.describe import describe
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.prose import goal_findings
from cortex_cli.plan.provided import Names
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import AgentLoopProtocol, Budget
from cortex_cli.protocol.resources import within
from cortex_cli.report import PlanEstimate, PlanReport, WhatIf
from cortex_cli.session.local_models import NoModels, SessionModels
from cortex_cli.session.planning import ProgramPlanner, no_plan, notes_on_plan, with_goal
from cortex_cli.session.request import Request as Request
from cortex_cli.session.secret_needs import check_secrets, declared_secrets, owners_in
from cortex_cli.session.servers import ServerHouse
from cortex_cli.session.specs import Specs
from cortex_cli.session.talks import make_ready
from cortex_cli.session.targets import Workplace
from cortex_cli.session.tool_checks import check_tool, processes_at_once, tools_of
from cortex_cli.session.vault import Vault
from cortex_cli.settings import Settings, load_settings, state_folder
from cortex_cli.store.state import open_state_folder

if TYPE_CHECKING:
    from cortex_cli.engine.masking import Masker
    from cortex_cli.engine.stream import EventStream
    from cortex_cli.session.replay import RunToReplay

_HANDLED = frozenset({ActionType.TOOL, ActionType.RELIC, ActionType.LLM})


class Session:
    """One manifest, with everything that its plan reaches."""

    def __init__(
        self,
        program: Program,
        problems: list[Problem],
        settings: Settings,
        request: Request,
    ) -> None:
        """Raise ManifestError, with all problems, if the plan cannot be run."""
        self.program = program
        self.request = request
        self.settings = settings
        self._problems = list(problems)
        self._graphs = self._checked_graphs()
        if any(problem.severity is Severity.ERROR for problem in self._problems):
            raise ManifestError(self._problems)
        self._vault = Vault.of(program, request.environ)
        self._place = Workplace(
            secrets=self._vault.shelf,
            ambient=request.environ,
            state=lambda: open_state_folder(state_folder(request.environ)),
            may_build=request.may_build,
            models=SessionModels(settings, request.environ),
            servers=ServerHouse(
                root=_root(program, request),
                masker=lambda: self._vault.masker,
            ),
        )
        self._specs = Specs(self._graphs, request, self._place, program)

    @classmethod
    @undisturbed()
    def open(cls, request: Request) -> Self:
        """Open a manifest; ManifestError with all that is wrong with it.

        UnchosenError for a relic with several operations, of which the request chooses none.
        """
        place = Place(
            root=request.root,
            cwd=request.cwd,
            limits=Limits(max_bytes=request.max_bytes),
            servers=lambda root: load_settings(request.environ, root).mcp.servers,
        )
        program, problems = program_at(place, request.source, request.operation)
        settings = load_settings(request.environ, _root(program, request))
        if request.goal is not None:
            program = with_goal(program, request.goal)
        slots = request.max_parallel or settings.max_parallel
        update: dict[str, Any] = {} if slots is None else {"max_parallel_actions": slots}
        if request.budget:
            update["budget"] = (program.protocol.budget or Budget()).changed(request.budget)
        if update:
            protocol = program.protocol.model_copy(update=update)
            program = replace(program, protocol=protocol)
        return cls(program, problems, settings, request)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The warnings and notes about the manifest and all that its plan reaches."""
        return tuple(self._problems)

    @cached_property
    def notes(self) -> tuple[Problem, ...]:
        """What runs and may surprise, of all plans that are reached; worked out when asked for."""
        from cortex_cli.session.notes import notes_of

        return tuple(
            note
            for program in self.program.reached()
            if (outlook := self._specs.of(program).outlook) is not None
            for note in notes_of(program, outlook, self._specs.learned(program.actions))
        )

    @property
    def report(self) -> PlanReport:
        """What `cortex plan` shows; without actions where a model is to write the plan."""
        outlook = self._specs.of(self.program).outlook
        problems = (*self.problems, *self.notes)
        if outlook is None:
            totals = PlanEstimate(max_parallel=self.program.protocol.slots)
            return PlanReport(agent=self.program.name, estimate=totals, problems=problems)
        return describe(self.program.name, outlook, problems)

    def what_if(self) -> WhatIf | None:
        """What other slots and other actions would make of the plan; None if there is none."""
        from cortex_cli.plan.what_if import what_if

        outlook = self._specs.of(self.program).outlook
        if outlook is None:
            return None
        return what_if(outlook, passes=self.request.passes)

    def inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs of a run, checked and with defaults; an unknown one is an error here."""
        return self.program.inputs.accept(given, strict=True)[0]

    def check_goal(self) -> None:
        """Raise UsageError if there is neither a plan nor a goal, so that nothing could be run."""
        if self.program.plan is None and self.program.goal is None:
            raise no_plan(self.program.name)

    async def preflight(self) -> None:
        """Read the secrets that are needed, make all handlers, and room for processes.

        Raises SetupError if a secret, a model, a service's address or the state folder is missing,
        or too few files may be open, so that nothing has been spent when that is found out, and
        ManifestError if a prompt file that is needed can't be read.
        """
        await self._vault.open()
        for program in self.program.reached():
            planner, targets = self._specs.of(program).planner, self._specs.of(program).targets
            if isinstance(planner, ProgramPlanner):
                self._make_ready(program, planner)
            for action in program.actions:
                if action.is_conversation:
                    make_ready(targets.nested(action))
                elif action.type in _HANDLED:
                    targets.handler(action)
        DESCRIPTORS.provide_for(processes_at_once(self.program))

    def _make_ready(self, program: Program, planner: ProgramPlanner) -> None:
        try:
            planner.ready()
        except SetupError:
            if program.plan is None:
                raise
            # What fails of a plan that is written down is left to whoever is there.
            self._specs.leave_unmended(program)

    @property
    def uses_cache(self) -> bool:
        """Whether an action of any plan that is reached says that its output is cached."""
        plans = (program.plan for program in self.program.reached() if program.plan is not None)
        return any(action.cache for plan in plans for action in plan.actions)

    @property
    def manifest_path(self) -> str | None:
        """The absolute path of the manifest; None for one that came as text."""
        return self.request.manifest_path

    def digests(self) -> dict[str, str]:
        """What each action of all plans that are reached means, by name of program and id."""
        from cortex_cli.session.resumption import digest_of

        return {
            f"{program.name}/{action.id}": digest_of(action)
            for program in self.program.reached()
            for action in (program.plan.actions if program.plan else ())
        }

    def plan_at(self, path: tuple[str, ...]) -> tuple[str, Graph] | None:
        """The name of the program that runs at a path, and its graph; None: it has none."""
        found = self.program_at(path, {})
        return None if found is None or found[1] is None else (found[0], found[1])

    def program_at(
        self, path: tuple[str, ...], made: Mapping[Key, Call]
    ) -> tuple[str, Graph | None] | None:
        """The name of the program that runs at a path, and its graph; None: nothing does.

        `made` has what actions call that a model has planned; where it plans, there is no graph.
        """
        program, graph = self.program, self._graphs.get(id(self.program))
        for place, name in enumerate(path):
            declared = name.partition("[")[0]
            if graph is None:
                call = made.get((path[:place], declared))
            else:
                number = graph.index.get(declared)
                call = None if number is None else _call_of(graph.actions[number])
            if call is None:
                return None
            if call[0] is ActionType.LLM:
                # What its model calls is what this program can, and is planned nowhere.
                graph = None
                continue
            found = program.lookup(*call)
            if not isinstance(found, Program):
                return None
            program, graph = found, self._graphs.get(id(found))
        return program.name, graph

    def run(
        self,
        inputs: Mapping[str, Any],
        *,
        journal: Journal | None = None,
        approver: Approver | None = None,
    ) -> "EventStream":
        """The events of a new run, which is written down by `journal` alone; see `start`."""
        return self.start(RunRequest(inputs=inputs, approver=approver), journal=journal)

    def start(self, request: RunRequest, *, journal: Journal | None = None) -> "EventStream":
        """The events of a run, which begins with the first that is asked for.

        Raises UsageError if there is neither a plan nor a goal.
        """
        from cortex_cli.session.handle import RunHandle

        self.check_goal()
        spec = self._specs.of(self.program)
        return RunHandle(spec, request, journal, vault=self._vault).stream()

    @property
    def servers(self) -> ServerHouse:
        """The MCP servers of the session."""
        return self._place.servers

    @property
    def masker(self) -> "Masker | None":
        """What keeps the secrets out of sight that have been read; None where there are none."""
        return self._vault.masker

    def replay(self, request: RunRequest, record: "RunToReplay") -> "EventStream":
        """The events of a run, each once it has come about again; nothing is called or read.

        MissError where something else comes.
        """
        from cortex_cli.session.replay import RunReplay

        self._vault.pretend()
        place = replace(self._place, models=NoModels())
        spec = Specs(self._graphs, self.request, place, self.program).of(self.program)
        return RunReplay(spec=spec, request=request, record=record).stream()

    def place_of(self, path: tuple[str, ...], action_id: str | None) -> str | None:
        """Where the action is written, as file:line:column; None where it is not."""
        program, problem = self.program, None
        for name in (*path, action_id or ""):
            graph = self._graphs.get(id(program))
            number = None if graph is None else graph.index.get(name.partition("[")[0])
            if graph is None or number is None:
                break
            place = Finding(code="", message="", path=(program.actions_key, number))
            problem = to_problems([place], program.document)[0]
            found = program.lookup(*_call_of(graph.actions[number]))
            if not isinstance(found, Program):
                break
            program = found
        return None if problem is None else problem.place

    async def aclose(self) -> None:
        """Close what the handlers hold open."""
        await self._place.aclose()

    def _checked_graphs(self) -> dict[int, Graph]:
        """The graph of every program that is reached; what is wrong joins the problems."""
        graphs: dict[int, Graph] = {}
        checked: set[ToolTarget] = set()
        for program in self.program.reached():
            findings = list(notes_on_plan(program))
            names = _names(program, self.program.protocol)
            if program.goal is not None:
                known = replace(names, known=frozenset(feed.feed for feed in program.feeds))
                findings += goal_findings(program.goal, known, program.variables)
            if program.plan is not None:
                graph, found = check_plan(
                    program.plan.actions,
                    names,
                    outputs=program.outputs,
                    key=program.actions_key,
                )
                findings += found
                graphs[id(program)] = graph
            elif program.feeds:
                findings += check_plan(program.feeds, names)[1]
            self._problems.extend(to_problems(findings, program.document))
            for tool in tools_of(program):
                if tool not in checked:
                    checked.add(tool)
                    self._problems.extend(to_problems(check_tool(tool), tool.document))
        for owner in owners_in(self.program):
            self._problems.extend(to_problems(check_secrets(owner), owner.document))
        return graphs


def _root(program: Program, request: Request) -> Path:
    return root_of(program.folder, root=request.root, cwd=request.cwd)


def _call_of(action: Action) -> Call:
    """The type and the target of an action."""
    return action.type, action.target or ""


def _names(program: Program, outermost: AgentLoopProtocol) -> Names:
    declared = program.inputs.declared
    return Names(
        inputs=None if declared is None else frozenset(declared),
        env=frozenset(program.variables),
        secrets=frozenset(declared_secrets(program)),
        shared=within(outermost.shared, program.protocol.shared),
    )
