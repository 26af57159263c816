"""`cortex tools`: everything that a manifest can call, with its parameters."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cortex_cli.cli.opening import Opening
from cortex_cli.cli.options import ColorOption, Debug, Json, Root
from cortex_cli.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_cli.report import ListedTool

Listed = Annotated[
    str | None,
    typer.Argument(
        metavar="[M]", help="A manifest; without one, what the root and its cortex.toml have."
    ),
]
UpdateLock = Annotated[
    bool,
    typer.Option("--update-lock", help="Accept what MCP servers offer now: pin it in cortex.lock."),
]


def command(
    ctx: typer.Context,
    manifest: Listed = None,
    root: Root = None,
    update_lock: UpdateLock = False,
    as_json: Json = False,
    color: ColorOption = None,
    debug: Debug = False,
) -> None:
    """List what can be called, wherever it comes from, with its parameters.

    MCP servers are started for it, and asked.
    """
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug, json=as_json, color=color)
    tools = _found(Opening(manifest=manifest or "-", root=root), manifest, update_lock)
    if terminal.json:
        terminal.write_json({"tools": tools})
    else:
        _print(terminal, tools)
    if any(tool.problem for tool in tools):
        raise typer.Exit(3)


def _found(opening: Opening, manifest: str | None, update_lock: bool) -> "Sequence[ListedTool]":
    import anyio

    from cortex_cli.session.health import open_for_health
    from cortex_cli.session.listing import list_tools
    from cortex_cli.session.root_tools import everything_in

    given = None if manifest is not None else everything_in(opening.root, Path.cwd(), os.environ)
    request = replace(opening.request(given), renews_lock=update_lock)
    session = open_for_health(request)
    return anyio.run(list_tools, session.program, request)


def _print(terminal: Terminal, tools: "Sequence[ListedTool]") -> None:
    from cortex_cli.ui.tool_list import print_tools

    console = terminal.console()
    with console.capture() as capture:
        print_tools(console, tools, terminal.theme())
    terminal.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
