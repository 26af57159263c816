"""`cortex graph`: the plan as a picture, or in a form that others draw."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cortex_cli.cli.opening import Opening
from cortex_cli.cli.options import Debug, Manifest, MaxSize, Operation, Root
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import SetupError, UsageError

if TYPE_CHECKING:
    from cortex_cli.report import PlanReport


class Form(StrEnum):
    """How the graph is written."""

    DOT = "dot"
    MERMAID = "mermaid"
    JSON = "json"
    ASCII = "ascii"


Dot = Annotated[bool, typer.Option("--dot", help="Graphviz DOT (the default).")]
Mermaid = Annotated[bool, typer.Option("--mermaid", help="A Mermaid flowchart, for Markdown.")]
Json = Annotated[bool, typer.Option("--json", help="Node-link JSON, as networkx reads it.")]
Ascii = Annotated[bool, typer.Option("--ascii", help="Text, for a terminal.")]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write to a file; .svg draws a picture."),
]


def command(
    ctx: typer.Context,
    manifest: Manifest,
    dot: Dot = False,
    mermaid: Mermaid = False,
    as_json: Json = False,
    as_ascii: Ascii = False,
    output: Out = None,
    operation: Operation = None,
    root: Root = None,
    max_size: MaxSize = 32,
    debug: Debug = False,
) -> None:
    """Draw the plan of a manifest; run nothing."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug, json=as_json)
    asked = {Form.DOT: dot, Form.MERMAID: mermaid, Form.JSON: as_json, Form.ASCII: as_ascii}
    forms = [form for form, is_asked in asked.items() if is_asked]
    if len(forms) > 1:
        message = f"--{forms[0]} and --{forms[1]} are both given"
        raise UsageError(message, hint="choose one")
    is_picture = output is not None and output.suffix.lower() == ".svg"
    if is_picture and forms not in ([], [Form.DOT]):
        message = f"a .svg file is drawn from --dot, not from --{forms[0]}"
        raise UsageError(message)
    opening = Opening(manifest=manifest, root=root, operation=operation, max_megabytes=max_size)
    report = opening.session().report
    if is_picture:
        content = _picture(report)
    else:
        content = _text(report, forms[0] if forms else Form.DOT, terminal).encode()
    if output is None:
        terminal.write_bytes(content)
    else:
        _save(output, content)


def _text(report: "PlanReport", form: Form, terminal: Terminal) -> str:
    match form:
        case Form.DOT:
            from cortex_cli.ui.graph_dot import to_dot

            text = to_dot(report, name=report.agent)
        case Form.MERMAID:
            from cortex_cli.ui.graph_mermaid import to_mermaid

            text = to_mermaid(report)
        case Form.JSON:
            import json

            from cortex_cli.ui.graph_json import to_json

            text = json.dumps(to_json(report), indent=2, ensure_ascii=False)
        case Form.ASCII:
            from cortex_cli.ui.graph_ascii import to_ascii

            text = to_ascii(report, terminal.console().width)
    return text if text.endswith("\n") else text + "\n"


def _picture(report: "PlanReport") -> bytes:
    from cortex_cli.ui.graph_dot import to_dot
    from cortex_cli.ui.graph_svg import render_svg

    return render_svg(to_dot(report, name=report.agent))


def _save(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        message = f"{file}: cannot be written: {error.strerror}"
        raise SetupError(message) from error
