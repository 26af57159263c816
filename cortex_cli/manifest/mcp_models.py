"""MCP servers as people write them down: in a tool, in an import, in `cortex.toml`."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from cortex_cli.manifest.parameters import Declaration
from cortex_cli.manifest.secret_models import SecretDeclaration

ServerName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]

_OF_COMMANDS = ("args", "env")
_OF_URLS = ("headers", "allow_hosts")


class McpServer(Declaration):
    """An MCP server: a command to start, or a URL. Values may hold references."""

    command: Annotated[str, Field(min_length=1)] | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    url: Annotated[str, Field(min_length=1)] | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    allow_hosts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.command is None) == (self.url is None):
            message = "a server has either a 'command' or a 'url'"
            raise ValueError(message)
        kind, others = ("url", _OF_COMMANDS) if self.command is None else ("command", _OF_URLS)
        for name in others:
            if name in self.model_fields_set:
                message = f"'{name}' is not for a server that has a '{kind}'"
                raise ValueError(message)
        return self


class ImportedServer(McpServer):
    """A server whose tools are all imported, each as `NAME.TOOL`."""

    name: ServerName


class DeclaredServer(McpServer):
    """A server that `cortex.toml` declares, with the secrets that its values refer to."""

    secrets: dict[str, SecretDeclaration] = Field(default_factory=dict)
