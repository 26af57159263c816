"""What the actions of a manifest call: its tools, relics, models, agents and workflows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from cortex_cli.engine.context import declared
from cortex_cli.engine.ports import Handler, RunSpec
from cortex_cli.errors import ActionError, SetupError
from cortex_cli.kinds import ActionType
from cortex_cli.manifest.models import AgentManifest, CognitiveEngine
from cortex_cli.manifest.program import Program, RelicTarget, Target, ToolTarget
from cortex_cli.manifest.relic_models import EmbeddedInterface, RestInterface
from cortex_cli.manifest.tool_models import (
    CommandImplementation,
    HttpImplementation,
    McpImplementation,
    PythonImplementation,
    ScriptImplementation,
)
from cortex_cli.plan.named_tools import named_tools
from cortex_cli.plan.references import MISSING, walk
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.sealed import Sealed
from cortex_cli.session.local_models import Models
from cortex_cli.session.servers import ServerHouse, Surroundings

if TYPE_CHECKING:
    from cortex_cli.actions.relic_kv import EmbeddedRelic
    from cortex_cli.actions.virtual_environment import VirtualEnvironment


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What all targets of a session share; `state` opens the state folder when it is needed.

    `secrets` gives those of a tool or relic, by their names.
    `may_build`: environments that tools need, and that are not there, may be made.
    `models` are those that can be had; `servers` are the MCP servers.
    """

    ambient: Mapping[str, str]
    state: Callable[[], Path]
    secrets: Callable[[Target], Mapping[str, Sealed]]
    models: Models
    servers: ServerHouse
    may_build: bool = True
    owned: list[Handler] = field(default_factory=list[Handler])
    relics: dict[RelicTarget, Handler] = field(default_factory=dict[RelicTarget, Handler])

    async def aclose(self) -> None:
        """Close models, servers and handlers, all at once: services take their time to end."""
        from anyio import create_task_group

        async with create_task_group() as tasks:
            tasks.start_soon(self.servers.aclose)
            tasks.start_soon(self.models.aclose)
            while self.owned:
                closer = getattr(self.owned.pop(), "aclose", None)
                if closer is not None:
                    tasks.start_soon(closer)


