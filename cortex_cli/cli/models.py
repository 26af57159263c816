"""`cortex models`: the models of this machine, fetched, listed and removed."""

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cortex_cli.cli.options import Debug, Json, Quiet
from cortex_cli.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

    from cortex_cli.llm.fetching import Progress
    from cortex_cli.llm.weights import ModelFile, Shelf

Name = Annotated[str, typer.Argument(metavar="NAME", help="A model that cortex models ls names.")]

app = typer.Typer(
    name="models",
    help="Fetch, list and remove the models of this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("ls")
def list_models(ctx: typer.Context, as_json: Json = False, debug: Debug = False) -> None:
    """List the models that can run on this machine, and whether they are here."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(json=as_json, debug=debug)
    models = _shelf().models()
    if terminal.json:
        terminal.write_json({"models": models})
    else:
        terminal.write("".join(f"{_line(model)}\n" for model in models))


@app.command("pull")
def pull(ctx: typer.Context, name: Name, quiet: Quiet = False, debug: Debug = False) -> None:
    """Download a model with pip, check it, and keep it in the state folder."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(quiet=quiet, debug=debug)
    _end_with_signals()
    with _progress(terminal) as progress:
        path = _shelf().pull(name, progress)
    terminal.write(f"{path}\n")


@app.command("rm")
def remove(ctx: typer.Context, name: Name, debug: Debug = False) -> None:
    """Delete the file of a model."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug)
    is_gone = _shelf().remove(name)
    terminal.write(f"removed local:{name}\n" if is_gone else f"local:{name} was not here\n")


def _shelf() -> "Shelf":
    from cortex_cli.llm.weights import Shelf
    from cortex_cli.session.local_models import models_folder

    return Shelf(models_folder(os.environ))


def _line(model: "ModelFile") -> str:
    size = f"{model.bytes / 1_000_000:.0f} MB"
    return f"local:{model.name}  {model.state}  {size}  {model.path}  ({model.about})"


def _end_with_signals() -> None:
    """Let the signals that end a command unwind it, so that nothing it started or wrote stays."""

    def leave(number: int, _frame: "FrameType | None") -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


@contextmanager
def _progress(terminal: Terminal) -> "Generator[Progress]":
    """A bar on a terminal, a line for each step elsewhere."""
    if terminal.quiet or not sys.stderr.isatty():
        yield _Steps(is_silent=terminal.quiet)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    console = terminal.console(error=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def show(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield show


class _Steps:
    """Says each new step once, for logs."""

    def __init__(self, *, is_silent: bool) -> None:
        self._said = "" if not is_silent else None

    def __call__(self, what: str, _done: int, total: int) -> None:
        if self._said is not None and what != self._said:
            self._said = what
            sys.stderr.write(f"{what} {total / 1_000_000:.0f} MB\n")
            sys.stderr.flush()
