"""HTTP to declared hosts only: the one place where a request of a tool or relic leaves.

Every hop is held against the declared hosts, redirects too. A name is resolved once for a
connection, and the connection goes to the very address that was checked. The proxies, cookies and
`.netrc` of the environment are not used. Importing this module imports httpx2.
"""

import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, cast

import anyio
import httpcore2
import httpx2

from cortex_cli.actions.hosts import Hosts
from cortex_cli.errors import ActionError

CONNECT_SECONDS = 10.0
MOST_REDIRECTS = 10
MOST_CONNECTIONS = 100
IDLE_SECONDS = 5.0

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a name, at least one; OSError if it has none."""


class NoConnectionError(ActionError):
    """No connection could be made: nothing was sent."""

    def __init__(self, message: str) -> None:
        """An error of type `connection`."""
        super().__init__(message, error_type="connection")


async def resolve_name(host: str, port: int) -> list[str]:
    """The addresses of a host as the system resolves it, best first."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class HttpClient:
    """A client that sends requests to declared hosts and nowhere else."""

    def __init__(self, hosts: Hosts, *, resolve: Resolver = resolve_name) -> None:
        """Nothing is opened before the first request."""
        self._hosts = hosts
        self._backend = _GuardedBackend(hosts, resolve)
        self._client = httpx2.AsyncClient(
            transport=_Transport(self._backend),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "cortex"},
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            trust_env=False,
        )

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, bytes] | None = None,
        content: bytes | None = None,
    ) -> AbstractAsyncContextManager[httpx2.Response]:
        """Send a request, follow up to 10 redirects, and give the answer, its body unread.

        Raises ActionError: `host_refused` for a hop that is not declared or leads from https to
        http, `connection` where no answer comes, NoConnectionError where nothing was even sent.
        """
        return self._exchange(method, url, headers or {}, content)

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, bytes], content: bytes | None
    ) -> AsyncGenerator[httpx2.Response]:
        place = self._hosts.check(url)
        try:
            request = self._client.build_request(
                method,
                str(place),
                headers=[(name.encode(), value) for name, value in headers.items()],
                content=content,
            )
            response = await self._follow(request)
            try:
                yield response
            finally:
                with anyio.CancelScope(shield=True, deadline=anyio.current_time() + 1):
                    await response.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, *_CORE_ERRORS) as error:
            message = f"{method} {place.without_query} failed: {_reason(error)}"
            raise ActionError(message, error_type="connection") from error

    async def _follow(self, request: httpx2.Request) -> httpx2.Response:
        for _ in range(MOST_REDIRECTS + 1):
            response = await self._client.send(request, stream=True)
            following = response.next_request
            if following is None:
                return response
            await response.aclose()
            self._check_hop(request.url, following.url)
            request = following
        message = f"{request.url.host} redirects more than {MOST_REDIRECTS} times"
        raise ActionError(message, error_type="connection")

    def _check_hop(self, before: httpx2.URL, after: httpx2.URL) -> None:
        self._hosts.check(str(after))
        if before.scheme == "https" and after.scheme != "https":
            message = f"{before.host} redirects from https to http"
            raise ActionError(message, error_type="host_refused", retryable=False)

    async def connect(self, url: str) -> None:
        """See that something listens where a URL leads; errors as for `exchange`."""
        place = self._hosts.check(url)
        stream = await self._backend.connect_tcp(place.host, place.port)
        await stream.aclose()

    async def aclose(self) -> None:
        """Close all connections; a second time does nothing."""
        await self._client.aclose()


def guarded_transport(hosts: Hosts, resolve: Resolver = resolve_name) -> httpx2.AsyncBaseTransport:
    """What sends the requests of a client of another library to declared hosts and nowhere else.

    It raises ActionError (`host_refused`) for any other, and follows no redirect.
    """
    return _Transport(_GuardedBackend(hosts, resolve))


_CORE_ERRORS = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
)


def _reason(error: Exception) -> str:
    """What has gone wrong, for people; a connection that breaks comes without a text."""
    if isinstance(error, httpx2.NetworkError | httpcore2.NetworkError):
        return str(error) or "the connection broke off"
    return str(error) or type(error).__name__


class _GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections, each to an address that may be called."""

    def __init__(self, hosts: Hosts, resolve: Resolver) -> None:
        self._hosts = hosts
        self._resolve = resolve
        self._backend = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self, host: str, port: int, *_: Any, **_options: Any
    ) -> httpcore2.AsyncNetworkStream:
        # The pool passes a timeout too; it is ours that is shared out over the addresses.
        try:
            found = await self._resolve(host, port)
        except OSError as error:
            message = f"the host '{host}' is not known"
            raise NoConnectionError(message) from error
        addresses = self._hosts.addresses(host, port, found)
        share = CONNECT_SECONDS / len(addresses)
        reason = ""
        for address in addresses:
            try:
                return await self._backend.connect_tcp(address, port, timeout=share)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                reason = str(error) or "no answer"
        message = f"no connection to '{host}', port {port}: {reason}"
        raise NoConnectionError(message)


class _Transport(httpx2.AsyncBaseTransport):
    """httpcore2's pool behind httpx2's client, with a network backend of our own."""

    def __init__(self, backend: httpcore2.AsyncNetworkBackend) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            max_connections=MOST_CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        answer = await self._pool.handle_async_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """The body of an answer as it comes in."""

    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._answer.aiter_stream()

    async def aclose(self) -> None:
        await self._answer.aclose()
