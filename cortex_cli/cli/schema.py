"""`cortex schema`: the JSON Schema of manifests, for editors."""

from typing import Annotated

import typer

from cortex_cli.cli.options import Debug
from cortex_cli.cli.terminal import Terminal
from cortex_cli.kinds import ManifestKind

KindOption = Annotated[
    ManifestKind | None,
    typer.Option(help="The schema of one kind only.", case_sensitive=False, show_default=False),
]


def command(ctx: typer.Context, kind: KindOption = None, debug: Debug = False) -> None:
    """Print the JSON Schema of manifests, for editors."""
    from cortex_cli.manifest.schema import json_schema

    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug)
    terminal.write_json(json_schema(kind))
