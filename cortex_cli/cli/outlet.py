"""A way out to which writing never waits for the reader: a thread of its own does."""

from collections.abc import Callable
from threading import Condition, Thread

from cortex_cli.cli.backlog import Backlog
from cortex_cli.cli.pipes import write_all

# A pipe takes several of these, so that what is read slowly is seen to move.
_PIECE = 16 * 1024


class Outlet:
    """Writes to a file descriptor in order, losing nothing; what fails is raised by a later call.

    Bytes go out when they are flushed, or when there are enough of them for one piece.
    """

    def __init__(self, descriptor: int) -> None:
        """The descriptor stays open."""
        self._descriptor = descriptor
        self._backlog = Backlog()
        self._changed = Condition()
        # Invariant: while this is set, the thread has bytes to write.
        self._is_going_out = False
        self._written = 0
        self._error: OSError | None = None
        # Once it is set nobody waits for the lock: Python stops the thread as it ends, whatever the
        # thread holds, and flushes each text stream that is still there.
        self._is_over = False
        self._flush_waits = False
        self._patience: float | None = None
        Thread(target=self._write_on, name=f"outlet {descriptor}", daemon=True).start()

    @property
    def is_behind(self) -> bool:
        """Whether the reader has yet to take what was flushed."""
        return self._is_going_out

    def put(self, content: bytes) -> None:
        """Queue bytes. Raises OSError if earlier ones could not be written."""
        if self._is_over:
            return
        with self._changed:
            self._raise_error()
            self._backlog.append(content)
            if len(self._backlog) >= _PIECE:
                self._let_out()

    def flush(self) -> None:
        """Let out what is queued; after `settle`, wait until it is written. Raises OSError."""
        if self._is_over:
            return
        with self._changed:
            self._let_out()
            while self._flush_waits and self._is_going_out:
                before = self._written
                if not self._changed.wait_for(self._has_moved(before), self._patience):
                    self._give_up()
            self._raise_error()

    def settle(self, patience: float | None) -> None:
        """Have flushes wait, up to `patience` seconds in which the reader takes nothing.

        What it has not taken by then is lost, and so is what is written afterwards.
        """
        self._flush_waits = True
        self._patience = patience

    def close(self) -> None:
        """Forget what is queued and what comes, and end the thread."""
        with self._changed:
            self._give_up()

    def _let_out(self) -> None:
        if len(self._backlog) and not self._is_going_out:
            self._is_going_out = True
            self._changed.notify_all()

    def _has_moved(self, before: int) -> Callable[[], bool]:
        return lambda: self._written != before or not self._is_going_out

    def _give_up(self) -> None:
        self._backlog.clear()
        self._is_going_out = False
        self._is_over = True
        self._changed.notify_all()

    def _raise_error(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _write_on(self) -> None:
        while piece := self._next():
            error: OSError | None = None
            try:
                write_all(self._descriptor, piece)
            except OSError as failure:
                error = failure
            with self._changed:
                self._written += len(piece)
                if error is not None:
                    self._error = error
                    self._backlog.clear()
                self._is_going_out = len(self._backlog) > 0
                self._changed.notify_all()

    def _next(self) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._is_going_out or self._is_over)
            return b"" if self._is_over else self._backlog.take(_PIECE)
