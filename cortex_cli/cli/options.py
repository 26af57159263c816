"""The arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """What `--format` takes."""

    TEXT = "text"
    JSON = "json"
    NDJSON = "ndjson"


class Progress(StrEnum):
    """What `--progress` takes."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"
    NONE = "none"


class Color(StrEnum):
    """What `--color` takes."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


Manifest = Annotated[
    str,
    typer.Argument(
        metavar="M", help="A manifest, a folder with one manifest in it, or - for standard input."
    ),
]
Run = Annotated[
    str, typer.Argument(metavar="RUN", help="The id of a run, a beginning of it, or 'last'.")
]
Root = Annotated[
    Path | None,
    typer.Option(help="The folder that imports may not leave.", metavar="DIR", show_default=False),
]
Operation = Annotated[
    str | None,
    typer.Option(help="The operation to run, where M is a relic.", metavar="NAME"),
]
MaxParallel = Annotated[
    int | None,
    typer.Option(help="How many leaf actions may run at once.", metavar="N", min=1, max=10_000),
]
MaxSize = Annotated[
    int,
    typer.Option(help="The largest manifest that is read, in megabytes.", metavar="MB", min=1),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]
Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
ColorOption = Annotated[Color | None, typer.Option("--color", help="Whether to colour.")]
ProgressOption = Annotated[
    Progress | None, typer.Option("--progress", help="How to show a run while it happens.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Approve whatever asks for approval.")]
NoInput = Annotated[bool, typer.Option("--no-input", help="Never ask anything.")]
Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Show more, the notes too.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no notes.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
