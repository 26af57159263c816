"""Real MCP servers: over standard streams, and over HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.actions.hosts import Hosts, parse_url
from cortex_cli.actions.network import guarded_transport
from cortex_cli.actions.stdio_server import ServerLaunch, StdioServer
from cortex_cli.mcp.connection import Connection
from cortex_cli.mcp.lock import Lock
from cortex_cli.mcp.pipes import PipedLink
from cortex_cli.mcp.web import WebLink
from tests.actions.conftest import Survivors

TRIALS = Path(__file__).with_name("trials.py")
ODD = Path(__file__).with_name("odd.py")

Connected = Callable[..., AbstractAsyncContextManager[Connection]]


@pytest.fixture
def survivors() -> Survivors:
    return Survivors()


def piped(script: list[str], place: Path, variables: dict[str, str], **changes: Any) -> PipedLink:
    """A link to a Python script, or to what the changes say."""
    settings: dict[str, Any] = {
        "name": "trials",
        "argv": [sys.executable, *script],
        "folder": place,
        "log_folder": place,
        "environment": variables,
        "grace_seconds": 1.0,
        **changes,
    }
    return PipedLink(partial(StdioServer, ServerLaunch(**settings)))


def wait_until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Look every few milliseconds whether something holds that another process does."""
    left = seconds / 0.02
    while not holds():
        assert left > 0, f"it took longer than {seconds:g} seconds"
        left -= 1
        time.sleep(0.02)


@pytest.fixture
def stdio(tmp_path: Path, survivors: Survivors) -> Connected:
    """A connection to the server of trials, or to an odd one; nothing of it is left behind."""

    @asynccontextmanager
    async def connect(
        *argv: str, env: dict[str, str] | None = None, start_seconds: float = 30.0, **changes: Any
    ) -> AsyncGenerator[Connection]:
        variables = {**survivors.env, "TRIALS_FILE": str(tmp_path / "notes"), **(env or {})}
        link = piped(list(argv) or [str(TRIALS)], tmp_path, variables, **changes)
        lock = Lock(tmp_path)
        connection = Connection("trials", link, lock, start_seconds=start_seconds)
        try:
            yield connection
        finally:
            await connection.aclose()
            await connection.aclose()
        assert survivors() == []

    return connect


@pytest.fixture(scope="session")
def web_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URL of a server of trials over HTTP, and the file of its notes."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    notes = tmp_path_factory.mktemp("web") / "notes"
    server = subprocess.Popen(
        [sys.executable, str(TRIALS), str(port)],
        env={**os.environ, "TRIALS_FILE": str(notes)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}/mcp", notes
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    message = "the server has ended"
    raise RuntimeError(message)


def web_link(url: str, **headers: str) -> WebLink:
    return WebLink(url, headers, partial(guarded_transport, Hosts.of(parse_url(url))))


@pytest.fixture
def web(web_server: tuple[str, Path], tmp_path: Path) -> Connected:
    """A connection to the server of trials over HTTP."""

    @asynccontextmanager
    async def connect(url: str = web_server[0], **headers: str) -> AsyncGenerator[Connection]:
        connection = Connection("trials", web_link(url, **headers), Lock(tmp_path))
        try:
            yield connection
        finally:
            await connection.aclose()

    return connect


@pytest.fixture(params=["stdio", "web"])
def either(request: pytest.FixtureRequest) -> Connected:
    """The one or the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def notes(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], list[str]]:
    """What the server has noted, whichever the test uses."""
    fresh = tmp_path / "notes"
    is_web = "web" in str(request.node.callspec.params.get("either", ""))
    path = request.getfixturevalue("web_server")[1] if is_web else fresh
    skipped = len(path.read_text().splitlines()) if path.exists() else 0

    def read() -> list[str]:
        return path.read_text().splitlines()[skipped:] if path.exists() else []

    return read
