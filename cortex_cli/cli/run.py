"""`cortex run`: run a manifest, live."""

from pathlib import Path
from typing import Annotated

import typer

from cortex_cli.cli.budget import BudgetOption, given_budget
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
    NoInput,
    Operation,
    ProgressOption,
    Quiet,
    Root,
    Verbose,
    Yes,
)
from cortex_cli.cli.plan import show_plan
from cortex_cli.cli.terminal import Terminal

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An input; JSON if it parses as JSON."),
]
Inputs = Annotated[
    str | None,
    typer.Option(metavar="FILE|-", help="A JSON or YAML file of inputs; --set goes before it."),
]
Goal = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="What a model is to plan for; for an agent without actions."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="IDS", help="Run only these actions, and what they need; with commas."),
]
From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="IDS",
        help="Run these actions and what comes after them; the last run gives what they need.",
    ),
]
Skip = Annotated[list[str] | None, typer.Option(metavar="IDS", help="Leave these actions out.")]
Cache = Annotated[
    bool | None,
    typer.Option(
        "--cache/--no-cache",
        help="Use outputs of earlier runs again, also where no action says so; or none at all.",
        show_default=False,
    ),
]
NoBuild = Annotated[
    bool,
    typer.Option("--no-build", help="Make no environments for tools: those needed must be there."),
]
Record = Annotated[
    Path | None,
    typer.Option(
        "--record", metavar="FILE", help="Write a record of the run, for cortex replay FILE."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan; run nothing.")]


def command(
    ctx: typer.Context,
    manifest: Manifest,
    set_: Set = None,
    inputs: Inputs = None,
    goal: Goal = None,
    max_parallel: MaxParallel = None,
    budget: BudgetOption = None,
    operation: Operation = None,
    root: Root = None,
    max_size: MaxSize = 32,
    only: Only = None,
    from_: From = None,
    skip: Skip = None,
    cache: Cache = None,
    yes: Yes = False,
    no_input: NoInput = False,
    no_build: NoBuild = False,
    record: Record = None,
    dry_run: DryRun = False,
    progress: ProgressOption = None,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a manifest; the outputs go to standard output, all else to standard error."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(verbose=verbose, quiet=quiet, debug=debug, json=as_json, form=form, color=color)
    limits = given_budget(budget)
    opening = Opening(
        manifest=manifest,
        root=root,
        operation=operation,
        max_parallel=max_parallel,
        budget=limits,
        max_megabytes=max_size,
        may_build=not no_build,
        goal=goal,
    )
    from cortex_cli.cli.beginning import NewRun
    from cortex_cli.cli.driving import Course, drive
    from cortex_cli.cli.giving import chosen_names, given_inputs, given_names
    from cortex_cli.cli.recording import Recorder

    session = opening.session()
    terminal.default_color = session.settings.color
    has_inputs = bool(set_) or inputs is not None or not dry_run
    given = given_inputs(set_ or [], inputs, session.inputs) if has_inputs else {}
    new = NewRun(
        inputs=given,
        max_parallel=max_parallel,
        operation=operation,
        goal=goal,
        cache=cache,
        budget=limits,
        only=chosen_names(only, "--only"),
        start_from=chosen_names(from_, "--from"),
        skip=given_names(skip),
    )
    if dry_run:
        new.check_names(session)
        show_plan(terminal, session)
        return
    new.check(session)
    terminal.print_problems(session.problems)
    recorder = Recorder(file=record, begin=new.begin)
    course = Course(begin=recorder.begin_run, yes_to_all=yes, no_input=no_input)
    try:
        code = drive(terminal, session, course, progress)
    finally:
        recorder.write()
    raise typer.Exit(code)
