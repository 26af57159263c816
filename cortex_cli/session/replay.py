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
from cortex_cli.events import AgentStarted, Event

_BREATH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RunToReplay:
    """What a run has left: all its events, and what was run again when it was resumed.

    `forgotten` is that as of `Past`. `variables` are those of its agents and workflows, by name,
    that had a value then.
    """

    events: Sequence[Event]
    forgotten: Mapping[str, int] = field(default_factory=dict[str, int])
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])


@dataclass(slots=True, kw_only=True)
class RunReplay:
    """Replays a run, in as many parts as it had; `request` is what its first part was given."""

    spec: RunSpec
    request: RunRequest
    record: RunToReplay
    _is_cancelled: bool = False

    def stream(self) -> EventStream:
        """The events of the record, each once the run has come to it.

        Raises MissError where the run comes to something else.
        """
        events = self.record.events
        if not events:
            message = "the record has no events: there is nothing to replay"
            raise UsageError(message)
        if not isinstance(events[0], AgentStarted) or events[0].path:
            message = f"the record begins with {events[0].event_type}, not with agent_started"
            raise UsageError(message)
        return EventStream(self._run, self._cancel)

    async def _run(self, listener: Callable[[Event], None]) -> None:
        request = self.request
        for part in parts_of(self.record.events):
            before = part[0].sequence - 1
            if before:
                request = replace(self.request, past=self._past(before))
            replay = Replay(self.spec, request, Recorded(part), self.record.variables)
            await self._play(replay, listener)

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
        known = self.record.forgotten.items()
        forgotten = {name: when for name, when in known if when <= last}
        return Past(self.record.events[:last], forgotten=forgotten)

    def _cancel(self) -> None:
        self._is_cancelled = True
