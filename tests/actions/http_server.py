"""A real HTTP server on loopback that answers as the test says and keeps what it was asked."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec


@dataclass(frozen=True)
class Received:
    """A request, as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to answer; `hangs` sends nothing until the server is stopped."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hangs: bool = False


Responder = Callable[[Received], Answer]


def json_answer(value: object, status: int = 200) -> Answer:
    return Answer(msgspec.json.encode(value), status, {"Content-Type": "application/json"})


def redirect(location: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": location})


@dataclass
class Server:
    """`respond` is asked for what `answers` has nothing for, by path without query."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    respond: Responder = lambda _: Answer(b"no such path", 404)
    requests: list[Received] = field(default_factory=list[Received])
    connections: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    stop: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def answer(self, request: Received) -> Answer:
        self.requests.append(request)
        path = request.path.partition("?")[0]
        return self.answers[path] if path in self.answers else self.respond(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Server

    def setup(self) -> None:
        super().setup()
        self.script.connections += 1

    def parse_request(self) -> bool:
        """Answer any method as soon as its head is read; there is no `do_GET` to go on to."""
        if super().parse_request():
            self._reply()
        return False

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        received = Received(self.command, self.path, dict(self.headers.items()), body)
        answer = self.script.answer(received)
        if answer.hangs:
            self.script.stopping.wait()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *_: object, **__: object) -> None:
        """Say nothing."""


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is nothing to report."""


@contextmanager
def serve() -> Generator[Server]:
    """Run a server on a free port of 127.0.0.1 for the time of the block."""
    with _Listening(("127.0.0.1", 0), _Handler) as listening:
        server = Server(port=listening.server_address[1])
        listening.RequestHandlerClass = type("Handler", (_Handler,), {"script": server})
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()

        def stop() -> None:
            server.stopping.set()
            listening.shutdown()
            thread.join()
            listening.server_close()

        server.stop = stop
        try:
            yield server
        finally:
            stop()
