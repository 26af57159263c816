"""Over HTTP a request that fails fails alone, and only declared hosts are called."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cortex_cli.actions.hosts import Hosts
from cortex_cli.actions.network import guarded_transport
from cortex_cli.errors import ActionError
from cortex_cli.mcp import web as web_module
from cortex_cli.mcp.connection import Connection
from cortex_cli.mcp.lock import Lock
from cortex_cli.mcp.web import WebLink
from cortex_cli.testing import RecordingReporter
from tests.actions.http_server import Answer, Received, Server, json_answer, serve
from tests.mcp.conftest import Connected

pytestmark = [
    pytest.mark.timeout(60),
    # The SDK leaves the streams of answers that it has read to the garbage collector.
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"
    ),
]


class Plain:
    """A server without streams: it answers each request with JSON, or as `on_call` says."""

    def __init__(self, server: Server) -> None:
        server.respond = self.respond
        self.url = f"{server.url}/mcp"
        self.methods: list[str] = []
        self.keys: set[str | None] = set()
        self.on_call: Callable[[], Answer] | None = None
        self.on_start: Callable[[], Answer] | None = None

    def respond(self, request: Received) -> Answer:
        if request.method != "POST":
            return Answer(status=405)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.keys.add(headers.get("authorization"))
        message = json.loads(request.body)
        method: str = message["method"]
        self.methods.append(method)
        if "id" not in message:
            return Answer(status=202)
        if self.on_start is not None:
            return self.on_start()
        if method == "tools/call" and self.on_call is not None:
            return self.on_call()
        return self.answer(message, method)

    def answer(self, message: Any, method: str) -> Answer:
        results: dict[str, Any] = {
            "initialize": {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "plain", "version": "1"},
            },
            "tools/list": {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]},
            "tools/call": {"content": [{"type": "text", "text": "ok"}]},
        }
        if method not in results:
            error = {"code": -32601, "message": "unknown"}
            return json_answer({"jsonrpc": "2.0", "id": message["id"], "error": error})
        answer = json_answer({"jsonrpc": "2.0", "id": message["id"], "result": results[method]})
        if method == "initialize":
            answer.headers["Mcp-Session-Id"] = "one"
        return answer


@pytest.fixture
def plain() -> Iterator[Plain]:
    with serve() as running:
        yield Plain(running)


async def called(connection: Connection) -> list[str]:
    return list((await connection.call("t", {}, RecordingReporter())).texts)


async def failure(connection: Connection) -> ActionError:
    with pytest.raises(ActionError) as caught:
        await called(connection)
    return caught.value


async def test_a_server_without_streams_will_do(web: Connected, plain: Plain) -> None:
    async with web(plain.url) as connection:
        assert await called(connection) == ["ok"]
        assert await called(connection) == ["ok"]
    assert plain.methods.count("initialize") == 1


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_a_refused_call_says_its_status_and_leaves_the_session(
    web: Connected, plain: Plain, status: int
) -> None:
    async with web(plain.url) as connection:
        plain.on_call = lambda: Answer(status=status)
        error = await failure(connection)
        assert f"HTTP {status}" in str(error)
        assert error.error_type == "connection"
        plain.on_call = None
        assert await called(connection) == ["ok"]
    assert plain.methods.count("initialize") == 1


async def test_a_server_that_lets_nobody_in_is_an_error_of_the_server(
    web: Connected, plain: Plain
) -> None:
    plain.on_start = lambda: Answer(status=401)
    async with web(plain.url) as connection:
        error = await failure(connection)
        assert str(error) == "server 'trials' cannot be used: HTTP 401 Unauthorized"
        assert (error.error_type, error.retryable) == ("server", False)


async def test_headers_go_with_every_request(web: Connected, plain: Plain) -> None:
    async with web(plain.url, authorization="Bearer x") as connection:
        await called(connection)
    assert plain.keys == {"Bearer x"}


async def test_a_session_that_the_server_has_forgotten_is_opened_again_once(
    web: Connected, plain: Plain
) -> None:
    async with web(plain.url) as connection:
        assert await called(connection) == ["ok"]
        plain.on_call = lambda: Answer(status=404)
        assert "ended the session during the call of 't'" in str(await failure(connection))
        plain.on_call = None
        assert await called(connection) == ["ok"]
        assert plain.methods.count("initialize") == 2
        plain.on_call = lambda: Answer(status=404)
        await failure(connection)
        assert "once more, after it was started again" in str(await failure(connection))


async def test_an_answer_that_is_too_long_fails_the_call_alone(
    web: Connected, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with web(plain.url) as connection:
        assert await called(connection) == ["ok"]
        monkeypatch.setattr(web_module, "MOST_BYTES", 1_000)
        plain.on_call = lambda: json_answer({"x": "y" * 2_000})
        assert "the answer is longer than" in str(await failure(connection))
        plain.on_call = None
        assert await called(connection) == ["ok"]


async def test_nothing_that_listens_is_an_error_of_the_server(web: Connected) -> None:
    async with web("http://127.0.0.1:9/mcp") as connection:
        error = str(await failure(connection))
        assert "server 'trials' cannot be used: no connection to '127.0.0.1', port 9" in error


async def test_a_host_that_is_not_declared_is_refused(tmp_path: Any, plain: Plain) -> None:
    def transport() -> Any:
        return guarded_transport(Hosts(["example.org"]))

    connection = Connection("x", WebLink(plain.url, {}, transport), Lock(tmp_path))
    error = str(await failure(connection))
    await connection.aclose()
    assert "'127.0.0.1' leads to 127.0.0.1, which is not declared" in error
    assert plain.methods == []
