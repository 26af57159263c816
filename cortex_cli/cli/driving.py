"""Drives a run for a terminal: its displays, its signals, and what is printed when it ends."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from cortex_cli.cli.audience import Audience
from cortex_cli.cli.displays import print_ending, progress_display
from cortex_cli.cli.exit_codes import exit_code_of
from cortex_cli.cli.interruption import Interruption
from cortex_cli.cli.options import Progress
from cortex_cli.cli.terminal import Terminal
from cortex_cli.cli.unblocked import unblocked_streams
from cortex_cli.engine.clock import LoopClock
from cortex_cli.engine.stream import EventStream
from cortex_cli.errors import CortexError
from cortex_cli.events import Event
from cortex_cli.kinds import TerminationReason
from cortex_cli.ui.run_view import RunView
from cortex_cli.ui.view import fold

if TYPE_CHECKING:
    from cortex_cli.cli.approver import CliApprover
    from cortex_cli.session.kept_run import KeptRun
    from cortex_cli.session.session import Session

_TICKS_PER_SECOND = 8
_PATIENCE_SECONDS = 2.0


Begin = Callable[["Session", "CliApprover"], "KeptRun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a run is begun and who answers it: by path and id, by `--yes`, or at the terminal.

    `earlier` are the events of an earlier part of the run, for the display to take in first.
    """

    begin: Begin
    given: Mapping[str, bool | str] = field(default_factory=dict[str, "bool | str"])
    yes_to_all: bool = False
    no_input: bool = False
    earlier: Iterable[Event] = ()


def drive(terminal: Terminal, session: "Session", course: Course, progress: Progress | None) -> int:
    """Run to the end, showing it; the exit code."""
    view = RunView()
    for event in course.earlier:
        fold(view, event)
    chosen = progress or Progress(session.settings.progress)
    with unblocked_streams() as streams:
        audience = Audience(terminal, streams, progress_display(terminal, chosen, view), view)
        driver = _Driver(session, audience, course)
        is_cut_short = True
        try:
            driver.run_all()
            is_cut_short = driver.is_cancelled
        finally:
            streams.settle(_PATIENCE_SECONDS if is_cut_short else None)
        audience.check_results()
        if not terminal.json:
            print_ending(terminal, view, show_summary=chosen is not Progress.NONE)
    return driver.exit_code


class _Driver:
    """One run: its events to the audience, the process's signals to the run."""

    def __init__(self, session: "Session", audience: Audience, course: Course) -> None:
        self._session = session
        self._audience = audience
        self._course = course
        self._interruption = Interruption()
        self._kept: KeptRun | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody has ended the run."""
        return self._kept is not None and self._kept.reason is TerminationReason.CANCELLED

    @property
    def exit_code(self) -> int:
        """What the run's end means for whoever called the command."""
        if self.is_cancelled and self._interruption.signal is not None:
            return 128 + self._interruption.signal
        return exit_code_of(None if self._kept is None else self._kept.reason)

    def run_all(self) -> None:
        """Run to the last event, in an event loop of its own."""
        try:
            anyio.run(self._run)
        except ExceptionGroup as group:
            raise only_cause(group) from group
        finally:
            self._interruption.leave_at_once()
            if self._kept is not None:
                self._kept.finish(self.exit_code)

    def _approver(self) -> "CliApprover":
        from cortex_cli.cli.approver import CliApprover, can_ask

        course = self._course
        is_answered = can_ask(no_input=course.no_input)
        return CliApprover(
            given=course.given,
            yes_to_all=course.yes_to_all,
            show=_say if is_answered else None,
            aside=self._audience.aside if is_answered else None,
        )

    async def _run(self) -> None:
        await self._session.preflight()
        kept = self._kept = self._course.begin(self._session, self._approver())
        stream = kept.stream()
        self._audience.start()
        try:
            async with stream as events, anyio.create_task_group() as tasks:
                tasks.start_soon(self._interruption.obey, events.cancel)
                tasks.start_soon(self._tick, events)
                async for event in events:
                    kept.note(event)
                    self._audience.handle(event)
                tasks.cancel_scope.cancel()
        finally:
            self._audience.close()
            with anyio.CancelScope(shield=True):
                await self._session.aclose()

    async def _tick(self, events: EventStream) -> None:
        clock = LoopClock()
        while True:
            self._audience.tick(clock.wall())
            if self._audience.has_lost_results:
                events.cancel()
            await anyio.sleep(1 / _TICKS_PER_SECOND)


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def only_cause(group: BaseException) -> BaseException:
    """The one error of the command's own in nested groups of one; else the group."""
    match group:
        case CortexError():
            return group
        case BaseExceptionGroup(exceptions=[BaseException() as only]):
            cause = only_cause(only)
            return cause if isinstance(cause, CortexError) else group
        case _:
            return group
