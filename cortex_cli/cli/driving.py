"""Drives a run for a terminal: its display, its signals, and what is printed when it ends."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from cortex_cli.cli.options import Progress
from cortex_cli.cli.terminal import Terminal, discard_output
from cortex_cli.engine.clock import LoopClock
from cortex_cli.engine.stream import EventStream
from cortex_cli.events import Event, Termination
from cortex_cli.kinds import TerminationReason
from cortex_cli.ui.display import Display, SilentDisplay
from cortex_cli.ui.ndjson import NdjsonDisplay
from cortex_cli.ui.outputs import render_outputs
from cortex_cli.ui.plain import PlainDisplay
from cortex_cli.ui.run_view import RunView
from cortex_cli.ui.summary import summary
from cortex_cli.ui.theme import is_dumb

if TYPE_CHECKING:
    from cortex_cli.session.session import Session

_TICKS_PER_SECOND = 8
_EXIT_CODES = {
    TerminationReason.PLAN_COMPLETED: 0,
    TerminationReason.GOAL_ACHIEVED: 0,
    TerminationReason.ACTION_FAILED: 1,
    TerminationReason.NO_PROGRESS: 1,
    TerminationReason.MAX_ITERATIONS: 5,
    TerminationReason.DEADLINE: 5,
    TerminationReason.BUDGET_EXHAUSTED: 5,
    TerminationReason.APPROVAL_NEEDED: 4,
    TerminationReason.INPUT_NEEDED: 4,
    TerminationReason.CANCELLED: 130,
}
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def drive(
    terminal: Terminal, session: "Session", inputs: Mapping[str, Any], progress: Progress | None
) -> int:
    """Run to the end, showing it; the exit code."""
    view = RunView()
    chosen = progress or Progress(session.settings.progress)
    displays: list[Display] = [_progress_display(terminal, chosen, view)]
    if terminal.json:
        displays.append(NdjsonDisplay(sys.stdout.buffer))
    driver = _Driver(session, displays)
    anyio.run(driver.run, inputs)
    if not terminal.json:
        _print_ending(terminal, view, show_summary=chosen is not Progress.NONE)
    return driver.exit_code


def _progress_display(terminal: Terminal, chosen: Progress, view: RunView) -> Display:
    """What to show on standard error while the run goes on."""
    if chosen is Progress.AUTO:
        chosen = _suitable_progress(terminal)
    if terminal.quiet or chosen is Progress.NONE:
        return SilentDisplay(view)
    theme = terminal.theme(error=True)
    if chosen is Progress.PLAIN:
        return PlainDisplay(sys.stderr, theme, view)
    from cortex_cli.ui.live import LiveDisplay

    return LiveDisplay(terminal.console(error=True), theme, view)


def _suitable_progress(terminal: Terminal) -> Progress:
    """Panels on a terminal that can show them; not where events go to the same one."""
    is_live = sys.stderr.isatty() and not is_dumb(os.environ)
    if terminal.json:
        return Progress.LIVE if is_live and not sys.stdout.isatty() else Progress.NONE
    return Progress.LIVE if is_live else Progress.PLAIN


def _print_ending(terminal: Terminal, view: RunView, *, show_summary: bool) -> None:
    """The summary to standard error, and the outputs to standard output."""
    if show_summary and not terminal.quiet:
        console = terminal.console(error=True)
        for line in summary(view, terminal.theme(error=True), max(40, console.width)):
            console.print(line, soft_wrap=True)
    if view.end is not None and view.end.outputs:
        text = render_outputs(view.end.outputs, is_terminal=sys.stdout.isatty())
        terminal.write(text if text.endswith("\n") else text + "\n")


class _Driver:
    """One run: its events to the displays, the process's signals to the run."""

    def __init__(self, session: "Session", displays: list[Display]) -> None:
        self._session = session
        self._displays = displays
        self._signal: int | None = None
        self._reason: TerminationReason | None = None

    @property
    def exit_code(self) -> int:
        """What the run's end means for whoever called the command."""
        if self._reason is TerminationReason.CANCELLED and self._signal is not None:
            return 128 + self._signal
        return 1 if self._reason is None else _EXIT_CODES[self._reason]

    async def run(self, inputs: Mapping[str, Any]) -> None:
        """Run to the last event."""
        for display in self._displays:
            display.start()
        try:
            async with self._session.run(inputs) as events, anyio.create_task_group() as tasks:
                tasks.start_soon(self._obey_signals, events)
                tasks.start_soon(self._tick, events)
                async for event in events:
                    self._handle(event, events)
                tasks.cancel_scope.cancel()
        finally:
            for display in list(self._displays):
                self._guard(display, display.close, None)
            await self._session.aclose()

    def _handle(self, event: Event, events: EventStream) -> None:
        if isinstance(event, Termination) and not event.path:
            self._reason = event.data.reason
        for display in list(self._displays):
            self._guard(display, partial(display.handle, event), events)

    async def _tick(self, events: EventStream) -> None:
        clock = LoopClock()
        while True:
            for display in list(self._displays):
                self._guard(display, partial(display.tick, clock.wall()), events)
            await anyio.sleep(1 / _TICKS_PER_SECOND)

    def _guard(
        self, display: Display, show: Callable[[], None], events: EventStream | None
    ) -> None:
        """Go on without a display whose reader has gone away; without its NDJSON, end the run."""
        try:
            show()
        except BrokenPipeError:
            self._displays.remove(display)
            if isinstance(display, NdjsonDisplay):
                discard_output()
                if events is not None:
                    events.cancel()

    async def _obey_signals(self, events: EventStream) -> None:
        with anyio.open_signal_receiver(*_SIGNALS) as signals:
            async for number in signals:
                if self._signal is not None:
                    self._session.kill()
                self._signal = number
                events.cancel()
