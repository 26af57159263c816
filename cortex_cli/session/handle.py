"""One run: its clock, its id and its runner, behind a stream of events."""

import os
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio

from cortex_cli.engine.bus import Bus
from cortex_cli.engine.clock import LoopClock
from cortex_cli.engine.ports import Journal, RunSpec
from cortex_cli.engine.runner import Runner
from cortex_cli.engine.stream import EventStream
from cortex_cli.events import Event
from cortex_cli.ids import execution_id


class RunHandle:
    """One run of a spec: makes its event stream, and cancels it."""

    def __init__(
        self,
        spec: RunSpec,
        inputs: Mapping[str, Any],
        journal: Journal | None = None,
        *,
        closing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`closing` is awaited when the run has ended, however it ends."""
        self._spec = spec
        self._inputs = inputs
        self._journal = journal
        self._closing = closing
        self._runner: Runner | None = None
        self._is_cancelled = False

    def stream(self) -> EventStream:
        """The events of the run, which begins with the first that is asked for."""
        return EventStream(self._run, self._cancel)

    async def _run(self, listener: Callable[[Event], None]) -> None:
        clock = LoopClock()
        bus = Bus(execution_id(os.urandom(8)), clock, self._journal)
        bus.listen(listener)
        self._runner = Runner(self._spec, self._inputs, bus, clock, random.Random())
        if self._is_cancelled:
            self._runner.cancel()
        try:
            await self._runner.run()
        finally:
            if self._closing is not None:
                with anyio.CancelScope(shield=True):
                    await self._closing()

    def _cancel(self) -> None:
        self._is_cancelled = True
        if self._runner is not None:
            self._runner.cancel()
