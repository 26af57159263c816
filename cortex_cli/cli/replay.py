"""`cortex replay`: run again from a record, calling nothing."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cortex_cli.cli.options import (
    ColorOption,
    Debug,
    Format,
    FormatOption,
    Json,
    Progress,
    ProgressOption,
    Quiet,
    Verbose,
)
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import MissError

if TYPE_CHECKING:
    from cortex_cli.cli.audience import Audience
    from cortex_cli.engine.stream import EventStream
    from cortex_cli.events import Event
    from cortex_cli.kinds import TerminationReason
    from cortex_cli.session.replaying import Recording
    from cortex_cli.session.session import Session

_OFTEN = 64

RecordArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE|RUN",
        help="A file of cortex run --record; or the id of a run, a beginning of it, or 'last'.",
    ),
]
ManifestOption = Annotated[
    Path | None,
    typer.Option(
        "--manifest",
        metavar="M",
        help="Hold the record against this manifest as it is now, not against its own.",
    ),
]


def command(
    ctx: typer.Context,
    record: RecordArgument,
    manifest: ManifestOption = None,
    progress: ProgressOption = None,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run again from a record: nothing is called, and what differs is told (exit 6)."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(verbose=verbose, quiet=quiet, debug=debug, json=as_json, form=form, color=color)
    recording = _recording(record)
    with tempfile.TemporaryDirectory(prefix="cortex-replay-") as folder:
        session = recording.open(Path(folder).resolve(), os.environ, manifest)
        terminal.default_color = session.settings.color
        chosen = progress or Progress(session.settings.progress)
        code = _play(terminal, session, recording, chosen)
    raise typer.Exit(code)


def _recording(name: str) -> "Recording":
    from cortex_cli.session.kept_run import run_store
    from cortex_cli.session.replaying import Recording
    from cortex_cli.store.record_file import read_record

    file = Path(name)
    if file.is_file() or "/" in name or file.suffix:
        header, events = read_record(file)
        return Recording(run=header.run, sources=header.sources, events=events)
    store = run_store(os.environ)
    run_id = store.find(name)
    events = list(store.events(run_id))
    return Recording(run=store.record(run_id), sources=store.sources(run_id), events=events)


def _play(
    terminal: Terminal, session: "Session", recording: "Recording", progress: Progress
) -> int:
    import anyio

    from cortex_cli.cli.audience import Audience
    from cortex_cli.cli.displays import print_ending, progress_display
    from cortex_cli.cli.driving import only_cause
    from cortex_cli.cli.exit_codes import exit_code_of
    from cortex_cli.cli.unblocked import unblocked_streams
    from cortex_cli.ui.run_view import RunView

    view = RunView()
    reasons: list[TerminationReason] = []
    with unblocked_streams() as streams:
        audience = Audience(terminal, streams, progress_display(terminal, progress, view), view)
        try:
            anyio.run(_show, recording.play(session), audience, reasons)
        except MissError as error:
            raise _placed(error, session) from error
        except ExceptionGroup as group:
            raise only_cause(group) from group
        finally:
            streams.settle(None)
        audience.check_results()
        if not terminal.json:
            print_ending(terminal, view, show_summary=progress is not Progress.NONE)
    return exit_code_of(reasons[-1] if reasons else None)


async def _show(
    stream: "EventStream", audience: "Audience", reasons: "list[TerminationReason]"
) -> None:
    from cortex_cli.engine.clock import wall_seconds
    from cortex_cli.events import Termination

    def show(event: "Event") -> None:
        audience.handle(event)
        if isinstance(event, Termination) and not event.path:
            reasons.append(event.data.reason)
        if event.sequence % _OFTEN == 0:
            audience.tick(wall_seconds())

    audience.start()
    try:
        async with stream as events:
            async for event in events:
                show(event)
    finally:
        audience.close()


def _placed(error: MissError, session: "Session") -> MissError:
    """The error with the place of the action in its manifest."""
    place = session.place_of(error.path, error.action_id)
    return MissError(
        f"{place}: {error}" if place else str(error),
        sequence=error.sequence,
        path=error.path,
        action_id=error.action_id,
    )