class ProgramTargets:
    """The targets of one program, made at their first use and kept."""

    def __init__(
        self, program: Program, place: Workplace, specs: Callable[[Program], RunSpec]
    ) -> None:
        """`specs` gives the run behind a nested program."""
        self._program = program
        self._place = place
        self._specs = specs
        self._handlers: dict[tuple[ActionType, str], Handler] = {}

    def handler(self, action: Action) -> Handler:
        """The handler of a tool, relic or llm action, or of an internal feed.

        ActionError if there is none.
        """
        key = (action.type, action.target or "")
        handler = self._handlers.get(key)
        if handler is None:
            handler = self._handlers[key] = self._make(action)
        return handler

    def nested(self, action: Action) -> RunSpec:
        """The run behind an agent or workflow action; ActionError if there is none."""
        if action.type is ActionType.LLM:
            return self._talk(action)
        program = self._nested_program(action)
        if program is None:
            raise _unknown(action)
        return self._specs(program)

    def nested_seconds(self, action: Action) -> float | None:
        """The scheduled seconds of the plan behind an agent or workflow action, if known."""
        program = self._nested_program(action)
        outlook = None if program is None else self._specs(program).outlook
        return None if outlook is None else outlook.scheduled_seconds

    def _nested_program(self, action: Action) -> Program | None:
        found = self._program.lookup(action.type, action.target or "")
        return found if isinstance(found, Program) else None

    def _make(self, action: Action) -> Handler:
        if action.type is ActionType.LLM:
            return self._llm(action.target)
        if action.type is ActionType.INTERNAL:
            return _built_in(action.target)
        target = self._program.lookup(action.type, action.target or "")
        match target:
            case ToolTarget():
                return self._owned(self._prepared(target))
            case RelicTarget():
                # One for all programs of the session: its service is started once.
                if target not in self._place.relics:
                    self._place.relics[target] = self._owned(self._relic(target))
                return self._place.relics[target]
            case _:
                raise _unknown(action)

    def _owned(self, handler: Handler) -> Handler:
        self._place.owned.append(handler)
        return handler

    def _prepared(self, target: ToolTarget) -> Handler:
        """The handler of a tool, with the sandbox and the environment that it needs at hand."""
        if target.manifest.sandbox != "none":
            from cortex_cli.actions.sandbox import find_sandbox

            find_sandbox()
        tool = self._tool(target)
        if target.requirements is None:
            return tool
        from cortex_cli.actions.built_tool import BuiltTool

        return BuiltTool(tool, environment_of(target, self._place))

    def _llm(self, name: str | None) -> Handler:
        from cortex_cli.actions.llm import LlmAction

        engine = _engine(self._program)
        chosen = self._place.models.choose(name, engine)
        return LlmAction(
            chosen.client,
            fallback=chosen.fallback,
            defaults=engine.parameters,
            note=chosen.note,
        )

    def _talk(self, action: Action) -> RunSpec:
        from cortex_cli.session.offers import offers_named
        from cortex_cli.session.pinned_offers import pinned_offers
        from cortex_cli.session.talks import talk_spec

        engine = _engine(self._program)
        pinned = pinned_offers(self._program, self._place.servers)
        offers = offers_named(self._program, named_tools(action), pinned)
        chosen = self._place.models.choose(action.target, engine)
        around = self._specs(self._program)
        return talk_spec(around, action, offers, chosen, engine.parameters)

    def _tool(self, target: ToolTarget) -> Handler:
        manifest, folder, base = target.manifest, target.folder, self._program.folder
        environment = self._environment(target)
        match manifest.implementation:
            case ScriptImplementation():
                from cortex_cli.actions.script import ScriptTool

                return ScriptTool(manifest, folder, environment=environment, base=base)
            case CommandImplementation():
                from cortex_cli.actions.command import CommandTool

                return CommandTool(manifest, folder, environment=environment, base=base)
            case PythonImplementation():
                from cortex_cli.actions.python_tool import PythonTool

                return PythonTool(manifest, folder, environment=environment, base=base)
            case HttpImplementation():
                from cortex_cli.actions.http_tool import HttpTool

                secrets = self._place.secrets(target)
                return HttpTool(manifest, environment=environment, secrets=secrets)
            case McpImplementation():
                from cortex_cli.actions.mcp_tool import McpTool

                return McpTool(manifest, self._place.servers.of_tool(target, self._around(target)))
            case _:
                assert_never(manifest.implementation)

    def _relic(self, target: RelicTarget) -> Handler:
        manifest = target.manifest
        match manifest.interface:
            case EmbeddedInterface():
                return self._embedded(target)
            case RestInterface():
                return self._rest(target, manifest.interface)
            case _:
                assert_never(manifest.interface)

    def _rest(self, target: RelicTarget, interface: RestInterface) -> Handler:
        from cortex_cli.actions.deployment import deployed_service, with_port
        from cortex_cli.actions.relic_request import resolve_base_url
        from cortex_cli.actions.relic_rest import RestRelic

        manifest, ambient = target.manifest, self._place.ambient
        variables = with_port(manifest, self._environment(target))
        base_url = resolve_base_url(
            interface.base_url,
            variables=variables,
            ambient=ambient,
            secrets=self._place.secrets(target),
        )
        service = deployed_service(
            manifest, target.folder, base_url=base_url, variables=variables, ambient=ambient
        )
        embedded = self._embedded(target) if manifest.fallback == "embedded" else None
        return RestRelic(manifest, base_url=base_url, embedded=embedded, service=service)

    def _embedded(self, target: RelicTarget) -> "EmbeddedRelic":
        from cortex_cli.actions.relic_kv import EmbeddedRelic
        from cortex_cli.engine.clock import LoopClock

        return EmbeddedRelic(
            target.manifest.name,
            state_folder=self._place.state(),
            identity=str(target.folder / target.file),
            clock=LoopClock(),
        )

    def _around(self, target: ToolTarget) -> Surroundings:
        return Surroundings(
            variables=self._environment(target),
            secrets=self._place.secrets(target),
            ambient=self._place.ambient,
        )

    def _environment(self, target: ToolTarget | RelicTarget) -> dict[str, str]:
        roots = {"secrets": self._place.secrets(target)}

        def lookup(root: str, path: tuple[str | int, ...]) -> object:
            return walk(roots[root], path) if root in roots else MISSING

        return declared(target.variables, self._place.ambient, lookup)


def _built_in(target: str | None) -> Handler:
    from cortex_cli.actions.built_in_feeds import built_in_feed
    from cortex_cli.engine.clock import LoopClock

    return built_in_feed(target, LoopClock().wall)


def environment_of(target: ToolTarget, place: Workplace) -> "VirtualEnvironment":
    """The environment of a tool that needs packages; SetupError if it may not be made, but must."""
    from cortex_cli.actions.virtual_environment import Requirements, VirtualEnvironment

    assert target.requirements is not None, f"{target.file} needs no packages"
    requirements = Requirements(
        name=target.manifest.name, file=target.requirements, folder=target.folder
    )
    environment = VirtualEnvironment(requirements, state=place.state, ambient=place.ambient)
    if not place.may_build and not environment.is_made():
        message = f"the environment of tool '{target.manifest.name}' is not made yet"
        raise SetupError(message, hint="run it once without --no-build")
    return environment


def _unknown(action: Action) -> ActionError:
    return ActionError(
        f"no {action.type} '{action.target}' was found", error_type="not_found", retryable=False
    )


def _engine(program: Program) -> CognitiveEngine:
    """The models that an agent chooses for itself, and the settings that it gives them."""
    manifest = program.manifest
    is_agent = isinstance(manifest, AgentManifest)
    return manifest.cognitive_engine if is_agent else CognitiveEngine()
