"""What a manifest may say and this version does not do yet."""

from collections.abc import Iterator

from cortex_cli.errors import Finding
from cortex_cli.manifest.document import Step
from cortex_cli.manifest.models import AgentManifest
from cortex_cli.manifest.schema import Manifest


def later_fields(manifest: Manifest) -> Iterator[Finding]:
    """An error for each field that is understood, but cannot be followed yet."""
    match manifest:
        case AgentManifest(context_feeds=feeds) if feeds:
            yield _not_yet("context_feeds", ("context_feeds",))
        case _:
            return


def _not_yet(field: str, path: tuple[Step, ...], hint: str | None = None) -> Finding:
    message = f"'{field}' is part of the language, but this version cannot follow it yet"
    return Finding(code="not_yet", message=message, hint=hint, path=path)
