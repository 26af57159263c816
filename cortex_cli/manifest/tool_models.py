"""Manifests of kind Tool: what runs, with which parameters, within which limits."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, field_validator, model_validator

from cortex_cli.kinds import Effect, ManifestKind
from cortex_cli.manifest.command_line import arguments
from cortex_cli.manifest.mcp_models import McpServer, ServerName
from cortex_cli.manifest.models import ManifestBase
from cortex_cli.manifest.parameters import Declaration, ToolParameter
from cortex_cli.protocol.action import Seconds

_MEMORY = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([KMGT]?)(i?)B?", re.IGNORECASE)
_POWERS = " KMGT"
_ENTRYPOINT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class ToolResources(Declaration):
    """Limits of one call."""

    memory: str | int | None = Field(default=None, description="Bytes, or a size such as 256MB")
    cpu: Any = None
    cpu_seconds: Seconds | None = Field(default=None, description="Processor time")
    timeout: Seconds | None = Field(default=None, description="Seconds")

    @field_validator("memory")
    @classmethod
    def _memory_is_a_size(cls, value: str | int | None) -> str | int | None:
        if value is not None and not memory_size(value):
            message = "must be a size such as 256MB"
            raise ValueError(message)
        return value

    @property
    def memory_bytes(self) -> int | None:
        """The limit of the resident size in bytes, or None."""
        return None if self.memory is None else memory_size(self.memory)


def memory_size(text: str | int) -> int | None:
    """The bytes that `256MB`, `512M` or `1.5Gi` stand for, a unit being 1024; None if nothing."""
    match = _MEMORY.fullmatch(str(text).strip())
    if match is None:
        return None
    number, unit, _ = match.groups()
    return int(float(number) * 1024 ** _POWERS.index(unit.upper() or " "))


class ToolBuild(Declaration):
    """How a tool's own environment is made."""

    engine: Literal["pip"]
    requirements_file: str = "requirements.txt"
    cache_dependencies: Any = None


class ScriptHealthCheck(Declaration):
    """A command that says whether the tool can work."""

    type: Literal["script"] = "script"
    command: str | tuple[str, ...]
    expected_exit_code: int = 0
    expected_output_contains: str | None = None

    @field_validator("command")
    @classmethod
    def _is_a_command(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        arguments(value)
        return value


class _Implementation(Declaration):
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
    shell: StrictBool = False


class PythonImplementation(_Implementation):
    """`module:function`, called in a worker process."""

    type: Literal["python"]
    entrypoint: str = Field(description="module:function")

    @field_validator("entrypoint")
    @classmethod
    def _names_a_function(cls, value: str) -> str:
        if not _ENTRYPOINT.fullmatch(value):
            message = "must name a function as module:function"
            raise ValueError(message)
        return value


class HttpImplementation(_Implementation):
    """One HTTP request; only to the hosts in `allow_hosts`."""

    type: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    url: str
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, Any] = Field(default_factory=dict)
    body: Any = None
    allow_hosts: tuple[str, ...] = ()


class McpImplementation(_Implementation):
    """A tool of an MCP server."""

    type: Literal["mcp"]
    server: ServerName | McpServer = Field(description="One of cortex.toml by its name, or one")
    tool: Annotated[str, Field(min_length=1)]


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

    @model_validator(mode="after")
    def _sandbox_has_a_process(self) -> Self:
        if self.sandbox != "none" and self.implementation.type in {"http", "mcp"}:
            message = "'sandbox' is for tools that run as processes: script, command and python"
            raise ValueError(message)
        return self

    @property
    def timeout(self) -> float | None:
        """The smallest of the limits in seconds that the manifest sets, or None."""
        limits = (self.resources.timeout, self.implementation.resources.timeout)
        return min((limit for limit in limits if limit is not None), default=None)
