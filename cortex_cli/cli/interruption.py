"""Signals that end a run: the first asks it to, a second does not ask."""

import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Timer
from types import FrameType
from typing import NoReturn

import anyio

from cortex_cli.actions.process_child import STARTS
from cortex_cli.actions.process_family import kill_marked, mark_children

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LAST_SECONDS = 1.0
_MANY = 4096


class Interruption:
    """Obeys the signals of one run, whose children carry a mark."""

    def __init__(self) -> None:
        """`signal` is the last one that came."""
        self.signal: int | None = None
        self._mark = mark_children(os.environ)
        # `nohup` has its program ignore this one, so that it goes on.
        is_kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._signals = _SIGNALS[:-1] if is_kept else _SIGNALS
        self._is_leaving = False

    async def obey(self, cancel: Callable[[], None]) -> None:
        """Cancel with the first signal; with the next kill all children, and soon this process.

        The signals are this object's until `leave_at_once`, also once this has ended.
        """
        # Not the event loop's own handlers: they do nothing while something keeps the loop busy,
        # and in their place it would leave the default ones, which end the process half-way.
        with _ear() as ear:
            for number in self._signals:
                signal.signal(number, self._take)
            while True:
                await anyio.wait_readable(ear)
                if set(os.read(ear, _MANY)) & set(self._signals):
                    cancel()

    def leave_at_once(self) -> None:
        """The run is over; from now on, any signal ends the process."""
        for number in self._signals:
            signal.signal(number, _leave)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        is_first, self.signal = self.signal is None, number
        if is_first:
            return
        STARTS.are_over = True
        kill_marked(self._mark)
        # Once: a signal may interrupt the start of a thread, which can't be entered again.
        if not self._is_leaving:
            self._is_leaving = True
            timer = Timer(_LAST_SECONDS, self._kill, (number,))
            timer.daemon = True
            timer.start()

    def _kill(self, number: int) -> NoReturn:
        kill_marked(self._mark)
        os._exit(128 + number)


@contextmanager
def _ear() -> Generator[int]:
    """A descriptor that becomes readable with each signal, whichever thread it meets."""
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    before = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    try:
        yield ear
    finally:
        signal.set_wakeup_fd(before)
        os.close(ear)
        os.close(mouth)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
