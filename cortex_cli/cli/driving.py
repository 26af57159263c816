"""Drives a run for a terminal: its display, its signals, and what is printed when it ends."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from cortex_cli.actions.process_family import kill_marked, mark_children
from cortex_cli.cli.displays import print_ending, progress_display
from cortex_cli.cli.exit_codes import exit_code_of
from cortex_cli.cli.options import Progress
from cortex_cli.cli.pipes import discard, has_lost_reader
from cortex_cli.cli.terminal import Terminal
from cortex_cli.engine.clock import LoopClock
from cortex_cli.engine.stream import EventStream
from cortex_cli.events import Event, Termination
from cortex_cli.kinds import TerminationReason
from cortex_cli.ui.display import Display
from cortex_cli.ui.ndjson import NdjsonDisplay
from cortex_cli.ui.run_view import RunView

if TYPE_CHECKING:
    from cortex_cli.session.session import Session

_TICKS_PER_SECOND = 8
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def drive(
    terminal: Terminal, session: "Session", inputs: Mapping[str, Any], progress: Progress | None
) -> int:
    """Run to the end, showing it; the exit code."""
    view = RunView()
    chosen = progress or Progress(session.settings.progress)
    displays: list[Display] = [progress_display(terminal, chosen, view)]
    if terminal.json:
        displays.append(NdjsonDisplay(sys.stdout.buffer))
    driver = _Driver(session, displays)
    anyio.run(driver.run, inputs)
    if not terminal.json:
        print_ending(terminal, view, show_summary=chosen is not Progress.NONE)
    return driver.exit_code


class _Driver:
    """One run: its events to the displays, the process's signals to the run."""

    def __init__(self, session: "Session", displays: list[Display]) -> None:
        self._session = session
        self._displays = displays
        self._signal: int | None = None
        self._mark = mark_children(os.environ)
        self._reason: TerminationReason | None = None

    @property
    def exit_code(self) -> int:
        """What the run's end means for whoever called the command."""
        if self._reason is TerminationReason.CANCELLED and self._signal is not None:
            return 128 + self._signal
        return exit_code_of(self._reason)

    async def run(self, inputs: Mapping[str, Any]) -> None:
        """Run to the last event."""
        self._session.preflight()
        stream = self._session.run(inputs)
        for display in self._displays:
            display.start()
        try:
            async with stream as events, anyio.create_task_group() as tasks:
                tasks.start_soon(self._obey_signals, events)
                tasks.start_soon(self._tick, events)
                async for event in events:
                    self._handle(event, events)
                tasks.cancel_scope.cancel()
        finally:
            for display in list(self._displays):
                self._guard(display, display.close, None)
            with anyio.CancelScope(shield=True):
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
                if isinstance(display, NdjsonDisplay) and has_lost_reader(sys.stdout):
                    self._drop(display, events)
            await anyio.sleep(1 / _TICKS_PER_SECOND)

    def _guard(
        self, display: Display, show: Callable[[], None], events: EventStream | None
    ) -> None:
        try:
            show()
        except BrokenPipeError:
            self._drop(display, events)

    def _drop(self, display: Display, events: EventStream | None) -> None:
        """Go on without a display whose reader has gone away; without its NDJSON, end the run."""
        self._displays.remove(display)
        if not isinstance(display, NdjsonDisplay):
            discard(sys.stderr)
            return
        discard(sys.stdout)
        if events is not None:
            events.cancel()

    async def _obey_signals(self, events: EventStream) -> None:
        with anyio.open_signal_receiver(*_SIGNALS) as signals:
            async for number in signals:
                if self._signal is not None:
                    kill_marked(self._mark)
                self._signal = number
                events.cancel()
