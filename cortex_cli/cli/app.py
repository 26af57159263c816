"""The command `cortex`: its subcommands, what they share, and what becomes of errors."""

import signal
import sys
from typing import Annotated, NoReturn

import typer

from cortex_cli import __version__
from cortex_cli.cli import (
    cache,
    doctor,
    graph,
    init,
    logs,
    models,
    plan,
    replay,
    resume,
    run,
    runs,
    schema,
    show,
    stop,
    tools,
    validate,
    why,
)
from cortex_cli.cli.options import Debug, Quiet, Verbose
from cortex_cli.cli.pipes import buffer_output, check_results, open_missing
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import CortexError

app = typer.Typer(
    name="cortex",
    help="Plan, run and watch the work of agents.",
    epilog="Start with: cortex init, then cortex plan agent.yaml, then cortex run agent.yaml",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cortex {__version__}")
        raise typer.Exit


@app.callback()
def cortex(
    ctx: typer.Context,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    debug: Debug = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Print the version.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Plan, run and watch the work of agents."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(verbose=verbose, quiet=quiet, debug=debug)


_COMMANDS = (
    plan,
    run,
    resume,
    replay,
    stop,
    show,
    logs,
    why,
    graph,
    validate,
    init,
    schema,
    doctor,
    tools,
)
for _module in _COMMANDS:
    app.command(_module.__name__.rpartition(".")[2])(_module.command)
app.add_typer(runs.app, name="runs")
app.add_typer(models.app)
app.add_typer(cache.app)


def main() -> NoReturn:
    """Run the command line and exit with one of the codes of the CLI reference."""
    open_missing()
    buffer_output()
    signal.signal(signal.SIGINT, _interrupted)
    terminal = Terminal()
    try:
        _run(terminal)
    except CortexError as error:
        if terminal.debug:
            raise
        terminal.print_error(error)
        sys.exit(error.exit_code)
    sys.exit(0)


def _run(terminal: Terminal) -> None:
    try:
        app(obj=terminal)
    except OSError:
        # Help and the version are written by typer itself.
        check_results()
        raise


def _interrupted(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)
