"""`cortex init`: a manifest to start from, which runs as it is."""

import json
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from cortex_cli.cli.options import Debug
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import SetupError, UsageError
from cortex_cli.ids import ACTION_ID, slug

Folder = Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to; made if it is missing.")]
NameOption = Annotated[str | None, typer.Option("--name", help="What the agent is called.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


def command(
    ctx: typer.Context,
    folder: Folder = Path(),
    name: NameOption = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Write a manifest to start from: agent.yaml, with a tool of its own; it runs as it is.

    Also the JSON Schema that its first line names, for editors.
    """
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug)
    chosen = slug(name or folder.absolute().name) or "agent"
    if not ACTION_ID.fullmatch(chosen):
        chosen = f"agent_{chosen}"[:100]
    starter = files("cortex_cli.cli") / "starter"
    schema = folder / "cortex.schema.json"
    targets = {
        folder / "agent.yaml": (starter / "agent.yaml").read_text().replace("NAME", chosen, 1),
        folder / "tools/word_count/tool.yaml": (starter / "tool.yaml").read_text(),
        folder / "tools/word_count/main.py": (starter / "main.py.txt").read_text(),
    }
    present = [target for target in targets if target.exists()]
    if present and not force:
        message = f"{present[0]} is there already"
        raise UsageError(message, hint="give another folder, or --force to replace it")
    for target, content in {**targets, schema: _schema()}.items():
        _write(target, content)
        terminal.write(f"wrote {target}\n")
    manifest = shlex.quote(str(folder / "agent.yaml"))
    terminal.write(f"next: cortex plan {manifest}, then cortex run {manifest}\n")


def _schema() -> str:
    from cortex_cli.manifest.schema import json_schema

    return json.dumps(json_schema(), indent=1) + "\n"


def _write(target: Path, content: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    except OSError as error:
        message = f"{target}: cannot be written: {error.strerror}"
        raise SetupError(message) from error
