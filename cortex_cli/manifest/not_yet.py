"""What a manifest may say and this version does not do yet."""

from collections.abc import Iterator

from cortex_cli.errors import Finding
from cortex_cli.manifest.document import Step
from cortex_cli.manifest.schema import Manifest
from cortex_cli.manifest.tool_models import McpImplementation, ToolManifest


def later_fields(manifest: Manifest) -> Iterator[Finding]:
    """An error for each field that is understood, but cannot be followed yet."""
    match manifest:
        case ToolManifest():
            yield from _of_tool(manifest)
        case _:
            return


def _of_tool(manifest: ToolManifest) -> Iterator[Finding]:
    if isinstance(manifest.implementation, McpImplementation):
        yield _not_yet("implementation: mcp", ("implementation", "type"))


def _not_yet(field: str, path: tuple[Step, ...], hint: str | None = None) -> Finding:
    message = f"'{field}' is part of the language, but this version cannot follow it yet"
    return Finding(code="not_yet", message=message, hint=hint, path=path)
