"""The events themselves, one JSON object a line: nothing is merged, dropped or cut."""

from typing import IO

from cortex_cli.events import Event, encode


class NdjsonDisplay:
    """Writes every event to a binary stream; what came since the last tick goes out with it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def start(self) -> None:
        """Nothing to prepare."""

    def handle(self, event: Event) -> None:
        """Write the event's line."""
        self._stream.write(encode(event) + b"\n")

    def tick(self, _now: float, /) -> None:
        """Let the batch go out."""
        self._stream.flush()

    def close(self) -> None:
        """Let the rest go out; the stream stays open."""
        self._stream.flush()
