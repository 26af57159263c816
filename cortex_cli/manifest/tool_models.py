"""Manifests of kind Tool: what runs, with which parameters, within which limits."""

from typing import Annotated, Any, Literal

from pydantic import Field

from cortex_cli.kinds import Effect, ManifestKind
from cortex_cli.manifest.models import ManifestBase
from cortex_cli.manifest.parameters import ToolParameter
from cortex_cli.protocol.action import Seconds, Written


class ToolResources(Written):
    """Limits of one call: memory as `256MB` or bytes, processor time and time in seconds."""

    memory: str | int | None = None
    cpu: Any = None
    cpu_seconds: Seconds | None = None
    timeout: Seconds | None = None


class ToolBuild(Written):
    """How a tool's own environment is made."""

    engine: Literal["pip"]
    requirements_file: str = "requirements.txt"
    cache_dependencies: Any = None


class ScriptHealthCheck(Written):
    """A command that says whether the tool can work."""

    type: Literal["script"] = "script"
    command: str | tuple[str, ...]
    expected_exit_code: int = 0
    expected_output_contains: str | None = None


class _Implementation(Written):
    resources: ToolResources = ToolResources()
    build: ToolBuild | None = None
    health_check: ScriptHealthCheck | None = None


class ScriptImplementation(_Implementation):
    """`runtime` runs `entrypoint` in the tool's folder."""

    type: Literal["script"]
    runtime: str = "python3"
    entrypoint: str
    input: Literal["argument", "stdin"] = "argument"


class CommandImplementation(_Implementation):
    """An argv list with references; a shell only where `shell: true`."""

    type: Literal["command"]
    command: Annotated[tuple[str, ...], Field(min_length=1)] | str
    shell: bool = False


class PythonImplementation(_Implementation):
    """`module:function`, called in a worker process."""

    type: Literal["python"]
    entrypoint: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


class HttpImplementation(_Implementation):
    """One HTTP request; only to the hosts in `allow_hosts`."""

    type: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    url: str
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, Any] = Field(default_factory=dict)
    body: Any = None
    allow_hosts: tuple[str, ...] = ()


class McpServer(Written):
    """An MCP server: a command to start, or a URL."""

    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    url: str | None = None


class McpImplementation(_Implementation):
    """A tool of an MCP server."""

    type: Literal["mcp"]
    server: McpServer
    tool: str


Implementation = Annotated[
    ScriptImplementation
    | CommandImplementation
    | PythonImplementation
    | HttpImplementation
    | McpImplementation,
    Field(discriminator="type"),
]


class ToolManifest(ManifestBase):
    """A stateless operation. `None` parameters: it takes any."""

    kind: Literal[ManifestKind.TOOL]
    parameters: tuple[ToolParameter, ...] | None = None
    implementation: Implementation
    resources: ToolResources = ToolResources()
    build: ToolBuild | None = None
    health_check: ScriptHealthCheck | None = None
    effect: Effect | None = None
    sandbox: Literal["none", "bwrap"] = "none"

    @property
    def timeout(self) -> float | None:
        """The smallest of the limits in seconds that the manifest sets, or None."""
        limits = (self.resources.timeout, self.implementation.resources.timeout)
        return min((limit for limit in limits if limit is not None), default=None)
