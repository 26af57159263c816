"""From manifests to programs: plans in the words of the protocol, and what they can call."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cortex_cli.errors import Finding, ManifestError, Problem
from cortex_cli.kinds import ActionType, Severity
from cortex_cli.manifest.alone import alone
from cortex_cli.manifest.bind import Binding, CallsByFile, written_plan
from cortex_cli.manifest.environment import SettingsFiles
from cortex_cli.manifest.feeds import Feeds
from cortex_cli.manifest.inputs import DeclaredInputs
from cortex_cli.manifest.library import Library
from cortex_cli.manifest.load import LoadedManifest
from cortex_cli.manifest.locate import to_problems
from cortex_cli.manifest.models import AgentManifest, WorkflowManifest
from cortex_cli.manifest.program import Program, RelicTarget, Target, ToolTarget
from cortex_cli.manifest.relic_models import RelicManifest
from cortex_cli.manifest.scope import FileScope
from cortex_cli.manifest.servers import server_place
from cortex_cli.manifest.tool_models import McpImplementation, ToolManifest
from cortex_cli.plan.feeds import with_fetches
from cortex_cli.plan.references import output_source
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import MOST_ITERATIONS, AgentLoopProtocol
from cortex_cli.protocol.fetch import Fetch
from cortex_cli.protocol.plan import ExecutionPlan, OutputDeclaration


def compile_program(
    library: Library, *, operation: str | None = None
) -> tuple[Program | None, list[Problem]]:
    """The program of the library's entry, and what is wrong with all that its plan reaches.

    A tool or relic becomes a program with one action that calls it, a relic's `operation`. The
    problems of the library itself are not among those given back; None if the entry is too wrong
    to be compiled. What its plan does not reach is compiled when it is looked up.
    """
    if library.entry.manifest is None:
        return None, []
    programs = Programs(library)
    entry = programs.compiled(library.entry)
    problems = list(entry.problems)
    seen: set[LoadedManifest] = {library.entry}
    pending = list(entry.called)
    while pending:
        loaded = pending.pop(0)
        if loaded not in seen:
            seen.add(loaded)
            reached = programs.compiled(loaded)
            problems += reached.problems
            pending += reached.called
    if isinstance(entry.target, Program):
        return entry.target, problems
    program, found = alone(entry.target, library.entry.document, operation)
    return program, [*problems, *found]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A target, what is wrong with its file, and what its plan calls."""

    target: Target
    problems: tuple[Problem, ...]
    called: tuple[LoadedManifest, ...] = ()


@dataclass(slots=True)
class Programs:
    """Compiles the manifests of a library, each once, when it is first asked for."""

    library: Library
    _calls: CallsByFile = field(default_factory=CallsByFile)
    _compiled: dict[LoadedManifest, _Compiled] = field(
        default_factory=dict[LoadedManifest, _Compiled]
    )

    def compiled(self, loaded: LoadedManifest) -> _Compiled:
        """What a file compiles to."""
        if loaded not in self._compiled:
            self._compiled[loaded] = self._compile(loaded)
        return self._compiled[loaded]

    def target(self, loaded: LoadedManifest) -> Target:
        """What a file compiles to, if nothing is wrong with it; else ManifestError."""
        compiled = self.compiled(loaded)
        problems = (*loaded.problems, *compiled.problems)
        if any(problem.severity is Severity.ERROR for problem in problems):
            raise ManifestError(problems)
        return compiled.target

    def _compile(self, loaded: LoadedManifest) -> _Compiled:
        files = SettingsFiles(loaded, self.library.root)
        match loaded.manifest:
            case None:
                raise ManifestError(loaded.problems)
            case ToolManifest() as manifest:
                return self._compile_tool(loaded, manifest, files)
            case RelicManifest() as manifest:
                target = RelicTarget(
                    manifest=manifest,
                    file=loaded.file,
                    folder=loaded.folder,
                    document=loaded.document,
                    variables=files.variables(),
                )
                return _Compiled(target, tuple(files.problems))
            case manifest:
                return self._compile_program(loaded, manifest, files)

    def _compile_tool(
        self, loaded: LoadedManifest, manifest: ToolManifest, files: SettingsFiles
    ) -> _Compiled:
        folder, server = loaded.folder, _server_name(manifest)
        findings: list[Finding] = []
        if server is not None:
            servers, folder = self.library.servers, self.library.root
            bound = servers.bound(manifest)
            if bound is None:
                findings.append(servers.misnamed(server, *server_place(loaded, server)))
            manifest = bound or manifest
        target = ToolTarget(
            manifest=manifest,
            file=loaded.file,
            folder=folder,
            document=loaded.document,
            variables=files.variables(),
            requirements=_requirements(manifest, files),
            server_name=server,
        )
        return _Compiled(target, (*files.problems, *to_problems(findings, loaded.document)))

    def _compile_program(
        self,
        loaded: LoadedManifest,
        manifest: AgentManifest | WorkflowManifest,
        files: SettingsFiles,
    ) -> _Compiled:
        key, actions = written_plan(manifest)
        scope = FileScope(self.library, loaded)
        binding = Binding(scope, self._calls, key)
        feeds = _feeds(manifest, actions)
        outputs = _outputs(manifest)
        if actions is not None and feeds.fetches:
            actions = with_fetches(actions, feeds.fetches, outputs)
            feeds.note_unused(actions)
        bound = None if actions is None else binding.bind(actions)
        fetches = binding.bind(feeds.fetches) if actions is None else ()
        # A model that makes the plan may call whatever is imported.
        called = list(binding.called)
        if actions is None:
            called = list(dict.fromkeys([*self.library.imports(loaded), *called]))
        program = Program(
            name=manifest.name,
            kind=manifest.kind,
            file=loaded.file,
            folder=loaded.folder,
            version=manifest.version,
            manifest=manifest,
            document=loaded.document,
            protocol=_protocol(manifest),
            plan=None if bound is None else ExecutionPlan.of(bound),
            goal=manifest.goal if isinstance(manifest, AgentManifest) else None,
            inputs=_inputs(manifest),
            outputs=outputs,
            variables=files.variables(),
            actions_key=key,
            scope=_ProgramScope(self, scope, loaded, tuple(called)),
            feeds=tuple(one for one in fetches if isinstance(one, Fetch)),
        )
        files.check_prompts()
        servers = self.library.servers.unknown(loaded, called)
        findings = [*feeds.findings, *binding.findings, *servers]
        problems = (*files.problems, *to_problems(findings, loaded.document))
        return _Compiled(program, problems, tuple(called))


