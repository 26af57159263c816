"""`cortex stop`: end a run from another terminal."""

import os
import signal
import time
from typing import Annotated

import typer

from cortex_cli.cli.options import Debug, Quiet, Run
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import SetupError, UsageError

_LOOKS_PER_SECOND = 10

Wait = Annotated[
    float,
    typer.Option("--wait", metavar="SECONDS", help="How long to wait for its end.", min=0),
]


def command(
    ctx: typer.Context,
    run: Run,
    wait: Wait = 10.0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """End a run as Ctrl-C would: what runs is ended and written down, and it can be resumed."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(quiet=quiet, debug=debug)
    from cortex_cli.session.kept_run import run_store
    from cortex_cli.store.records import RunState

    store = run_store(os.environ)
    run_id = store.find(run)
    found = store.state(run_id)
    if found.state is not RunState.RUNNING or found.owner is None:
        message = f"run {run_id} is not running"
        raise UsageError(message, hint="cortex runs says how it stands")
    owner = found.owner
    if owner.host != os.uname().nodename:
        message = f"run {run_id} runs on another machine, {owner.host}"
        raise SetupError(message, hint="stop it there")
    try:
        os.kill(owner.pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError) as error:
        message = f"process {owner.pid}, which runs {run_id}, can't be told: {error.strerror}"
        raise SetupError(message) from error
    for _ in range(int(wait * _LOOKS_PER_SECOND)):
        if store.state(run_id).state is not RunState.RUNNING:
            if not quiet:
                terminal.write(f"stopped {run_id}; cortex resume {run_id} goes on with it\n")
            return
        time.sleep(1 / _LOOKS_PER_SECOND)
    message = f"run {run_id} is still ending"
    raise SetupError(message, hint=f"kill -9 {owner.pid} ends it at once")
