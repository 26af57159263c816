"""One run: its clock, its id and its runner, behind a stream of events."""

import os
import random
from collections.abc import Callable, Mapping
from typing import Any

from cortex_cli.engine.bus import Bus
from cortex_cli.engine.clock import LoopClock
from cortex_cli.engine.ports import Journal, RunSpec
from cortex_cli.engine.runner import Runner
from cortex_cli.engine.stream import EventStream
from cortex_cli.events import Event
from cortex_cli.ids import execution_id
from cortex_cli.session.vault import Vault


class RunHandle:
    """One run of a spec: makes its event stream, and cancels it."""

    def __init__(
        self,
        spec: RunSpec,
        inputs: Mapping[str, Any],
        journal: Journal | None = None,
        vault: Vault | None = None,
    ) -> None:
        """`vault` holds the secrets, which are read before the run begins."""
        self._spec = spec
        self._vault = vault
        self._inputs = inputs
        self._journal = journal
        self._runner: Runner | None = None
        self._is_cancelled = False

    def stream(self) -> EventStream:
        """The events of the run, which begins with the first that is asked for."""
        return EventStream(self._run, self._cancel)

    async def _run(self, listener: Callable[[Event], None]) -> None:
        masker = None
        if self._vault is not None:
            await self._vault.open()
            masker = self._vault.masker
        clock = LoopClock()
        bus = Bus(execution_id(os.urandom(8)), clock, self._journal, masker)
        bus.listen(listener)
        self._runner = Runner(self._spec, self._inputs, bus, clock, random.Random())
        if self._is_cancelled:
            self._runner.cancel()
        await self._runner.run()

    def _cancel(self) -> None:
        self._is_cancelled = True
        if self._runner is not None:
            self._runner.cancel()
