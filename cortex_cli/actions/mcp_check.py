"""What is wrong with how a tool names its MCP server, found before it is started."""

from collections.abc import Iterator

from cortex_cli.actions.hosts import Hosts
from cortex_cli.actions.url_template import literal_host
from cortex_cli.errors import Finding
from cortex_cli.manifest.mcp_models import McpServer
from cortex_cli.manifest.tool_models import McpImplementation, ToolManifest
from cortex_cli.plan import references

_WRITTEN = ("command", "args", "env", "url", "headers")
_SEEN_BY_ALL = ("command", "args")


def check_mcp(manifest: ToolManifest) -> list[Finding]:
    """The problems of an mcp tool that show before any call; none for other tools."""
    implementation = manifest.implementation
    if not isinstance(implementation, McpImplementation) or isinstance(implementation.server, str):
        return []
    return [*_in_references(implementation.server), *_in_hosts(implementation.server)]


def _in_references(server: McpServer) -> Iterator[Finding]:
    written = server.model_dump(mode="json", include=set(_WRITTEN))
    for path, error in references.errors(written):
        yield _finding("reference_syntax", str(error), None, *path)
    for path, reference in references.find({part: written[part] for part in _SEEN_BY_ALL}):
        if reference.root == "secrets":
            message = "a secret cannot go into the arguments of a process, which all can read"
            yield _finding("secret_in_arguments", message, "give it in 'env'", *path)


def _in_hosts(server: McpServer) -> Iterator[Finding]:
    if server.url is None:
        return
    for place, entry in enumerate(server.allow_hosts):
        try:
            Hosts([entry])
        except ValueError as error:
            hint = "write 'host', 'host:port' or '*.example.org'"
            yield _finding("allow_hosts", str(error), hint, "allow_hosts", place)
    is_readable = not references.errors(server.url)
    if not server.allow_hosts and is_readable and literal_host(server.url) is None:
        message = "the URL does not say which host it is for"
        yield _finding("allow_hosts", message, "name the hosts in 'allow_hosts'", "url")


def _finding(code: str, message: str, hint: str | None, *path: str | int) -> Finding:
    path = ("implementation", "server", *path)
    return Finding(code=code, message=message, hint=hint, path=path)
