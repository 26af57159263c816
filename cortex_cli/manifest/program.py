"""What a manifest compiles to: a plan with everything that it can call."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from cortex_cli.kinds import ActionType, ManifestKind
from cortex_cli.manifest.document import Document
from cortex_cli.manifest.inputs import DeclaredInputs
from cortex_cli.manifest.relic_models import RelicManifest
from cortex_cli.manifest.schema import Manifest
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.protocol.fetch import Fetch
from cortex_cli.protocol.plan import ExecutionPlan, OutputDeclaration


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ToolTarget:
    """A tool that can be called; its paths are relative to `folder`.

    `variables` are those of its `environment`, which may hold references. `requirements` is the
    file that names the packages it needs, if it needs any. `server_name` is that of its MCP
    server, where `cortex.toml` declares it; the folder is the root then.
    """

    manifest: ToolManifest
    file: str
    folder: Path
    document: Document
    variables: Mapping[str, str]
    requirements: Path | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RelicTarget:
    """A relic that can be called; its paths are relative to `folder`.

    `variables` are those of its `environment`, which may hold references.
    """

    manifest: RelicManifest
    file: str
    folder: Path
    document: Document
    variables: Mapping[str, str]


class Scope(Protocol):
    """What the actions of one program can call."""

    def lookup(self, action_type: ActionType, target: str) -> "Target | None":
        """The target of that type and name, if there is one."""
        ...

    def targets(self) -> Iterator["Target"]:
        """All that the manifest imports itself, in the order of the file."""
        ...

    def called(self) -> Iterator["Program"]:
        """The agents and workflows that the plan calls, each once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """An agent or workflow, or a tool or relic run by itself, ready to be checked and run.

    `plan` is None where a model makes it, for `goal` or a goal still to be given. `variables` are
    those of the environment and its files, which may hold references (a dollar sign that came
    from a file is doubled). `actions_key` is what the document calls the list of actions.
    `feeds` are for a plan that a model makes; a written one has the fetches that it needs.
    """

    name: str
    kind: ManifestKind
    file: str
    folder: Path
    version: str | None
    manifest: Manifest
    document: Document
    protocol: AgentLoopProtocol
    plan: ExecutionPlan | None
    goal: str | None
    inputs: DeclaredInputs
    outputs: Mapping[str, OutputDeclaration]
    variables: Mapping[str, str]
    actions_key: Literal["actions", "steps"]
    scope: Scope
    feeds: tuple[Fetch, ...] = ()

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions that are known: those of the plan, else the fetches of the feeds."""
        return self.feeds if self.plan is None else self.plan.actions

    def lookup(self, action_type: ActionType, target: str) -> "Target | None":
        """What an action of that type and target calls; None if there is nothing of that name.

        Raises ManifestError if what it calls has errors: a plan that a model made may reach what
        the written plans do not.
        """
        return self.scope.lookup(action_type, target)

    def targets(self) -> Iterator["Target"]:
        """What the manifest imports itself, in the order of the file; ManifestError for errors."""
        return self.scope.targets()

    def reached(self) -> Iterator["Program"]:
        """This program and those that its plan calls, directly or not, each once."""
        seen: set[Program] = {self}
        pending: list[Program] = [self]
        while pending:
            program = pending.pop()
            yield program
            fresh = [called for called in program.scope.called() if called not in seen]
            seen.update(fresh)
            pending += fresh


Target = ToolTarget | RelicTarget | Program
