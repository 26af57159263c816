"""`cortex resume`: go on with a run that was interrupted, paused or ended by a failure."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cortex_cli.cli.budget import BudgetOption, given_budget
from cortex_cli.cli.options import (
    ColorOption,
    Debug,
    Format,
    FormatOption,
    Json,
    NoInput,
    ProgressOption,
    Quiet,
    Run,
    Verbose,
    Yes,
)
from cortex_cli.cli.terminal import Terminal

if TYPE_CHECKING:
    from cortex_cli.session.session import Session
    from cortex_cli.store.records import RunRecord

RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try again what has failed.")]
Explain = Annotated[
    bool, typer.Option("--explain", help="Say what is kept and what is run again, and run nothing.")
]
Approve = Annotated[
    list[str] | None, typer.Option(metavar="ACTION", help="Let this action run; with commas.")
]
Deny = Annotated[
    list[str] | None, typer.Option(metavar="ACTION", help="Do not let this action run.")
]
AnswerOption = Annotated[
    list[str] | None,
    typer.Option("--answer", metavar="ACTION=TEXT", help="Say no, and why."),
]


def command(
    ctx: typer.Context,
    run: Run,
    retry_failed: RetryFailed = False,
    explain: Explain = False,
    approve: Approve = None,
    deny: Deny = None,
    answer: AnswerOption = None,
    budget: BudgetOption = None,
    yes: Yes = False,
    no_input: NoInput = False,
    progress: ProgressOption = None,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Go on with a run; what has completed is not run again."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(verbose=verbose, quiet=quiet, debug=debug, json=as_json, form=form, color=color)
    from cortex_cli.cli.answering import check_answers, given_answers
    from cortex_cli.cli.beginning import FurtherRun
    from cortex_cli.cli.driving import Course, drive
    from cortex_cli.cli.explaining import explain_resumption
    from cortex_cli.session.kept_run import run_store
    from cortex_cli.session.resumption import Resumption

    store = run_store(os.environ, command="cortex resume")
    run_id = store.find(run)
    given = given_answers(approve, deny, answer)
    record = store.record(run_id)
    limits = {**record.options.budget, **given_budget(budget)}
    session = _session(record, limits)
    if given:
        check_answers(given, session, store.events(run_id))
    if explain:
        events = store.events(run_id)
        found = Resumption(events, session, record, retry_failed=retry_failed)
        explain_resumption(terminal, found.verdicts)
        return
    opened = store.reopen(run_id, session.settings.durability)
    _end_survivors(terminal, run_id)
    events = list(opened.events())
    found = Resumption(events, session, record, retry_failed=retry_failed)
    terminal.default_color = session.settings.color
    explain_resumption(terminal, found.verdicts, only_changes=True)
    further = FurtherRun(store=store, opened=opened, resumption=found, budget=limits)
    course = Course(
        begin=further.begin, given=given, yes_to_all=yes, no_input=no_input, earlier=events
    )
    raise typer.Exit(drive(terminal, session, course, progress))


def _end_survivors(terminal: Terminal, run_id: str) -> None:
    """End what a killed process of the run has left running, and say so."""
    from cortex_cli.actions.process_family import end_survivors
    from cortex_cli.errors import Problem
    from cortex_cli.kinds import Severity

    if found := end_survivors(run_id):
        pids = ", ".join(map(str, found))
        message = f"ended what an earlier process of the run had left running: {pids}"
        terminal.print_problems(
            [Problem(severity=Severity.WARNING, code="survivors", message=message)]
        )


def _session(record: "RunRecord", budget: Mapping[str, float | None]) -> "Session":
    """The manifest of a run as it is now, opened as it was then, with that budget."""
    from cortex_cli.session.session import Request, Session

    source = (record.manifest_text or "").encode() if record.manifest is None else None
    options = record.options
    return Session.open(
        Request(
            source=Path(record.manifest or "") if source is None else source,
            cwd=Path(record.cwd),
            environ=os.environ,
            root=None if record.root is None else Path(record.root),
            operation=options.operation,
            budget=budget,
            max_parallel=options.max_parallel if isinstance(options.max_parallel, int) else None,
            passes=options.passes,
            goal=options.goal,
        )
    )
