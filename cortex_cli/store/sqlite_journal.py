"""A journal on disk: events are taken down at once, and become durable in groups.

One thread writes. It takes all that waits, writes it in one transaction, and says so; what comes
meanwhile is the next group. So one event alone waits for one transaction, and many share one.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from cortex_cli.errors import CortexError, SetupError
from cortex_cli.events import Event
from cortex_cli.store.journal_file import JournalFile, Row, row_of

if TYPE_CHECKING:
    # To list runs takes no engine, which is half of what this costs to import.
    from cortex_cli.engine.ports import Soon

MOST_WAITING = 32 * 1024 * 1024
"""How many bytes of JSON wait to be written at most."""

_MOST_ROWS = 1_024


class SqliteJournal:
    """The journal of one run. All methods are for one thread, that of the event loop.

    The JSON of an event is made when it is appended: what is done to its values afterwards
    changes nothing. No more than `most_waiting` bytes of it wait to be written, one larger event
    aside: `append` then waits for the writer, which never waits for the event loop.
    """

    def __init__(self, file: JournalFile, *, most_waiting: int = MOST_WAITING) -> None:
        """The file is the journal's from now on, and is closed with it."""
        self._file = file
        self._most_waiting = most_waiting
        self._queue: SimpleQueue[Row | None] = SimpleQueue()
        self._due = file.last_sequence + 1
        # Invariant: only the caller's thread counts `given`, only the writer `taken`.
        self._given = self._taken = 0
        self._room = Flag()
        self._durable = file.last_sequence
        self._error: SetupError | None = None
        self._is_closed = self._is_told = False
        self._soon: Soon = _at_once
        self._written: Callable[[int], None] = _ignore
        self._failed: Callable[[CortexError], None] = _ignore
        self._thread = Thread(target=self._write, name="cortex journal", daemon=True)
        self._thread.start()

    @property
    def durable(self) -> int:
        """The number of the last event that is durable, 0 if there is none."""
        return self._durable

    @property
    def last_sequence(self) -> int:
        """The number of the last event that was appended, 0 if there is none."""
        return self._due - 1

    @property
    def error(self) -> SetupError | None:
        """Why nothing more can be written; None as long as all is well."""
        return self._error

    def watch(
        self, soon: "Soon", written: Callable[[int], None], failed: Callable[[CortexError], None]
    ) -> None:
        """Say from now on, through `soon`, what has become durable, and when nothing more can."""
        self._soon, self._written, self._failed = soon, written, failed

    def append(self, event: Event) -> bool:
        """Take the event down; False: `written` says when it is durable.

        Once writing has failed, nothing is kept any more. Raises ValueError if the event does not
        follow the last one, holds anything but JSON data, or comes after `close`.
        """
        sequence = event.sequence
        if sequence != self._due or self._is_closed:
            raise ValueError(self._objection(event))
        row = row_of(event)
        self._due = sequence + 1
        if self._error is not None:
            return False
        size = len(row[1]) if row[2] is None else len(row[1]) + len(row[2])
        self._given += size
        self._queue.put(row)
        if self._given - self._taken > self._most_waiting:
            self._wait_for_room(size)
        return False

    def note(self, meta: Mapping[str, bytes]) -> None:
        """Keep texts about the run; durable at once. SetupError if they can't be written.

        Only while no event waits to be written, as before the first one: ValueError.
        """
        if self._durable != self.last_sequence or self._is_closed:
            message = "nothing can be noted while events wait, or after the end"
            raise ValueError(message)
        self._file.note(meta)

    def close(self, meta: Mapping[str, bytes] | None = None) -> None:
        """Write down what waits, then texts about the run, and let go of the file.

        Raises SetupError if anything could not be written. A second time does nothing.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._queue.put(None)
        self._thread.join()
        try:
            if self._error is not None:
                raise self._error
            if meta:
                self._file.note(meta)
        finally:
            self._file.close()

    def _objection(self, event: Event) -> str:
        if self._is_closed:
            return f"event {event.sequence} comes after the journal was closed"
        return f"event {event.sequence} was written where {self._due} was due"

    def _wait_for_room(self, size: int) -> None:
        # Cleared before it is asked: room that the writer makes from here on ends the wait.
        self._room.clear()
        while size < self._given - self._taken > self._most_waiting and self._error is None:
            self._room.wait()
            self._room.clear()

    def _write(self) -> None:
        """What the writing thread does, until `close` or until something can't be written."""
        is_over = False
        try:
            while not is_over:
                rows, is_over = self._next_rows()
                if rows:
                    self._taken += self._file.insert(rows)
                    self._durable = rows[-1][0]
                    self._room.set()
                    self._tell()
        except SetupError as error:
            self._fail(error)
        finally:
            if not is_over and self._error is None:
                # A bug, which the thread's traceback shows; the run must not wait for ever.
                self._fail(SetupError("the journal's writer has broken down"))

    def _next_rows(self) -> tuple[list[Row], bool]:
        """What waits, once there is something, and whether it is the last."""
        get = self._queue.get
        first = get()
        if first is None:
            return [], True
        # Nobody else takes from the queue, so that so many are there.
        most = min(self._queue.qsize(), _MOST_ROWS)
        rows = [first, *islice(iter(get, None), most)]
        return rows, len(rows) <= most

    def _tell(self) -> None:
        """Have the event loop told what is durable, if it has not been asked to listen yet."""
        if not self._is_told:
            self._is_told = True
            self._call_soon(self._report)

    def _report(self) -> None:
        # First this: what becomes durable from here on is told anew.
        self._is_told = False
        self._written(self._durable)

    def _fail(self, error: SetupError) -> None:
        self._error = error
        self._room.set()
        self._call_soon(lambda: self._failed(error))

    def _call_soon(self, function: Callable[[], None]) -> None:
        # RuntimeError: the event loop has ended, and with it the run. Trio's is a subclass.
        with suppress(RuntimeError):
            self._soon(function)


def _at_once(function: Callable[[], None]) -> None:
    """What happens where nobody watches."""
    function()


def _ignore(_: object) -> None:
    """What nobody watches."""
