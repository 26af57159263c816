"""`cortex validate`: every problem of every manifest, at once."""

from typing import Annotated

import typer

from cortex_cli.cli.opening import Opening
from cortex_cli.cli.options import (
    ColorOption,
    Debug,
    Format,
    FormatOption,
    Json,
    MaxSize,
    Quiet,
    Root,
    Verbose,
)
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import ManifestError, Problem, UsageError
from cortex_cli.kinds import Severity

Manifests = Annotated[
    list[str],
    typer.Argument(metavar="M...", help="Manifests, or folders with one manifest in each."),
]


def command(
    ctx: typer.Context,
    manifests: Manifests,
    root: Root = None,
    max_size: MaxSize = 32,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Report every problem of every manifest at once; silent when all is well."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(verbose=verbose, quiet=quiet, debug=debug, json=as_json, form=form, color=color)
    problems = list(
        dict.fromkeys(
            problem
            for manifest in manifests
            for problem in _problems_of(
                Opening(manifest=manifest, root=root, max_megabytes=max_size),
                with_notes=terminal.json or bool(terminal.verbose),
            )
        )
    )
    if terminal.json:
        terminal.write_json({"files": manifests, "problems": problems})
    else:
        terminal.print_problems(problems)
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise typer.Exit(2)


def _problems_of(opening: Opening, *, with_notes: bool) -> tuple[Problem, ...]:
    from cortex_cli.manifest.open import UnchosenError

    try:
        session = opening.session()
    except ManifestError as error:
        return error.problems
    except UnchosenError as error:
        # Nothing is wrong with a relic that has several operations.
        return error.problems
    except UsageError as error:
        # A folder with no manifest, or several, keeps nothing of the others from being told.
        code, message = type(error).__name__, str(error.args[0])
        return (Problem(code=code, message=message, hint=error.hint, file=opening.manifest),)
    # Notes take time, which only those who read them are to spend.
    return (*session.problems, *(session.notes if with_notes else ()))
