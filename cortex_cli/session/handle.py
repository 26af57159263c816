"""One run: its clock, its id and its runner, behind a stream of events."""

import os
import random
from collections.abc import Awaitable, Callable

import anyio

from cortex_cli.engine.bus import Bus
from cortex_cli.engine.clock import LoopClock
from cortex_cli.engine.ports import Journal, RunRequest, RunSpec
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
        request: RunRequest,
        journal: Journal | None = None,
        *,
        vault: Vault | None = None,
        closing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`vault` holds the secrets, which are read before the run begins.

        `closing` is awaited when the run has ended, however it ends.
        """
        self._spec = spec
        self._vault = vault
        self._request = request
        self._journal = journal
        self._run_id = request.run_id or execution_id(os.urandom(8))
        self._closing = closing
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
        after = 0 if self._request.past is None else self._request.past.sequence
        bus = Bus(self._run_id, clock, self._journal, masker, after=after)
        bus.listen(listener)
        self._runner = Runner(self._spec, self._request, bus, clock, random.Random())
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
