"""What a child process writes, kept within bounds: its output, and its lines of progress."""

import codecs
import re
from collections.abc import Callable

from cortex_cli.engine.masking import Masker

_TAIL_BYTES = 16 * 1024
_LINE_BREAK = re.compile(r"[\r\n]")
_CUT_LINE = " … [cut]"
_CUT_LINES = "… [further lines on standard error are not shown]"


class KeptBytes:
    """The beginning and the end of a stream of bytes; what lies between is only counted.

    Keeps at most `limit` bytes, and as much again for an instant; the last sixteenth of them is
    for the end of the stream, where tools print their result. A stream that is cut is masked, as
    the cut may go through a secret.
    """

    def __init__(self, limit: int, masker: Masker | None = None) -> None:
        """`limit` is in bytes."""
        self.size = 0
        self._masker = masker
        self._tail_limit = limit // 16
        self._head_limit = limit - self._tail_limit
        self._head = bytearray()
        self._tail = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self.size += len(chunk)
        room = self._head_limit - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        if len(self._tail) > 2 * self._tail_limit:
            del self._tail[: len(self._tail) - self._tail_limit]

    @property
    def is_cut(self) -> bool:
        """Whether bytes were dropped."""
        return self.size > self._head_limit + self._tail_limit

    def value(self) -> bytes:
        """All bytes, or the beginning, a mark that says how many were cut, and the end."""
        if not self.is_cut:
            return b"".join((self._head, self._tail))
        tail = memoryview(self._tail)[len(self._tail) - self._tail_limit :]
        cut = self.size - len(self._head) - len(tail)
        mark = f"\n… [{cut:,} bytes cut] …\n".encode()
        if self._masker is None:
            return b"".join((self._head, mark, tail))
        head = self._masker.before_cut(self._head.decode("utf-8", "surrogateescape"))
        end = self._masker.after_cut(bytes(tail).decode("utf-8", "surrogateescape"))
        return mark.join(part.encode("utf-8", "surrogateescape") for part in (head, end))


class ProgressLines:
    """Splits a stream into lines as it comes in, and passes each on at once.

    A line ends at a line feed or a carriage return, blank ones are left out. A line is cut after
    `longest` characters; after `most` lines one more says that no further ones are shown. What
    is not UTF-8 is replaced. The last 16 KiB of the stream are kept for the report of a failure.
    """

    def __init__(self, on_line: Callable[[str], None], *, longest: int, most: int) -> None:
        """`on_line` gets each line without its end."""
        self._on_line = on_line
        self._longest = longest
        self._left = most
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line = ""
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
        may_show = len(self._line) <= self._longest or b"\n" in chunk or b"\r" in chunk
        if self._left and may_show:
            self._take(self._decoder.decode(chunk))
        else:
            # Nothing of it is shown; of a line that is cut, half a character isn't either.
            self._decoder.reset()

    def finish(self) -> None:
        """Pass on what stands behind the last end of line."""
        self._take(self._decoder.decode(b"", final=True) + "\n")

    def tail(self) -> str:
        """The end of the stream as text: at most 16 KiB."""
        return self._tail.decode("utf-8", "replace")

    def last_line(self) -> str:
        """The last line that is not blank, cut like all lines; empty if there is none."""
        lines = [line for line in _LINE_BREAK.split(self.tail()) if line.strip()]
        return self._shortened(lines[-1]) if lines else ""

    def _take(self, text: str) -> None:
        first, *others = _LINE_BREAK.split(text)
        self._extend(first)
        for piece in others:
            self._end_line()
            if not self._left:
                return
            self._extend(piece)

    def _extend(self, piece: str) -> None:
        # One character more than is shown tells a line that is cut from one that just fits.
        self._line += piece[: self._longest + 1 - len(self._line)]

    def _end_line(self) -> None:
        line, self._line = self._line, ""
        if not self._left or not line.strip():
            return
        self._on_line(self._shortened(line))
        self._left -= 1
        if not self._left:
            self._on_line(_CUT_LINES)

    def _shortened(self, line: str) -> str:
        if len(line) <= self._longest:
            return line.rstrip()
        return line[: self._longest] + _CUT_LINE
