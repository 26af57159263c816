"""`cortex plan`: what a run would do, before anything is spent."""

from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from cortex_cli.report import PlanReport, WhatIf
    from cortex_cli.session.session import Session

WhatIfOption = Annotated[
    bool,
    typer.Option("--what-if", help="Also show what other slots and quicker actions would bring."),
]
OptimizeOption = Annotated[
    int | None,
    typer.Option(help="Try up to N orders of each plan.", metavar="N", min=0, max=1_000_000),
]


def command(
    ctx: typer.Context,
    manifest: Manifest,
    max_parallel: MaxParallel = None,
    operation: Operation = None,
    root: Root = None,
    max_size: MaxSize = 32,
    what_if: WhatIfOption = False,
    optimize: OptimizeOption = None,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show what runs in parallel, what is critical and how long it takes; run nothing."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(verbose=verbose, quiet=quiet, debug=debug, json=as_json, form=form, color=color)
    opening = Opening(
        manifest=manifest,
        root=root,
        operation=operation,
        max_parallel=max_parallel,
        max_megabytes=max_size,
        passes=optimize,
    )
    show_plan(terminal, opening.session(), what_if=what_if)


def show_plan(terminal: Terminal, session: "Session", *, what_if: bool = False) -> None:
    """Print the report of a manifest's plan, and what would make it shorter if that is asked."""
    terminal.default_color = session.settings.color
    report = session.report
    other = session.what_if() if what_if else None
    if terminal.json:
        terminal.write_json(_with_key(report, other) if what_if else report)
    else:
        _print(terminal, report, other)


def _with_key(report: "PlanReport", what_if: "WhatIf | None") -> dict[str, Any]:
    import msgspec

    return {**msgspec.to_builtins(report), "what_if": what_if}


def _print(terminal: Terminal, report: "PlanReport", what_if: "WhatIf | None") -> None:
    from msgspec.structs import replace

    from cortex_cli.ui.plan_report import print_plan
    from cortex_cli.ui.what_if import print_what_if

    if terminal.quiet:
        report = replace(report, problems=())
    console, theme = terminal.console(), terminal.theme()
    with console.capture() as capture:
        print_plan(console, report, theme)
        if what_if is not None:
            print_what_if(console, what_if, theme)
    terminal.write(capture.get())