@dataclass(frozen=True, slots=True)
class _ProgramScope:
    """What the actions of one file can call, compiled when they are looked up."""

    programs: Programs
    names: FileScope
    loaded: LoadedManifest
    reached: tuple[LoadedManifest, ...]

    def lookup(self, action_type: ActionType, target: str) -> Target | None:
        found = self.names.find(action_type, target)
        return None if found is None else self.programs.target(found)

    def targets(self) -> Iterator[Target]:
        return map(self.programs.target, self.programs.library.imports(self.loaded))

    def called(self) -> Iterator[Program]:
        targets = (self.programs.compiled(loaded).target for loaded in self.reached)
        return (target for target in targets if isinstance(target, Program))


def _server_name(manifest: ToolManifest) -> str | None:
    """The name of the server that a tool is of, if `cortex.toml` has to say what it means."""
    implementation = manifest.implementation
    is_named = isinstance(implementation, McpImplementation)
    return implementation.server if is_named and isinstance(implementation.server, str) else None


def _requirements(manifest: ToolManifest, files: SettingsFiles) -> Path | None:
    places = (
        (manifest.build, ("build",)),
        (manifest.implementation.build, ("implementation", "build")),
    )
    found = [files.requirements(build, path) for build, path in places]
    return next((path for path in found if path is not None), None)


def _protocol(manifest: AgentManifest | WorkflowManifest) -> AgentLoopProtocol:
    """The protocol of a manifest, with what the standard calls otherwise."""
    changes: dict[str, Any] = {}
    if isinstance(manifest, WorkflowManifest):
        if manifest.configuration.timeout is not None:
            changes["max_execution_time_seconds"] = manifest.configuration.timeout
    elif manifest.iteration_cap is not None:
        changes["max_iterations"] = manifest.iteration_cap or MOST_ITERATIONS
    return manifest.protocol.model_copy(update=changes)


def _feeds(manifest: AgentManifest | WorkflowManifest, actions: Sequence[Action] | None) -> Feeds:
    declared = manifest.context_feeds if isinstance(manifest, AgentManifest) else ()
    return Feeds(declared, actions or ())


def _inputs(manifest: AgentManifest | WorkflowManifest) -> DeclaredInputs:
    """An agent that declares none takes any; a workflow takes what it declares."""
    if isinstance(manifest, AgentManifest) or manifest.inputs is not None:
        return DeclaredInputs(manifest.inputs)
    return DeclaredInputs(manifest.trigger.parameters or {})


def _outputs(manifest: AgentManifest | WorkflowManifest) -> Mapping[str, OutputDeclaration]:
    if isinstance(manifest, AgentManifest):
        return manifest.outputs
    return {
        name: output.model_copy(update={"source": output_source(output.source)})
        for name, output in manifest.outputs.items()
    }
