"""The transport of MCP over the standard streams of a process: a JSON message a line."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from cortex_cli.errors import ActionError
from cortex_cli.mcp.endings import Ending

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

MOST_BYTES = 16 * 1024 * 1024
"""How long one message may be."""

# What the SDK logs is for its developers, and would go through a live display.
logging.getLogger("mcp").addHandler(logging.NullHandler())
logging.getLogger("client").addHandler(logging.NullHandler())


class Pipes(Protocol):
    """A process of a server, and our ends of the streams to it."""

    has_failed: bool

    @property
    def stdin(self) -> ByteSendStream:
        """Where it reads."""
        ...

    @property
    def stdout(self) -> ByteReceiveStream:
        """Where it writes."""
        ...

    @property
    def log(self) -> Path | None:
        """What it has written to standard error."""
        ...

    async def start(self) -> None:
        """Start it; ActionError if that can't be done."""
        ...

    async def keep_log(self) -> None:
        """Keep what it writes to standard error, until that ends."""
        ...

    def ended(self) -> tuple[str, str]:
        """How it has ended, after its name, and what it said last."""
        ...

    async def aclose(self) -> None:
        """End it, and all that it has started."""
        ...


class PipedLink:
    """Reaches a server by starting a process of it, a new one each time it is opened."""

    def __init__(self, make: Callable[[], Pipes]) -> None:
        """`make` gives a process that is not started yet."""
        self._make = make
        self._pipes: Pipes | None = None
        self._why = ""

    def ended(self) -> Ending:
        """How the last process has ended."""
        if self._pipes is None:
            return Ending("was not started")
        how, last = self._pipes.ended()
        log = self._pipes.log
        return Ending(self._why or how, last, None if log is None else f"its log is {log}")

    @asynccontextmanager
    async def open(self, lost: Callable[[], None]) -> "AsyncGenerator[TransportStreams]":
        """Start a process, and end it; `lost` is called when it has stopped talking by itself."""
        pipes = self._pipes = self._make()
        self._why = ""
        await pipes.start()
        incoming, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write_stream, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
        is_closing = False

        async def read() -> None:
            async with incoming:
                await self._read(pipes, incoming)
            if not is_closing:
                pipes.has_failed = True
                lost()

        async with anyio.create_task_group() as tasks, read_stream, write_stream:
            tasks.start_soon(pipes.keep_log)
            tasks.start_soon(_write, outgoing, pipes.stdin)
            tasks.start_soon(read)
            try:
                yield read_stream, write_stream
            except Exception:
                pipes.has_failed = True
                raise
            finally:
                is_closing = True
                await pipes.aclose()
                tasks.cancel_scope.cancel()

    async def _read(
        self,
        pipes: Pipes,
        incoming: "anyio.abc.ObjectSendStream[SessionMessage | Exception]",
    ) -> None:
        try:
            async for line in _lines(pipes.stdout):
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    # Something else that it printed: no answer, and no reason to stop.
                    continue
                await incoming.send(SessionMessage(message))
        except ActionError as error:
            self._why = str(error)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return


async def _lines(stream: ByteReceiveStream) -> AsyncIterator[bytes]:
    """The lines of a stream that are not blank; ActionError for one that is too long."""
    rest = bytearray()
    async for chunk in stream:
        first, *others = chunk.split(b"\n")
        rest += first
        for piece in others:
            if rest.strip():
                yield bytes(rest)
            rest = bytearray(piece)
        if len(rest) > MOST_BYTES:
            message = f"wrote a message of more than {MOST_BYTES // 1024**2} MiB"
            raise ActionError(message, error_type="output")


async def _write(
    outgoing: "anyio.abc.ObjectReceiveStream[SessionMessage]", stdin: ByteSendStream
) -> None:
    try:
        async with outgoing:
            async for one in outgoing:
                text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                await stdin.send(text.encode() + b"\n")
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        # It reads no more; that it has ended shows where it writes.
        return
