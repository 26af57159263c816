"""The last words of the models that are answering right now, and of nobody else."""

from collections.abc import Iterator
from dataclasses import dataclass

from cortex_cli.events import LlmToken, Thought

_TAIL = 4_000

Source = tuple[tuple[str, ...], str | None]


@dataclass(slots=True, kw_only=True)
class Stream:
    """The end of one answer: at most 4,000 to 8,000 characters of it."""

    label: str
    model: str = ""
    tokens: int = 0
    text: str = ""
    is_thought: bool = False


class Streams:
    """Answers that are being written, by their source, oldest first."""

    __slots__ = ("_open", "last", "last_ended_at")

    def __init__(self) -> None:
        """`last` is the answer that ended last, at `last_ended_at`."""
        self._open: dict[Source, Stream] = {}
        self.last: Stream | None = None
        self.last_ended_at = float("-inf")

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._open.values())

    def __len__(self) -> int:
        return len(self._open)

    def add(self, event: LlmToken | Thought) -> None:
        """Take in a piece of an answer or of a thought; a new answer replaces the one before."""
        source = (event.path, event.action_id)
        stream = self._open.get(source)
        if stream is None:
            ids = [*event.path, event.action_id or "plan"]
            stream = self._open[source] = Stream(label="/".join(ids))
        if isinstance(event, Thought):
            self._append(stream, event.data.text, is_thought=True)
            return
        if event.data.cumulative_tokens <= stream.tokens:
            stream.text = ""
        stream.model = event.data.model
        stream.tokens = event.data.cumulative_tokens
        self._append(stream, event.data.token, is_thought=False)

    def end(self, path: tuple[str, ...], action_id: str | None, at: float) -> None:
        """The answer of this source, if there is one, is complete since then."""
        if (stream := self._open.pop((path, action_id), None)) is not None:
            self.last, self.last_ended_at = stream, at

    def _append(self, stream: Stream, piece: str, *, is_thought: bool) -> None:
        if stream.is_thought is not is_thought:
            stream.is_thought = is_thought
            stream.text = ""
        # Cut only now and then, so that a token costs no copy of the whole tail.
        stream.text += piece[-_TAIL:]
        if len(stream.text) > 2 * _TAIL:
            stream.text = stream.text[-_TAIL:]
