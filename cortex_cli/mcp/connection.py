"""One MCP server, talked to by all calls of a run over one session.

The session is opened and closed in one task, the owner, which is started on first use. A server
that ends by itself is started again, once; then calls fail, and say how it has ended.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

import anyio
from mcp import Client, MCPError
from mcp_types import Implementation
from pydantic import ValidationError

from cortex_cli.engine.hosting import spawn
from cortex_cli.engine.ports import Reporter
from cortex_cli.errors import ActionError
from cortex_cli.ids import did_you_mean
from cortex_cli.mcp.answers import Answer, answer_of
from cortex_cli.mcp.endings import Ending
from cortex_cli.mcp.failures import call_error, cause_of, gone, start_error
from cortex_cli.mcp.lock import Lock
from cortex_cli.mcp.served_tools import ServedTool, check_arguments, served_tool

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from mcp.client._transport import TransportStreams

START_SECONDS = 30.0
RESTARTS = 1
FAREWELL_SECONDS = 3.0
_MOST_PAGES = 100


class Link(Protocol):
    """How a server is reached."""

    def open(self, lost: Callable[[], None], /) -> "AbstractAsyncContextManager[TransportStreams]":
        """Connect, and disconnect; `lost` is called when the server has gone by itself."""
        ...

    def ended(self) -> Ending:
        """How the last connection has ended."""
        ...


@dataclass(slots=True, eq=False)
class _Life:
    """One session with the server, from its start to its end."""

    begun: anyio.Event = field(default_factory=anyio.Event)
    over: anyio.Event = field(default_factory=anyio.Event)
    farewell: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    client: Client | None = None
    offers: dict[str, ServedTool] = field(default_factory=dict[str, ServedTool])
    error: BaseException | None = None
    is_lost: bool = False
    warning: str | None = None

    def lose(self) -> None:
        """The server has gone by itself."""
        self.is_lost = True
        self.farewell.set()


class Connection:
    """A server, started on first use, and shared by all who call its tools."""

    def __init__(self, name: str, link: Link, lock: Lock, *, start_seconds: float = START_SECONDS):
        """`name` is what it is called in messages and in the lock."""
        self.name = name
        self._link = link
        self._lock = lock
        self._start_seconds = start_seconds
        self._life: _Life | None = None
        self._restarts_left = RESTARTS
        self._is_closed = False

    async def offers(self) -> Mapping[str, ServedTool]:
        """All tools of the server, by name; ActionError if it does not come up."""
        return (await self._alive()).offers

    async def offer(self, tool: str, report: Reporter) -> ServedTool:
        """A tool as it is pinned; ActionError if there is none, or it is not what it was.

        That tools could not be pinned is told as a warning.
        """
        life = await self._alive()
        if life.warning is not None:
            report.warn(life.warning)
            life.warning = None
        offer = life.offers.get(tool)
        if offer is None:
            message = f"server '{self.name}' has no tool '{tool}'"
            hint = did_you_mean(tool, life.offers) or "see: cortex tools"
            raise ActionError(message, error_type="not_found", retryable=False, hint=hint)
        refusal = self.refusal(offer)
        if refusal is not None:
            hint = "if that is right, accept it with: cortex tools M --update-lock"
            raise ActionError(refusal, error_type="changed_tool", retryable=False, hint=hint)
        return offer

    def refusal(self, offer: ServedTool) -> str | None:
        """Why a tool may not be called, though it is there; None: it is as it was pinned."""
        difference = self._lock.difference(self.name, offer)
        if difference is None:
            return None
        return f"tool '{offer.name}' of server '{self.name}' is not what was pinned: {difference}"

    async def call(self, tool: str, arguments: Mapping[str, Any], report: Reporter) -> Answer:
        """Call a tool, its arguments held against its schema first.

        Progress goes to the report. When this is cancelled, the server is told, and it ends at once.
        Raises ActionError: `server` if the server ends meanwhile, or could not be started.
        """
        offer = await self.offer(tool, report)
        check_arguments(offer, arguments)
        life = self._life
        assert life is not None, "an offer comes from a life"
        assert life.client is not None, "it has begun"

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            report.progress(message or "", current=progress, total=total)

        try:
            result = await life.client.call_tool(tool, dict(arguments), progress_callback=tell)
        except (MCPError, ValidationError, RuntimeError) as error:
            if life.is_lost:
                await life.over.wait()
                lost = gone(self.name, self._link.ended(), f"during the call of '{tool}'")
                raise lost from error
            raise call_error(tool, error) from error
        return answer_of(result)

    async def aclose(self) -> None:
        """End the session and the server; a second time does nothing."""
        self._is_closed = True
        life = self._life
        if life is None:
            return
        life.farewell.set()
        # What does not take its leave in time is cut short; the process ends in any case.
        life.scope.deadline = min(life.scope.deadline, anyio.current_time() + FAREWELL_SECONDS)
        if not life.begun.is_set():
            life.scope.cancel()
        await life.over.wait()

    async def _alive(self) -> _Life:
        """The session, begun if need be; ActionError if there can be none."""
        life = self._life
        if self._is_closed:
            message = f"server '{self.name}' was ended with its run"
            raise ActionError(message, error_type="server", retryable=False)
        if life is not None and life.is_lost and life.client is not None:
            await life.over.wait()
            if life is self._life:
                # The first of all who have waited for its end starts it again.
                self._use_restart()
                self._life = None
        if self._life is None:
            self._life = _Life()
            spawn(partial(self._own, self._life), f"mcp server {self.name}")
        life = self._life
        await life.begun.wait()
        if life.client is None:
            ending, seconds = self._link.ended(), self._start_seconds
            raise start_error(self.name, life.error, ending, seconds, is_lost=life.is_lost)
        return life

    def _use_restart(self) -> None:
        if not self._restarts_left:
            error = gone(self.name, self._link.ended(), "once more, after it was started again")
            raise error
        self._restarts_left -= 1

    async def _own(self, life: _Life) -> None:
        """Open the session, hold it while it is wanted, and close it: all of it in this task."""
        try:
            with life.scope:
                life.scope.deadline = anyio.current_time() + self._start_seconds
                async with self._client(life) as client:
                    life.offers = await _offers(client)
                    life.warning = self._lock.admit(self.name, life.offers)
                    life.scope.deadline = math.inf
                    life.client = client
                    life.begun.set()
                    await life.farewell.wait()
        except BaseException as error:
            life.error = cause_of(error)
            if not isinstance(error, Exception):
                raise
        finally:
            life.begun.set()
            life.over.set()

    def _client(self, life: _Life) -> Client:
        about = Implementation(name="cortex", version=version("cortex-agent-loop"))
        return Client(self._link.open(life.lose), client_info=about, cache=None)


async def _offers(client: Client) -> dict[str, ServedTool]:
    found: dict[str, ServedTool] = {}
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        found |= {tool.name: served_tool(tool) for tool in page.tools}
        cursor = page.next_cursor
        if cursor is None:
            break
    return found
