"""No secret is found anywhere: state folder, output streams, arguments of processes."""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cortex_cli.events import ActionCompleted, ActionFailed, AgentCompleted
from tests.actions.http_server import Answer, Received, Server, json_answer, serve
from tests.cli.conftest import Cortex, environment
from tests.cli.secret_leaks import MADE, PEM, TOKEN, forbidden, write_project

pytestmark = pytest.mark.no_cover


def _echo(request: Received) -> Answer:
    headers = dict(request.headers)
    seen = {"path": request.path, "headers": headers, "body": request.body.decode()}
    return json_answer(seen, 404 if "404" in request.path else 200)


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        running.respond = _echo
        yield running


class _Watch:
    """Takes down the arguments of all processes while a command runs."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(0.005):
            for folder in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    self.seen.add((folder / "cmdline").read_bytes())


def _found(places: dict[str, bytes]) -> list[tuple[str, bytes]]:
    return [
        (name, text) for name, content in places.items() for text in forbidden() if text in content
    ]


def _kept(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "options",
    [["--json", "--cache"], ["--json", "--debug"], ["--progress", "plain", "-v", "--debug"]],
    ids=["cached", "debug", "plain"],
)
def test_no_secret_is_found_in_what_a_run_leaves_behind(
    tmp_path: Path, server: Server, options: list[str]
) -> None:
    write_project(tmp_path, server.port)
    with _Watch() as watch:
        ended = subprocess.run(
            [sys.executable, "-m", "cortex_cli", "run", "agent.yaml", *options],
            cwd=tmp_path,
            env=environment(tmp_path / "state", {"TEST_TOKEN": TOKEN}),
            capture_output=True,
            timeout=100,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr.decode()[-3000:]
    assert any(b"agent.yaml" in seen for seen in watch.seen)
    places = {"out": ended.stdout, "err": ended.stderr, "argv": b"\n".join(watch.seen)}
    kept = _kept(tmp_path / "state")
    assert any(name.endswith("journal.db") for name in kept)
    assert _found({**places, **kept}) == []
    assert b"***" in ended.stdout + ended.stderr
    bodies = [request.body for request in server.requests]
    assert any(PEM.splitlines()[1].encode() in body for body in bodies), "the service needs it"
    assert any(request.headers.get("x-key") == f"Bearer {MADE}" for request in server.requests)


@pytest.mark.timeout(120)
def test_no_secret_is_found_on_a_terminal(tmp_path: Path, server: Server) -> None:
    write_project(tmp_path, server.port)
    outer, inner = pty.openpty()
    shown = bytearray()

    def read() -> None:
        with suppress(OSError):
            while chunk := os.read(outer, 65_536):
                shown.extend(chunk)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with subprocess.Popen(
        [sys.executable, "-m", "cortex_cli", "run", "agent.yaml", "--progress", "live"],
        cwd=tmp_path,
        env=environment(tmp_path / "state", {"TEST_TOKEN": TOKEN, "TERM": "xterm"}),
        stdin=subprocess.DEVNULL,
        stdout=inner,
        stderr=inner,
    ) as process:
        os.close(inner)
        code = process.wait(timeout=100)
    reader.join(timeout=10)
    os.close(outer)
    assert code == 0, bytes(shown)[-3000:]
    assert _found({"screen": bytes(shown), **_kept(tmp_path / "state")}) == []
    assert b"completed" in shown


@pytest.mark.timeout(60)
def test_a_run_with_secrets_does_what_it_is_for(cortex: Cortex, here: Path, server: Server) -> None:
    write_project(here, server.port)
    ended = cortex("run", "agent.yaml", "--json", env={"TEST_TOKEN": TOKEN})
    assert ended.code == 0, ended.err
    events = ended.events
    failed = {event.action_id: event.data for event in events if isinstance(event, ActionFailed)}
    kinds = {name: data.error_type for name, data in failed.items()}
    assert kinds == {
        "fails": "exit_status",
        "forget": "ValueError",
        "argv": "secret",
        "not_found": "http_status",
        "kept": "secret",
        "prompt": "secret",
        "broken": "condition",
    }
    assert failed["forget"].error == "ValueError: no good: ***"
    assert failed["not_found"].error.startswith(f"POST {server.url}/in/404*** answered 404")
    outputs = {e.action_id: e.data.output for e in events if isinstance(e, ActionCompleted)}
    assert outputs["leak"]["number"] == "***"
    assert outputs["leak"]["env"]["EXTRA"].startswith("x-----BEGIN PRIVATE KEY-----\n***\n***")
    assert outputs["leak"]["env"]["MADE"] == "***"
    assert set(outputs["leak"]) == {"said", "env", "Bearer ***", "argv", "number"}
    assert outputs["nested"]["key"] == "it is ***"
    assert isinstance(events[-1], AgentCompleted)
    assert events[-1].data.outputs["asked"] == {"v": 1}


SHORT = "kind: Agent\nname: a\nsecrets: {K: {env: K}}\nactions: [{id: x, type: internal, condition: 'secrets.K == \"\"'}]\n"


def test_a_secret_that_is_missing_or_short_ends_the_run_before_it_begins(
    cortex: Cortex, here: Path
) -> None:
    (here / "m.yaml").write_text(SHORT)
    missing = cortex("run", "m.yaml")
    assert (missing.code, missing.out) == (3, "")
    assert missing.err == (
        "the secret 'K' of m.yaml is taken from the environment variable K, which is not"
        " set; set it before you run: export K=…\n"
    )
    short = cortex("run", "m.yaml", env={"K": "12345"})
    assert (short.code, short.out) == (3, "")
    assert "has 5 characters: fewer than 6 cannot be told from other text" in short.err
    assert "12345" not in short.err
    assert cortex("run", "m.yaml", env={"K": "123456"}).code == 0
    assert cortex("plan", "m.yaml").code == 0
