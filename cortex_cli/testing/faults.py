"""Faults at named points of a store: the process ends there, or the system refuses."""

import os
import signal


class CrashAt:
    """Kills the process, as kill -9 does, when a point is passed for the nth time."""

    def __init__(self, point: str, times: int = 1) -> None:
        """The point is one of those that the store names; `times` counts from 1."""
        self._point = point
        self._left = times

    def __call__(self, point: str) -> None:
        """Pass a point."""
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class FailAt:
    """Raises an OSError when a point is passed for the nth time, and each time from then on."""

    def __init__(self, point: str, code: int, times: int = 1) -> None:
        """`code` is one of `errno`: ENOSPC, EROFS, EIO …; `times` counts from 1."""
        self._point = point
        self._code = code
        self._left = times

    def __call__(self, point: str) -> None:
        """Pass a point."""
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                raise OSError(self._code, os.strerror(self._code))
