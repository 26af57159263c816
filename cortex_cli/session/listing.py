"""What `cortex tools` lists: everything that the actions of a manifest can call, with schemas."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cortex_cli.engine.context import declared
from cortex_cli.errors import CortexError
from cortex_cli.kinds import ActionType, ManifestKind, Pinning
from cortex_cli.manifest.operations import relic_operations, tool_operation
from cortex_cli.manifest.parameter_schema import object_schema
from cortex_cli.manifest.paths import root_of
from cortex_cli.manifest.program import Program, RelicTarget, ToolTarget
from cortex_cli.manifest.relic_models import RestInterface
from cortex_cli.manifest.tool_models import McpImplementation
from cortex_cli.plan.references import MISSING, walk
from cortex_cli.report import ListedTool
from cortex_cli.session.secret_needs import needs_of
from cortex_cli.session.servers import ServerHouse, Surroundings
from cortex_cli.session.session import Request
from cortex_cli.session.vault import Vault

if TYPE_CHECKING:
    from cortex_cli.mcp.connection import Connection
    from cortex_cli.mcp.served_tools import ServedTool

ALL = "*"
_BUILT_IN = {
    "internal": "Gives its parameters back as its output",
    "decision": "Chooses one of its cases by their conditions",
    "llm": "Asks a model",
}


async def list_tools(program: Program, request: Request) -> list[ListedTool]:
    """What the actions of a program can call, in the order of the file, the built-in at the end.

    MCP servers are started for it, and ended; one that does not answer is told in the `problem`
    of its tools.
    """
    targets = [
        target for target in program.targets() if isinstance(target, ToolTarget | RelicTarget)
    ]
    servers = list(_imported(program))
    tools = [target for target in targets if isinstance(target, ToolTarget)]
    vault = Vault([need for one in (*tools, *servers) for need in needs_of(one)], request.environ)
    house = ServerHouse(
        root=root_of(program.folder, root=request.root, cwd=request.cwd),
        masker=lambda: vault.masker,
        pinning=Pinning.ALL if request.renews_lock else Pinning.NONE,
    )
    look = _Look(house, vault, request)
    try:
        if any(map(_is_served, (*tools, *servers))):
            await vault.open()
            await look.start(one for one in (*tools, *servers) if _is_served(one))
        listed = [one for target in targets for one in look.at(target)]
        listed += [one for server in servers for one in look.at_all(server)]
    finally:
        await house.aclose()
    return [*listed, *_built_in()]


def _is_served(target: ToolTarget) -> bool:
    return isinstance(target.manifest.implementation, McpImplementation)


def _imported(program: Program) -> Iterator[ToolTarget]:
    """A stand-in for each MCP server that the program imports, which has its settings."""
    for one in program.manifest.imports.mcp:
        name = one if isinstance(one, str) else one.name
        found = program.lookup(ActionType.TOOL, f"{name}.{ALL}")
        if isinstance(found, ToolTarget):
            yield found


class _Look:
    """One look at what there is; the offers of servers are asked for before."""

    def __init__(self, house: ServerHouse, vault: Vault, request: Request) -> None:
        self._house = house
        self._vault = vault
        self._request = request
        self._offers: dict[ToolTarget, dict[str, ServedTool] | CortexError] = {}
        self._connections: dict[ToolTarget, Connection] = {}

    async def start(self, targets: Iterable[ToolTarget]) -> None:
        """Ask all servers at once what they offer."""
        from anyio import create_task_group

        async with create_task_group() as tasks:
            for target in targets:
                tasks.start_soon(self._ask, target)

    async def _ask(self, target: ToolTarget) -> None:
        secrets = self._vault.shelf(target)

        def lookup(root: str, path: tuple[str | int, ...]) -> object:
            return walk(secrets, path) if root == "secrets" else MISSING

        ambient = self._request.environ
        variables = declared(target.variables, ambient, lookup)
        around = Surroundings(variables=variables, secrets=secrets, ambient=ambient)
        try:
            connection = self._connections[target] = self._house.of_tool(target, around)
            self._offers[target] = dict(await connection.offers())
        except CortexError as error:
            self._offers[target] = error

    def at(self, target: ToolTarget | RelicTarget) -> Iterator[ListedTool]:
        """A tool, or the operations of a relic."""
        manifest = target.manifest
        if isinstance(target, RelicTarget):
            yield from _operations(target)
        elif target in self._offers:
            yield self._served(target)
        else:
            yield ListedTool(
                name=manifest.name,
                type=target.manifest.implementation.type,
                origin=target.file,
                description=manifest.description or manifest.summary,
                parameters=object_schema(tool_operation(target.manifest).parameters),
            )

    def at_all(self, server: ToolTarget) -> Iterator[ListedTool]:
        """The tools of a server that is imported as a whole."""
        prefix = server.manifest.name.removesuffix(ALL)
        offers = self._offers[server]
        if isinstance(offers, CortexError):
            origin = f"server {self._house.name_of(server)}"
            yield ListedTool(
                name=server.manifest.name, type="mcp", origin=origin, problem=str(offers)
            )
            return
        for name, offer in offers.items():
            yield self._offered(server, f"{prefix}{name}", offer)

    def _served(self, target: ToolTarget) -> ListedTool:
        manifest, offers = target.manifest, self._offers[target]
        assert isinstance(manifest.implementation, McpImplementation), "only those are asked"
        if isinstance(offers, CortexError):
            return ListedTool(
                name=manifest.name, type="mcp", origin=target.file, problem=str(offers)
            )
        offer = offers.get(manifest.implementation.tool)
        if offer is None:
            problem = f"its server has no tool '{manifest.implementation.tool}'"
            return ListedTool(name=manifest.name, type="mcp", origin=target.file, problem=problem)
        return self._offered(target, manifest.name, offer)

    def _offered(self, target: ToolTarget, name: str, offer: "ServedTool") -> ListedTool:
        connection = self._connections[target]
        manifest = target.manifest
        schema = offer.input_schema
        if manifest.parameters is not None:
            schema = object_schema(tool_operation(manifest).parameters)
        return ListedTool(
            name=name,
            type="mcp",
            origin=f"server {connection.name}",
            description=manifest.description or manifest.summary or offer.description,
            parameters=schema,
            problem=connection.refusal(offer),
        )


def _operations(target: RelicTarget) -> Iterator[ListedTool]:
    manifest = target.manifest
    interface = manifest.interface
    is_rest = isinstance(interface, RestInterface)
    told = {one.name: one.description for one in interface.endpoints} if is_rest else {}
    for operation in relic_operations(manifest):
        yield ListedTool(
            name=f"{manifest.name} {operation.name}",
            type=ManifestKind.RELIC.value.lower(),
            origin=target.file,
            description=told.get(operation.name, ""),
            parameters=object_schema(operation.parameters),
        )


def _built_in() -> Iterator[ListedTool]:
    for name, what in _BUILT_IN.items():
        yield ListedTool(
            name=name,
            type="built-in",
            origin=f"type: {name}",
            description=what,
            parameters={"type": "object"},
        )
