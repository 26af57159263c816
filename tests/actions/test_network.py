import socket
import struct
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import anyio
import pytest

from cortex_cli.actions.hosts import Hosts
from cortex_cli.actions.network import HttpClient, NoConnectionError, resolve_name
from cortex_cli.errors import ActionError
from tests.actions.http_server import Answer, Server, redirect, serve


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        running.answers["/ok"] = Answer(b"fine")
        yield running


class Names:
    """A resolver that answers from a table, each question with the next of its answers."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): iter(found) for name, found in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, _: int) -> list[str]:
        await anyio.lowlevel.checkpoint()
        self.asked.append(host)
        if host not in self.answers:
            message = f"{host}: no such name"
            raise OSError(message)
        return next(self.answers[host])


@asynccontextmanager
async def client_for(*entries: str, names: Names | None = None) -> AsyncGenerator[HttpClient]:
    client = HttpClient(Hosts(entries), resolve=names or resolve_name)
    try:
        yield client
    finally:
        await client.aclose()
        await client.aclose()


async def get(client: HttpClient, url: str) -> str:
    async with client.exchange("GET", url) as response:
        return (await response.aread()).decode()


async def error_of(url: str) -> ActionError:
    async with client_for("127.0.0.1") as client:
        with pytest.raises(ActionError) as caught:
            await get(client, url)
    return caught.value


async def test_a_declared_host_answers(server: Server) -> None:
    async with client_for(server.host) as client:
        assert await get(client, f"{server.url}/ok") == "fine"
        async with client.exchange(
            "POST", f"{server.url}/ok?a=b", headers={"X-Given": b"yes"}, content=b"body"
        ) as response:
            assert response.status_code == 200
    sent = server.requests[1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/ok?a=b", b"body")
    assert sent.headers["X-Given"] == "yes"
    assert sent.headers["User-Agent"] == "cortex"


async def test_an_undeclared_host_is_never_called(server: Server) -> None:
    async with client_for("example.org") as client:
        with pytest.raises(ActionError, match="is not declared"):
            await get(client, f"{server.url}/ok")
    assert server.requests == []


async def test_a_name_is_called_at_the_address_that_was_checked(server: Server) -> None:
    names = Names(api_example=[["127.0.0.1"], ["10.0.0.1"]])
    async with client_for("api.example", "127.0.0.1", names=names) as client:
        assert await get(client, f"http://api.example:{server.port}/ok") == "fine"
    assert server.requests[0].headers["Host"] == f"api.example:{server.port}"
    assert names.asked == ["api.example"]


async def test_a_name_that_leads_to_loopback_is_refused(server: Server) -> None:
    names = Names(api_example=[["127.0.0.1"]])
    async with client_for("api.example", "*.example", names=names) as client:
        with pytest.raises(ActionError, match=r"'api\.example' leads to 127\.0\.0\.1") as caught:
            await get(client, f"http://api.example:{server.port}/ok")
    assert caught.value.error_type == "host_refused"
    assert server.requests == []


async def test_a_name_that_changes_its_mind_is_checked_again(server: Server) -> None:
    names = Names(api_example=[["93.184.216.34", "127.0.0.1"], ["169.254.169.254"]])
    server.answers["/close"] = Answer(headers={"Connection": "close"})
    async with client_for("api.example", "127.0.0.1", names=names) as client:
        names.answers["api.example"] = iter([["127.0.0.1"], ["169.254.169.254"]])
        await get(client, f"http://api.example:{server.port}/close")
        with pytest.raises(ActionError, match=r"leads to 169\.254\.169\.254"):
            await get(client, f"http://api.example:{server.port}/ok")


async def test_the_next_address_is_tried_when_one_does_not_answer(server: Server) -> None:
    names = Names(api_example=[["127.0.0.2", "127.0.0.1"]])
    entries = ("api.example", "127.0.0.1", "127.0.0.2")
    async with client_for(*entries, names=names) as client:
        assert await get(client, f"http://api.example:{server.port}/ok") == "fine"


async def test_an_unknown_name_is_no_connection() -> None:
    async with client_for("nowhere.example", names=Names()) as client:
        with pytest.raises(NoConnectionError, match=r"'nowhere\.example' is not known") as caught:
            await get(client, "http://nowhere.example/")
    assert caught.value.error_type == "connection"
    assert caught.value.retryable


async def test_a_closed_port_is_no_connection() -> None:
    async with client_for("127.0.0.1") as client:
        with pytest.raises(NoConnectionError, match=r"no connection to '127\.0\.0\.1', port 1"):
            await get(client, "http://127.0.0.1:1/")


async def test_an_answer_that_is_no_http_is_a_connection_error() -> None:
    async def talk(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"220 smtp.example.org\r\n")

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.start_soon(listener.serve, talk)
        error = await error_of(f"http://127.0.0.1:{port}/x?token=secret")
        assert f"GET http://127.0.0.1:{port}/x failed" in str(error)
        assert error.error_type == "connection"
        assert not isinstance(error, NoConnectionError)
        assert "secret" not in str(error)
        tasks.cancel_scope.cancel()


async def test_a_connection_that_breaks_off_is_told() -> None:
    async def reset(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}/x"
        tasks.start_soon(listener.serve, reset)
        assert str(await error_of(url)) == f"GET {url} failed: the connection broke off"
        tasks.cancel_scope.cancel()


async def test_a_server_without_tls_is_a_connection_error(server: Server) -> None:
    error = await error_of(f"https://127.0.0.1:{server.port}/")
    assert error.error_type == "connection"
    assert not isinstance(error, NoConnectionError)


async def test_redirects_on_the_same_host_are_followed(server: Server) -> None:
    server.answers["/old"] = redirect("/older", 308)
    server.answers["/older"] = redirect(f"{server.url}/ok")
    async with client_for(server.host) as client:
        assert await get(client, f"{server.url}/old") == "fine"
    assert server.paths == ["/old", "/older", "/ok"]


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:{port}/ok",
        "http://127.1:{other}/ok",
        "http://2130706433:1/",
        "//169.254.169.254/latest",
        "http://api.example@127.0.0.1:{port}/ok",
        "http://user@api.example:{port}/ok",
    ],
)
async def test_a_redirect_to_an_undeclared_host_is_refused(server: Server, location: str) -> None:
    place = location.format(port=server.port, other=server.port + 1)
    server.answers["/away"] = redirect(place)
    names = Names(api_example=[["127.0.0.1"]], localhost=[["127.0.0.1"]])
    entries = (f"api.example:{server.port}", server.host)
    async with client_for(*entries, names=names) as client:
        with pytest.raises(ActionError, match=r"not declared|can't be called") as caught:
            await get(client, f"http://api.example:{server.port}/away")
    assert caught.value.error_type == "host_refused"
    assert server.paths == ["/away"]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://127.0.0.1:70/x"])
async def test_a_redirect_to_another_scheme_is_refused(server: Server, location: str) -> None:
    server.answers["/away"] = redirect(location)
    async with client_for("127.0.0.1") as client:
        with pytest.raises(ActionError, match="can't be called"):
            await get(client, f"{server.url}/away")


async def test_a_redirect_to_another_declared_host_is_followed(server: Server) -> None:
    server.answers["/away"] = redirect(f"http://other.example:{server.port}/ok")
    names = Names(api_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    entries = ("api.example", "other.example", "127.0.0.1")
    place = f"http://api.example:{server.port}/away"
    async with (
        client_for(*entries, names=names) as client,
        client.exchange("GET", place, headers={"Authorization": b"Bearer x"}) as response,
    ):
        assert await response.aread() == b"fine"
    assert "Authorization" in server.requests[0].headers
    assert "Authorization" not in server.requests[1].headers


async def test_a_redirect_from_https_to_http_is_refused() -> None:
    import httpx2

    async with client_for("example.org") as client:
        with pytest.raises(ActionError, match="from https to http"):
            client._check_hop(httpx2.URL("https://example.org"), httpx2.URL("http://example.org"))


async def test_redirects_in_a_circle_end(server: Server) -> None:
    server.answers["/round"] = redirect("/round")
    async with client_for("127.0.0.1") as client:
        with pytest.raises(ActionError, match="redirects more than 10 times"):
            await get(client, f"{server.url}/round")
    assert len(server.requests) == 11


async def test_a_redirect_without_a_place_is_an_answer(server: Server) -> None:
    server.answers["/odd"] = Answer(b"moved", 302)
    async with client_for("127.0.0.1") as client:
        assert await get(client, f"{server.url}/odd") == "moved"


async def test_cookies_of_one_answer_are_not_sent_with_the_next_request(server: Server) -> None:
    server.answers["/ok"] = Answer(headers={"Set-Cookie": "session=1; Path=/"})
    async with client_for("127.0.0.1") as client:
        await get(client, f"{server.url}/ok")
        await get(client, f"{server.url}/ok")
    assert "Cookie" not in server.requests[1].headers


async def test_the_proxies_of_the_environment_are_not_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with client_for("127.0.0.1") as client:
        assert await get(client, f"{server.url}/ok") == "fine"


async def test_cancelling_gives_the_connection_up_at_once(server: Server) -> None:
    server.answers["/hang"] = Answer(hangs=True)
    async with client_for("127.0.0.1") as client:
        with anyio.move_on_after(0.2) as scope:
            await get(client, f"{server.url}/hang")
        assert scope.cancelled_caught
        assert await get(client, f"{server.url}/ok") == "fine"


async def test_a_name_of_the_system_is_resolved() -> None:
    assert "127.0.0.1" in await resolve_name("127.0.0.1", 80)
