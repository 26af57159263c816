"""Where a command writes: results to standard output, everything else to standard error."""

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cortex_cli.cli.pipes import OutputError, discard, discard_results
from cortex_cli.errors import CortexError, ManifestError, Problem
from cortex_cli.kinds import Severity

if TYPE_CHECKING:
    from rich.console import Console

    from cortex_cli.cli.options import Color
    from cortex_cli.ui.theme import Theme


class Terminal:
    """The streams of one command, and how much it is to say on them."""

    def __init__(self) -> None:
        self.verbose = 0
        self.quiet = False
        self.debug = False
        self.json = False
        self.color: str | None = None
        self.default_color: str = "auto"

    def adjust(
        self,
        *,
        verbose: int = 0,
        quiet: bool = False,
        debug: bool = False,
        json: bool = False,
        form: str = "text",
        color: "Color | str | None" = None,
    ) -> None:
        """Take in options, which may stand before or after the command's name.

        `form` is what `--format` says: anything but a text is JSON, as `--json` is.
        """
        self.verbose += verbose
        self.quiet |= quiet
        self.debug |= debug
        self.json |= json or form != "text"
        if color is not None:
            self.color = str(color)

    def theme(self, *, error: bool = False) -> "Theme":
        """The theme that suits standard output, or standard error."""
        from cortex_cli.ui.theme import theme_for

        return theme_for(sys.stderr if error else sys.stdout, os.environ)

    def console(self, *, error: bool = False) -> "Console":
        """A console on standard output, or on standard error."""
        from cortex_cli.ui.theme import ColorChoice, make_console

        stream = sys.stderr if error else sys.stdout
        return make_console(stream, os.environ, ColorChoice(self.color or self.default_color))

    def write(self, text: str) -> None:
        """Write a result; a reader that has gone away is no error, a full disk an OutputError."""
        self.write_bytes(text.encode("utf-8", "backslashreplace"))

    def write_bytes(self, content: bytes) -> None:
        """Write a result as it is; errors are those of `write`."""
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        except OSError as error:
            discard_results(error)

    def say(self, show: "Callable[[Console], None]") -> None:
        """Have something printed for people, on standard error, if it can be written."""
        console = self.console(error=True)
        with console.capture() as capture:
            show(console)
        try:
            sys.stderr.write(capture.get())
            sys.stderr.flush()
        except OSError:
            discard(sys.stderr)

    def write_json(self, value: Any) -> None:
        """Write one JSON object, indented."""
        import msgspec

        encoded = msgspec.json.format(msgspec.json.encode(value), indent=2)
        self.write_bytes(encoded + b"\n")

    def print_error(self, error: CortexError) -> None:
        """Say what is wrong: as JSON on standard output if that was asked for, else in lines."""
        if not isinstance(error, ManifestError):
            problems = [Problem(code=type(error).__name__, message=str(error))]
        else:
            problems = list(error.problems)
        if self.json and not isinstance(error, OutputError):
            with suppress(OutputError):
                self.write_json({"problems": problems})
                return
        self.print_problems(problems)

    def print_problems(self, problems: Iterable[Problem]) -> None:
        """Print problems to standard error; notes only where more was asked for."""
        from cortex_cli.ui.problems import print_problems

        shown = [
            problem for problem in problems if problem.severity is not Severity.NOTE or self.verbose
        ]
        if not self.quiet or any(problem.severity is Severity.ERROR for problem in shown):
            theme = self.theme(error=True)
            self.say(lambda console: print_problems(console, shown, theme))
