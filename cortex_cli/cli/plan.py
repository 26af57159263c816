"""`cortex plan`: what a run would do, before anything is spent."""

import typer

from cortex_cli.cli.opening import Opening
from cortex_cli.cli.options import (
    ColorOption,
    Debug,
    Format,
    FormatOption,
    Json,
    Manifest,
    MaxParallel,
    MaxSize,
    Operation,
    Quiet,
    Root,
    Verbose,
)
from cortex_cli.cli.terminal import Terminal


def command(
    ctx: typer.Context,
    manifest: Manifest,
    max_parallel: MaxParallel = None,
    operation: Operation = None,
    root: Root = None,
    max_size: MaxSize = 32,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show what runs in parallel, what is critical and how long it takes; run nothing."""
    terminal = ctx.ensure_object(Terminal)
    is_json = as_json or form is not Format.TEXT
    terminal.adjust(verbose=verbose, quiet=quiet, debug=debug, json=is_json, color=color)
    opening = Opening(
        manifest=manifest,
        root=root,
        operation=operation,
        max_parallel=max_parallel,
        max_megabytes=max_size,
    )
    show_plan(terminal, opening)


def show_plan(terminal: Terminal, opening: Opening) -> None:
    """Print the report of a manifest's plan."""
    from cortex_cli.ui.plan_report import print_plan

    session = opening.session()
    terminal.default_color = session.settings.color
    report = session.report
    if terminal.json:
        terminal.write_json(report)
    else:
        console = terminal.console()
        with console.capture() as capture:
            print_plan(console, report, terminal.theme())
        terminal.write(capture.get())
