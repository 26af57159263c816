"""MCP servers in a library: those that `cortex.toml` declares, and the tools of imported ones."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from msgspec.structs import replace as replace_field

from cortex_cli.errors import Finding
from cortex_cli.ids import did_you_mean
from cortex_cli.kinds import ManifestKind, Severity
from cortex_cli.manifest.load import LoadedManifest
from cortex_cli.manifest.mcp_models import DeclaredServer, ImportedServer
from cortex_cli.manifest.models import ImportDeclaration
from cortex_cli.manifest.tool_models import McpImplementation, ToolManifest
from cortex_cli.manifest.wording import listed, quoted
from cortex_cli.plan.references import find

DeclaredServers = Callable[[Path], Mapping[str, DeclaredServer]]
"""The servers that are declared for manifests under a root."""

_FEW = 12


def no_servers(_root: Path) -> Mapping[str, DeclaredServer]:
    """Nothing is declared."""
    return {}


def server_place(loaded: LoadedManifest, name: str) -> tuple[str | int, ...]:
    """Where in a file a server is named that one of its tools has, imported or its own."""
    for position, one in enumerate(loaded.document.value.get("import", {}).get("mcp", ())):
        if one == name:
            return "import", "mcp", position
    return "implementation", "server"


@dataclass(slots=True)
class _Made:
    """The tools that were made of one file's imports, by their names."""

    tools: dict[str, LoadedManifest | None] = field(
        default_factory=dict[str, LoadedManifest | None]
    )


class Servers:
    """The MCP servers that the manifests of one library may name."""

    def __init__(self, root: Path, declared: DeclaredServers) -> None:
        """`declared` is asked when a manifest names a server for the first time."""
        self.root = root
        self._declared = declared
        self._made: dict[LoadedManifest, _Made] = {}

    @cached_property
    def known(self) -> Mapping[str, DeclaredServer]:
        """The servers that are declared, by their names."""
        return self._declared(self.root)

    def tool(self, importer: LoadedManifest, target: str) -> LoadedManifest | None:
        """The tool `SERVER.TOOL` of a server that a file imports; None: it imports no such one.

        Whether the server has a tool of that name is known only once it runs.
        """
        if not importer.imports.mcp or "." not in target:
            return None
        made = self._made.setdefault(importer, _Made()).tools
        if target not in made:
            made[target] = self._make(importer, target)
        return made[target]

    def names(self, importer: LoadedManifest) -> list[str]:
        """The names of the servers that a file imports."""
        return [one if isinstance(one, str) else one.name for one in importer.imports.mcp]

    def misnamed(self, name: str, *path: str | int) -> Finding:
        """The error for a server that nothing declares."""
        hint = did_you_mean(name, self.known)
        if hint is None and self.known:
            hint = f"it declares {listed(list(self.known)[:_FEW], 'and')}"
        message = f"there is no server {quoted(name)} in the cortex.toml of {self.root}"
        hint = hint or f"declare it there: [mcp.servers.{name}]"
        return Finding(code="unknown_server", message=message, hint=hint, path=path)

    def unknown(
        self, importer: LoadedManifest, called: Iterable[LoadedManifest]
    ) -> Iterator[Finding]:
        """A note for each server of a file that nothing declares, unless a tool of it is called."""
        reached = {one.manifest.name.partition(".")[0] for one in called if one.manifest}
        for position, one in enumerate(importer.imports.mcp):
            if isinstance(one, str) and one not in self.known and one not in reached:
                finding = self.misnamed(one, "import", "mcp", position)
                yield replace_field(finding, severity=Severity.NOTE)

    def bound(self, manifest: ToolManifest) -> ToolManifest | None:
        """A tool with the server that it names put in; None: there is no such server."""
        implementation = manifest.implementation
        assert isinstance(implementation, McpImplementation), "only those have servers"
        if not isinstance(implementation.server, str):
            return manifest
        server = self.known.get(implementation.server)
        if server is None:
            return None
        bound = implementation.model_copy(update={"server": server})
        secrets = {**manifest.secrets, **server.secrets}
        return manifest.model_copy(update={"implementation": bound, "secrets": secrets})

    def _make(self, importer: LoadedManifest, target: str) -> LoadedManifest | None:
        name, _, tool = target.partition(".")
        written = {one if isinstance(one, str) else one.name: one for one in importer.imports.mcp}
        server = written.get(name)
        if server is None or not tool or importer.manifest is None:
            return None
        of_importer = importer.manifest
        values = server.model_dump(mode="json") if isinstance(server, ImportedServer) else {}
        used = {str(one.path[0]) for _, one in find(values) if one.root == "secrets" and one.path}
        manifest = ToolManifest(
            kind=ManifestKind.TOOL,
            name=target,
            environment=of_importer.environment,
            secrets={key: one for key, one in of_importer.secrets.items() if key in used},
            implementation=McpImplementation(type="mcp", server=server, tool=tool),
        )
        return replace(
            importer,
            kind=ManifestKind.TOOL,
            manifest=manifest,
            imports=ImportDeclaration(),
            problems=(),
        )
