"""`ScriptedServer`: an OpenAI-compatible endpoint on this machine, with answers given beforehand."""

import json
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, cast

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketListener
from anyio.streams.buffered import BufferedByteReceiveStream

from cortex_cli.testing.completions import Completion, Served
from cortex_cli.testing.scripts import AT_ONCE, Pace, Script

_MOST_HEADERS = 65_536


@dataclass(slots=True, eq=False)
class Received:
    """A request as it came; the names of headers are in lower case, `body` is what its JSON says.

    `ended` is set when nothing more will be sent, `was_left` if whoever asked went away before.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    ended: anyio.Event = field(default_factory=anyio.Event)
    was_left: bool = False


class ScriptedServer:
    """Answers `POST /v1/chat/completions`, streamed or whole, and `GET /v1/models`.

    Use it with `async with`; leaving the block ends it at once. Each completion takes the next of
    the given answers; `requests` holds all requests in the order in which they came. A request
    for which no answer is left gets status 400 and the word `no_answer_left`.
    """

    def __init__(
        self, answers: Iterable[Script], *, model: str = "scripted", pace: Pace = AT_ONCE
    ) -> None:
        """`model` is the name of the one model that it says it has."""
        self._answers = iter(answers)
        self._model = model
        self._pace = pace
        self._stack = AsyncExitStack()
        self._port = 0
        self.requests: list[Received] = []

    @property
    def base_url(self) -> str:
        """What clients are given as the base of all addresses."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        """Listen on a free port of the loopback interface."""
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        self._port = listener.extra(SocketAttribute.local_port)
        await self._stack.enter_async_context(listener)
        tasks = await self._stack.enter_async_context(anyio.create_task_group())
        tasks.start_soon(self._listen, listener)
        self._stack.callback(tasks.cancel_scope.cancel)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening, and drop what is still being answered."""
        # Without the exception, which the task group would wrap.
        await self._stack.aclose()

    async def _listen(self, listener: Any) -> None:
        await cast(SocketListener, listener).serve(self._serve)

    async def _serve(self, stream: ByteStream) -> None:
        async with stream:
            try:
                received = await _read(stream)
            except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead):
                return
            self.requests.append(received)
            served = self._served(received)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_watch, stream, received, tasks.cancel_scope)
                try:
                    await served.send(stream)
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    received.was_left = True
                tasks.cancel_scope.cancel()
            received.ended.set()

    def _served(self, received: Received) -> Served:
        if (received.method, received.path) == ("GET", "/v1/models"):
            model = {"id": self._model, "object": "model", "owned_by": "cortex"}
            return Served.whole(200, {"object": "list", "data": [model]})
        if (received.method, received.path) != ("POST", "/v1/chat/completions"):
            return Served.refusal(404, f"there is no {received.path} here", "not_found")
        body = cast(object, received.body)
        if not isinstance(body, dict):
            return Served.refusal(400, "the body is no JSON object", "bad_request")
        script = next(self._answers, None)
        if script is None:
            return Served.refusal(400, "no answer is left", "no_answer_left")
        asked = cast("dict[str, Any]", body)
        return Completion(asked, model=self._model, pace=self._pace).served(script)


async def _watch(stream: ByteStream, received: Received, scope: anyio.CancelScope) -> None:
    """End the answer when whoever asked goes away."""
    try:
        while True:
            await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        received.was_left = True
        scope.cancel()


async def _read(stream: ByteStream) -> Received:
    buffered = BufferedByteReceiveStream(stream)
    head = (await buffered.receive_until(b"\r\n\r\n", _MOST_HEADERS)).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    content = await buffered.receive_exactly(int(headers.get("content-length", "0")))
    try:
        body = json.loads(content) if content else None
    except ValueError:
        body = content
    return Received(method, path, headers, body)
