"""A run that is replayed from its record, behind a stream of events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio.lowlevel

from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import RunRequest, RunSpec
from cortex_cli.engine.recorded import CutOffError, Recorded, parts_of
from cortex_cli.engine.replaying import Replay
from cortex_cli.engine.stream import EventStream
from cortex_cli.errors import UsageError
from cortex_cli.events import Event

_BREATH = 64


@dataclass(slots=True, kw_only=True)
class RunReplay:
    """Replays a run, in as many parts as it had.

    `events` are all that the run had. `request` is what its first part was given; `forgotten` is
    what was run again when it was resumed, as of `Past`.
    """

    spec: RunSpec
    request: RunRequest
    events: Sequence[Event]
    forgotten: Mapping[str, int] = field(default_factory=dict[str, int])
    _is_cancelled: bool = False

    def stream(self) -> EventStream:
        """The events of the record, each once the run has come to it.

        Raises MissError where the run comes to something else.
        """
        if not self.events:
            message = "the record has no events: there is nothing to replay"
            raise UsageError(message)
        return EventStream(self._run, self._cancel)

    async def _run(self, listener: Callable[[Event], None]) -> None:
        first, *others = parts_of(self.events)
        await self._play(Replay(self.spec, self.request, Recorded(first)), listener)
        for part in others:
            request = replace(self.request, past=self._past(part[0].sequence - 1))
            await self._play(Replay(self.spec, request, Recorded(part)), listener)

    async def _play(self, part: Replay, listener: Callable[[Event], None]) -> None:
        part.listen(listener)
        steps = 0
        try:
            part.begin()
            while not self._is_cancelled and part.step():
                steps += 1
                if steps % _BREATH == 0:
                    await anyio.lowlevel.checkpoint()
        except CutOffError:
            return

    def _past(self, last: int) -> Past:
        events = self.events[: last - self.events[0].sequence + 1]
        forgotten = {name: when for name, when in self.forgotten.items() if when <= last}
        return Past(events, forgotten=forgotten)

    def _cancel(self) -> None:
        self._is_cancelled = True
