"""Signals that end a run: the first asks it to, a second does not ask."""

import os
import signal
import sys
from collections.abc import Callable
from threading import Timer
from types import FrameType
from typing import NoReturn

import anyio

from cortex_cli.actions.process_child import STARTS
from cortex_cli.actions.process_family import kill_marked, mark_children

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LAST_SECONDS = 1.0


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
        """Cancel with the first signal; with the next kill all children, and soon this process."""
        with anyio.open_signal_receiver(*self._signals) as signals:
            # In place of the event loop's handlers, which do nothing: it hears of the signals
            # through a pipe. These are called even while something keeps the loop busy.
            for number in self._signals:
                signal.signal(number, self._take)
            async for _ in signals:
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


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
