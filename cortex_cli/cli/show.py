"""`cortex show`: one run that is over, or was: time line, critical path, waits, outputs, costs."""

from pathlib import Path
from typing import Annotated

import typer

from cortex_cli.cli.options import ColorOption, Debug, Format, FormatOption, Json
from cortex_cli.cli.playing import play_run
from cortex_cli.cli.recalling import Recalled, RunArgument, recall
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import SetupError, UsageError

Play = Annotated[bool, typer.Option("--play", help="Draw the run again as it was seen live.")]
Speed = Annotated[
    float, typer.Option(help="How many times as fast to play.", metavar="N", min=0.01, max=100_000)
]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write a report: one page, .html."),
]


def command(
    ctx: typer.Context,
    run: RunArgument,
    play: Play = False,
    speed: Speed = 1.0,
    output: Out = None,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    debug: Debug = False,
) -> None:
    """Show what a run did, what took its time, what it gave and what it cost."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug, json=as_json, form=form, color=color)
    if output is not None and output.suffix.lower() not in {".html", ".htm"}:
        message = f"{output}: a report is an HTML page"
        raise UsageError(message, hint=f"-o {output.with_suffix('.html')}")
    if play and (terminal.json or output is not None):
        message = "--play draws on the terminal and gives no other result"
        raise UsageError(message, hint="leave out --json and -o")
    recalled = recall(run)
    if play:
        play_run(terminal, recalled, speed)
    elif output is not None:
        write_report(recalled, output)
    else:
        print_run(terminal, recalled)


def print_run(terminal: Terminal, recalled: Recalled) -> None:
    """Print the run to standard output, as text or as one JSON object."""
    from cortex_cli.ui.line import print_lines
    from cortex_cli.ui.looking_back import look_back
    from cortex_cli.ui.run_story import tell
    from cortex_cli.ui.show_run import show_run

    story = tell(recalled.events())
    report = look_back(story, recalled.about)
    if terminal.json:
        terminal.write_json(report)
        return
    console = terminal.console()
    lines = show_run(story, report, terminal.theme(), max(40, console.width), None)
    with console.capture() as capture:
        print_lines(console, lines)
    terminal.write(capture.get())


def write_report(recalled: Recalled, file: Path) -> None:
    """Write the run to a file as one self-contained page."""
    from cortex_cli.ui.html_page import html_page
    from cortex_cli.ui.run_story import tell

    page = html_page(tell(recalled.events()), recalled.about, None)
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        message = f"{file}: cannot be written: {error.strerror}"
        raise SetupError(message) from error
