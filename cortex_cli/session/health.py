"""Whether the tools and relics that a manifest reaches are well."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cortex_cli.engine.context import declared
from cortex_cli.engine.ports import ActionCall, RunSpec
from cortex_cli.errors import CortexError
from cortex_cli.events import Usage
from cortex_cli.kinds import ActionType, Pinning
from cortex_cli.manifest.open import UnchosenError, first_operation
from cortex_cli.manifest.paths import root_of
from cortex_cli.manifest.program import Program, RelicTarget, ToolTarget
from cortex_cli.manifest.tool_models import McpImplementation
from cortex_cli.protocol.action import Action
from cortex_cli.session.diagnosis import Check
from cortex_cli.session.local_models import SessionModels
from cortex_cli.session.servers import ServerHouse, Surroundings
from cortex_cli.session.session import Request, Session
from cortex_cli.session.targets import ProgramTargets, Workplace, environment_of
from cortex_cli.session.vault import Vault
from cortex_cli.session.within_reach import called_by
from cortex_cli.settings import Settings, state_folder
from cortex_cli.store.state import open_state_folder

_UNCHECKED = "it has no health check"


def open_for_health(request: Request) -> Session:
    """The session of a manifest, a relic with several operations too; ManifestError for errors."""
    try:
        return Session.open(request)
    except UnchosenError:
        operation = first_operation(request.source, cwd=request.cwd)
        return Session.open(replace(request, operation=operation))


async def check_health(program: Program, request: Request) -> list[Check]:
    """A check for each tool and relic that is reached, in the order of the plan.

    Services that are cortex's to start are started for it, and ended.
    """
    vault = Vault.of(program, request.environ)
    place = Workplace(
        secrets=vault.shelf,
        models=SessionModels(Settings(), request.environ),
        ambient=request.environ,
        state=lambda: open_state_folder(state_folder(request.environ)),
        servers=ServerHouse(
            root=root_of(program.folder, root=request.root, cwd=request.cwd),
            masker=lambda: vault.masker,
            pinning=Pinning.NONE,
        ),
    )
    checks: list[Check] = []
    try:
        await vault.open()
        for caller, target in _reached(program):
            look = _Look(f"{target.manifest.kind.value.lower()} {target.manifest.name}", place)
            try:
                checks.append(await look.at(target, caller))
            except CortexError as error:
                checks.append(look.found("error", str(error)))
    finally:
        await place.aclose()
    return checks


def _reached(program: Program) -> Iterator[tuple[Program, ToolTarget | RelicTarget]]:
    """Each tool and relic once, with a program that calls it."""
    seen: set[object] = set()
    for one in program.reached():
        targets = one.targets() if one.plan is None else _called(one)
        for target in targets:
            if isinstance(target, ToolTarget | RelicTarget) and target not in seen:
                seen.add(target)
                yield one, target


def _called(program: Program) -> Iterator[Any]:
    for action in program.plan.actions if program.plan else ():
        yield from called_by(program, action)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a tool or relic."""

    name: str
    place: Workplace

    async def at(self, target: ToolTarget | RelicTarget, caller: Program) -> Check:
        """What there is to be said of a target that `caller` calls; CortexError if it is bad."""
        if isinstance(target, ToolTarget):
            return await self._tool(target)
        action = Action(id="check", type=ActionType.RELIC, target=target.manifest.name)
        handler = ProgramTargets(caller, self.place, _no_run).handler(action)
        prepare = getattr(handler, "prepare", None)
        if prepare is None:
            return self.found("ok", "it is built in")
        notes = _Notes()
        await prepare(ActionCall(action=action, parameters={}, report=notes))
        for warning in notes.warnings:
            return self.found("note", warning)
        return self.found("ok", "well" if target.manifest.health_check else _UNCHECKED)

    async def _tool(self, target: ToolTarget) -> Check:
        from cortex_cli.actions.built_tool import variables_of
        from cortex_cli.actions.tool_health import check_tool_health

        manifest = target.manifest
        variables = declared(target.variables, self.place.ambient)
        if isinstance(manifest.implementation, McpImplementation):
            return await self._served(target, manifest.implementation.tool, variables)
        if manifest.sandbox != "none":
            from cortex_cli.actions.sandbox import find_sandbox

            find_sandbox()
        if target.requirements is not None:
            environment = environment_of(target, self.place)
            if not environment.is_made():
                return self.found("note", "its environment is made when it is first run")
            variables = variables_of(environment.folder, variables)
        check = manifest.health_check or manifest.implementation.health_check
        if check is None:
            return self.found("ok", _UNCHECKED)
        await check_tool_health(check, target.folder, variables)
        return self.found("ok", "well")

    async def _served(self, target: ToolTarget, tool: str, variables: dict[str, str]) -> Check:
        around = Surroundings(
            variables=variables, secrets=self.place.secrets(target), ambient=self.place.ambient
        )
        connection = self.place.servers.of_tool(target, around)
        await connection.offer(tool, _Notes())
        return self.found("ok", f"server {connection.name} answers, and has it as it was pinned")

    def found(self, status: Literal["ok", "note", "error"], what: str) -> Check:
        """A check with this outcome."""
        return Check(name=self.name, status=status, found=what)


@dataclass(frozen=True, slots=True)
class _Notes:
    """A reporter that keeps the warnings of a look."""

    warnings: list[str] = field(default_factory=list[str])

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def progress(self, message: str = "", **_: float | None) -> None:
        """Nobody waits for how far a look is."""

    def token(self, text: str, model: str) -> None:
        """No model is asked."""

    def thought(self, text: str) -> None:
        """No model is asked."""

    def usage(self, usage: Usage) -> None:
        """Nothing is used."""


def _no_run(program: Program) -> RunSpec:
    message = f"'{program.name}' is looked at, not run"
    raise CortexError(message)
