"""The transport of MCP over streamable HTTP: requests that fail fail alone, answers are bounded."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpcore2
import httpx2
from mcp.client.streamable_http import streamable_http_client

from cortex_cli.errors import ActionError
from cortex_cli.mcp.endings import CONNECTION_FAILED, Ending
from cortex_cli.mcp.pipes import MOST_BYTES

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

_CONNECT_SECONDS = 10.0
_BAD_GATEWAY = 502
_TOLD = frozenset({401, 403, 407, 429})
_NOT_FOUND = 404
_SERVER_ERRORS = 500
_FAILURES = (httpx2.HTTPError, httpx2.StreamError, ActionError, OSError)
_CORE_FAILURES = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
)


class WebLink:
    """Reaches a server by its URL."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        transport: Callable[[], httpx2.AsyncBaseTransport],
    ) -> None:
        """`transport` gives what sends requests, to where they may go and nowhere else."""
        self._url = url
        self._headers = headers
        self._transport = transport

    def ended(self) -> Ending:
        """How the connection has ended."""
        return Ending("ended the session")

    @asynccontextmanager
    async def open(self, lost: Callable[[], None]) -> "AsyncGenerator[TransportStreams]":
        """Connect; `lost` is called when the server no longer knows the session."""
        client = httpx2.AsyncClient(
            transport=_Transport(self._transport(), lost),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "cortex", **self._headers},
            timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
            trust_env=False,
        )
        async with (
            client,
            streamable_http_client(
                self._url, http_client=client, max_sse_event_size=MOST_BYTES
            ) as streams,
        ):
            yield streams


class _Transport(httpx2.AsyncBaseTransport):
    """Sends requests; one of ours that gets no answer is answered here, with the reason.

    What a transport raises would end the session, and with it all other calls.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, lost: Callable[[], None]) -> None:
        self._inner = inner
        self._lost = lost

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._inner.handle_async_request(request)
        except (*_FAILURES, *_CORE_FAILURES) as error:
            if request.method != "POST":
                message = str(error) or type(error).__name__
                raise httpx2.ConnectError(message) from error
            return _refusal(_BAD_GATEWAY, str(error) or type(error).__name__)
        status = response.status_code
        if status == _NOT_FOUND and "mcp-session-id" in request.headers:
            self._lost()
        if request.method == "POST" and (status in _TOLD or status >= _SERVER_ERRORS):
            await response.aclose()
            return _refusal(status, f"HTTP {status} {response.reason_phrase}".strip())
        response.stream = _Body(response)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _refusal(status: int, reason: str) -> httpx2.Response:
    error = {"code": CONNECTION_FAILED, "message": reason}
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
    return httpx2.Response(status, headers={"content-type": "application/json"}, content=body)


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, bounded unless it is a stream of events, which are bounded each."""

    def __init__(self, response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream), "it comes from the network"
        self._stream = response.stream
        kind = response.headers.get("content-type", "")
        self._most = None if kind.lower().startswith("text/event-stream") else MOST_BYTES

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for chunk in self._stream:
                size += len(chunk)
                if self._most is not None and size > self._most:
                    message = f"the answer is longer than {self._most // 1024**2} MiB"
                    raise httpx2.StreamError(message)
                yield chunk
        except _CORE_FAILURES as error:
            message = str(error) or type(error).__name__
            raise httpx2.StreamError(message) from error

    async def aclose(self) -> None:
        await self._stream.aclose()
