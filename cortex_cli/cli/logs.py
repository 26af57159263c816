"""`cortex logs`: everything that the actions of a run have said."""

from collections.abc import Callable
from typing import Annotated

import typer

from cortex_cli.cli.options import ColorOption, Debug, Format, FormatOption, Json
from cortex_cli.cli.recalling import Recalled, RunArgument, recall
from cortex_cli.cli.terminal import Terminal

ActionArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="ACTION", help="An id, the ids that lead to it as in a/b, or a beginning."
    ),
]


def command(
    ctx: typer.Context,
    run: RunArgument,
    action: ActionArgument = None,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    debug: Debug = False,
) -> None:
    """Print what the actions of a run have said, or what one of them has."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug, json=as_json, form=form, color=color)
    print_logs(terminal, recall(run), action)


def print_logs(terminal: Terminal, recalled: Recalled, action: str | None) -> None:
    """Print it line by line; as JSON one object a line."""
    import msgspec

    from cortex_cli.ui.line import print_lines
    from cortex_cli.ui.logs import log_lines
    from cortex_cli.ui.said import said

    name, wants = _chosen(recalled, action)
    sayings = said(recalled.events(), wants)
    if terminal.json:
        for saying in sayings:
            terminal.write_bytes(msgspec.json.encode(saying) + b"\n")
        return
    console, theme = terminal.console(), terminal.theme()
    for saying in sayings:
        with console.capture() as capture:
            print_lines(console, log_lines([saying], name, theme))
        terminal.write(capture.get())


def _chosen(recalled: Recalled, action: str | None) -> tuple[str, Callable[[str], bool]]:
    """The name of the run, and which labels are wanted; UsageError if no action is meant."""
    from cortex_cli.ui.naming import named
    from cortex_cli.ui.run_view import RunView
    from cortex_cli.ui.view import fold

    view = RunView()
    for event in recalled.events():
        fold(view, event)
    if action is None:
        return view.root.name, lambda _label: True
    wanted = frozenset(named((row.label for row in view.in_order()), action))
    return view.root.name, lambda label: label in wanted
