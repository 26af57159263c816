"""Everything that the actions of a run have said, in order; a fold that yields as it goes.

What a model writes, piece by piece, is one text again; so are the pieces of a thought.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec

import cortex_cli.events as ev
from cortex_cli.ui.words import progress_text

_LONGEST_TEXT = 100_000


class Kind(StrEnum):
    """What sort of thing was said."""

    PROGRESS = "progress"
    TEXT = "text"
    THOUGHT = "thought"
    WARNING = "warning"
    RETRY = "retry"
    ERROR = "error"


class Saying(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was said: `action` are the ids that lead to the action, empty for the run.

    `seconds` count from the start of the run to when it was complete. `sequence` is that of the
    event that completed it. A text of more than 100,000 characters comes in several.
    """

    sequence: int
    timestamp: str
    seconds: float
    action: str
    iteration: int
    kind: Kind
    text: str


def said(events: Iterable[ev.Event], wants: Callable[[str], bool]) -> Iterator[Saying]:
    """What those actions have said that `wants` says yes to, given the ids that lead to them."""
    gathering = _Gathering()
    for event in events:
        gathering.note_start(event)
        label = "/".join((*event.path, *filter(None, [event.action_id])))
        if wants(label):
            yield from gathering.take(event, label)
    yield from gathering.end_all()


class _Gathering:
    """The texts that are being written; each is complete once its action does something else."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._open: dict[tuple[str, Kind], list[str]] = {}
        self._lengths: dict[tuple[str, Kind], int] = {}
        self._last: dict[tuple[str, Kind], ev.Event] = {}

    def note_start(self, event: ev.Event) -> None:
        if self._start is None:
            self._start = event.seconds

    def take(self, event: ev.Event, label: str) -> Iterator[Saying]:
        match event:
            case ev.LlmToken(data=data):
                yield from self._gather((label, Kind.TEXT), data.token, event)
            case ev.Thought(data=data):
                yield from self._gather((label, Kind.THOUGHT), data.text, event)
            case _:
                yield from self._end(label)
                if (spoken := _spoken(event)) is not None:
                    kind, text = spoken
                    yield self._saying(event, label, kind, text)

    def end_all(self) -> Iterator[Saying]:
        for label in list(dict.fromkeys(label for label, _ in self._open)):
            yield from self._end(label)

    def _gather(self, source: tuple[str, Kind], piece: str, event: ev.Event) -> Iterator[Saying]:
        label, kind = source
        other = Kind.THOUGHT if kind is Kind.TEXT else Kind.TEXT
        yield from self._close((label, other))
        if (
            kind is Kind.TEXT
            and isinstance(event, ev.LlmToken)
            and event.data.cumulative_tokens <= 1
        ):
            yield from self._close(source)
        self._open.setdefault(source, []).append(piece)
        self._last[source] = event
        self._lengths[source] = self._lengths.get(source, 0) + len(piece)
        if self._lengths[source] >= _LONGEST_TEXT:
            yield from self._close(source)

    def _end(self, label: str) -> Iterator[Saying]:
        yield from self._close((label, Kind.THOUGHT))
        yield from self._close((label, Kind.TEXT))

    def _close(self, source: tuple[str, Kind]) -> Iterator[Saying]:
        pieces = self._open.pop(source, None)
        if pieces is not None:
            del self._lengths[source]
            label, kind = source
            yield self._saying(self._last.pop(source), label, kind, "".join(pieces))

    def _saying(self, event: ev.Event, label: str, kind: Kind, text: str) -> Saying:
        return Saying(
            sequence=event.sequence,
            timestamp=event.timestamp,
            seconds=max(0.0, event.seconds - (self._start or 0.0)),
            action=label,
            iteration=event.iteration,
            kind=kind,
            text=text,
        )


def _spoken(event: ev.Event) -> tuple[Kind, str] | None:
    """What an event that is no piece of a text says; None for one that tells of states only."""
    match event:
        case ev.Progress(data=data):
            spoken = (Kind.PROGRESS, ": ".join(filter(None, (progress_text(data), data.message))))
        case ev.WarningRaised(data=data):
            spoken = (Kind.WARNING, data.message)
        case ev.ActionRetrying(data=data):
            spoken = (Kind.RETRY, f"attempt {data.attempt} failed: {data.error}")
        case ev.ActionFailed(data=data):
            spoken = (Kind.ERROR, data.error)
        case ev.AgentFailed(data=data) if not event.path:
            spoken = (Kind.ERROR, data.error or "")
        case _:
            spoken = None
    return spoken if spoken and spoken[1].strip() else None
