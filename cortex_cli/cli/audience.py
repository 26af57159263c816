"""The displays of a run: what they are given, and what becomes of one that fails."""

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

from cortex_cli.cli.pipes import discard, discard_results, has_lost_reader
from cortex_cli.cli.terminal import Terminal
from cortex_cli.cli.unblocked import Unblocked
from cortex_cli.errors import Problem
from cortex_cli.events import Event
from cortex_cli.kinds import Severity
from cortex_cli.ui.display import Display, SilentDisplay
from cortex_cli.ui.ndjson import NdjsonDisplay
from cortex_cli.ui.run_view import RunView

_logger = logging.getLogger(__name__)
# Only for whoever asks for it: people are told in a line.
_logger.addHandler(logging.NullHandler())


class Audience:
    """One display of the progress and, where results are events, one that writes these."""

    def __init__(
        self, terminal: Terminal, streams: Unblocked, progress: Display, view: RunView
    ) -> None:
        """`view` is what `progress` shows."""
        self._terminal = terminal
        self._streams = streams
        self._view = view
        self._progress = progress
        self._ndjson = NdjsonDisplay(sys.stdout.buffer) if terminal.json else None
        self._failure: OSError | None = None
        self._is_aside = False

    @property
    def has_lost_results(self) -> bool:
        """Whether the events that are the results can't be written any more."""
        return self._failure is not None

    def check_results(self) -> None:
        """Wait for what was written of the results; OutputError where that failed.

        A reader that has gone away is no error.
        """
        self._terminal.write("")
        if self._failure is not None:
            discard_results(self._failure)

    @contextmanager
    def aside(self) -> Generator[None]:
        """Take the display away for as long as something else stands on the terminal."""
        self._show(self._progress.close)
        self._is_aside = True
        try:
            yield
        finally:
            self._is_aside = False
            self._show(self._progress.start)

    def start(self) -> None:
        """Take the streams over."""
        self._show(self._progress.start)

    def handle(self, event: Event) -> None:
        """Give every display the event."""
        self._show(partial(self._progress.handle, event))
        if self._ndjson is not None:
            self._write(partial(self._ndjson.handle, event))

    def tick(self, now: float) -> None:
        """Have what is new shown and written, where the readers have taken what was before."""
        if not self._streams.err.is_behind and not self._is_aside:
            self._show(partial(self._progress.tick, now))
        if self._ndjson is not None:
            self._write(partial(self._ndjson.tick, now))
            if has_lost_reader(sys.stdout):
                self._drop_ndjson(BrokenPipeError())

    def close(self) -> None:
        """Have the rest shown and written."""
        self._show(self._progress.close)
        if self._ndjson is not None:
            self._write(self._ndjson.close)

    def _show(self, show: Callable[[], None]) -> None:
        try:
            show()
        # Whatever a display fails with, the run goes on.
        except Exception as error:
            _logger.exception("a display has failed")
            self._drop_progress(error)

    def _drop_progress(self, error: Exception) -> None:
        failed, self._progress = self._progress, SilentDisplay(self._view)
        if isinstance(error, OSError):
            discard(sys.stderr)
            return
        if not isinstance(failed, SilentDisplay):
            self._show(failed.close)
        message = f"the display has failed ({type(error).__name__}: {error}); the run goes on"
        problem = Problem(severity=Severity.WARNING, code="display", message=message)
        self._terminal.print_problems([problem])

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._drop_ndjson(error)

    def _drop_ndjson(self, error: OSError) -> None:
        self._ndjson = None
        self._failure = error
        discard(sys.stdout)
