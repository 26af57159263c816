"""The MCP servers of a session: each made once, when a tool of it is first needed."""

import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_cli.engine.context import as_text
from cortex_cli.engine.masking import Masker
from cortex_cli.errors import ActionError, SetupError
from cortex_cli.kinds import Pinning
from cortex_cli.manifest.mcp_models import McpServer
from cortex_cli.manifest.program import ToolTarget
from cortex_cli.manifest.tool_models import McpImplementation
from cortex_cli.plan.references import MISSING, find, resolve, walk
from cortex_cli.protocol.sealed import Sealed, reveal

if TYPE_CHECKING:
    from cortex_cli.mcp.connection import Connection, Link
    from cortex_cli.mcp.lock import Pin

EXTRA = "pip install 'cortex-agent-loop[mcp]'"
_PYTHON = frozenset({"python", "python3"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the values of a server may refer to, and be: its variables are among its environment.

    A bare name is a declared variable, else one of the process environment, `ambient`.
    """

    variables: Mapping[str, str]
    secrets: Mapping[str, Sealed]
    ambient: Mapping[str, str]

    def resolved(self, value: Any, server: str) -> Any:
        """The value with its references replaced; SetupError if one has no value nor default."""

        def lookup(root: str, path: tuple[str | int, ...]) -> Any:
            known = {"env": self.variables, "secrets": self.secrets}
            for names in (known, self.variables, self.ambient):
                if root in names:
                    return walk(names[root], path)
            return MISSING

        for _, reference in find(value):
            if reference.default is None and lookup(reference.root, reference.path) is MISSING:
                message = f"server '{server}' needs {reference.text}, which has no value"
                raise SetupError(message, hint=f"set the environment variable {reference.root}")
        return resolve(value, lookup)


@dataclass(slots=True, kw_only=True)
class ServerHouse:
    """The connections of a session, by what they lead to.

    The lock is in the `root`; `masker` gives what takes secrets out of the logs of servers.
    `pinning` says what of what servers offer is pinned.
    """

    root: Path
    masker: Callable[[], Masker | None] = lambda: None
    pinning: Pinning = Pinning.NEW
    _known: dict[tuple[str, ...], "Connection"] = field(
        default_factory=dict[tuple[str, ...], "Connection"]
    )
    _pins: "Mapping[str, Mapping[str, Pin]] | None" = None

    def pinned(self, server: str) -> "Mapping[str, Pin]":
        """The pins of a server by tool, as they were when a session first asked for any.

        So all models of a run are told the same. SetupError for a lock that cannot be read.
        """
        if self._pins is None:
            from cortex_cli.mcp.lock import Lock

            self._pins = Lock(self.root).all_pinned()
        return self._pins.get(server, {})

    def of_tool(self, target: ToolTarget, around: Surroundings) -> "Connection":
        """The connection to a tool's server; SetupError if the extra or a value is missing."""
        server, name = _server_of(target), self.name_of(target)
        if target.server_name is None:
            return self.to(server, name, target.folder, around)
        # It is one for all manifests: what each of them declares is not for it.
        return self.to(server, name, self.root, replace(around, variables={}))

    def name_of(self, target: ToolTarget) -> str:
        """What a tool's server is called, in messages and in the lock."""
        return target.server_name or self._as_written(_server_of(target), target.folder)

    def to(self, server: McpServer, name: str, folder: Path, around: Surroundings) -> "Connection":
        """The connection to a server that is started in a folder; one for the same server."""
        connection, lock = _machinery()
        settled = around.resolved(server.model_dump(mode="json"), name)
        values = {**reveal(settled), "variables": {**around.variables}, "folder": folder}
        key = (name, *(f"{part}: {value}" for part, value in values.items()))
        if key not in self._known:
            link = _web_link(settled) if server.url else self._piped(name, settled, folder, around)
            self._known[key] = connection(name, link, lock(self.root, self.pinning))
        return self._known[key]

    async def aclose(self) -> None:
        """End all servers, at once: each takes its time."""
        from anyio import create_task_group

        async with create_task_group() as tasks:
            while self._known:
                tasks.start_soon(self._known.popitem()[1].aclose)

    def _as_written(self, server: McpServer, folder: Path) -> str:
        """What a server without a name is called, in messages and in the lock."""
        if server.url is not None:
            return server.url
        written = shlex.join((server.command or "", *server.args))
        is_inside = folder != self.root and folder.is_relative_to(self.root)
        return f"{folder.relative_to(self.root)}: {written}" if is_inside else written

    def _piped(
        self, name: str, server: Mapping[str, Any], folder: Path, around: Surroundings
    ) -> "Link":
        from cortex_cli.actions.stdio_server import ServerLaunch, StdioServer
        from cortex_cli.mcp.pipes import PipedLink

        command = str(server["command"])
        own = {key: as_text(value) for key, value in server["env"].items()}
        program = sys.executable if command in _PYTHON else command
        launch = ServerLaunch(
            name=name,
            argv=[program, *map(as_text, server["args"])],
            folder=folder,
            environment={**around.variables, **own},
            masker=self.masker,
        )
        return PipedLink(partial(StdioServer, launch))


def _server_of(target: ToolTarget) -> McpServer:
    implementation = target.manifest.implementation
    assert isinstance(implementation, McpImplementation), "only those have servers"
    assert not isinstance(implementation.server, str), "names are bound when it is compiled"
    return implementation.server


def _machinery() -> tuple[Any, Any]:
    try:
        from cortex_cli.mcp.connection import Connection
        from cortex_cli.mcp.lock import Lock
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("mcp"):
            raise
        message = "tools of MCP servers need the extra 'mcp'"
        raise SetupError(message, hint=f"install it: {EXTRA}") from error
    return Connection, Lock


def _web_link(server: Mapping[str, Any]) -> "Link":
    from cortex_cli.actions.hosts import Hosts, parse_url
    from cortex_cli.actions.network import guarded_transport
    from cortex_cli.mcp.web import WebLink

    url = str(reveal(server["url"]))
    declared = server["allow_hosts"]
    try:
        hosts = Hosts(declared) if declared else Hosts.of(parse_url(url))
        hosts.check(url)
    except (ValueError, ActionError) as error:
        message = f"the server at '{server['url']}' can't be called: {error}"
        raise SetupError(message) from error
    headers = {key: as_text(reveal(value)) for key, value in server["headers"].items()}
    return WebLink(url, headers, partial(guarded_transport, hosts))
