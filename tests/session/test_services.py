"""Relics that cortex starts: one service for a run with all that is nested in it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cortex_cli.session.session import Request, Session

SERVICE = """
import http.server, json, os, pathlib
pathlib.Path("pids").open("a").write(f"{os.getpid()}\\n")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
RELIC = """
kind: Relic
name: kv
interface:
  type: rest_api
  base_url: http://127.0.0.1:${PORT}
  endpoints: [{name: get, path: /get}]
health_check: {endpoint: /health}
deployment: {type: process, command: python3 service.py}
"""
INNER = """
kind: Workflow
name: inner
import: {relics: [relic.yaml]}
actions: [{id: in, type: relic, target: kv, operation: get}]
outputs: {pid: {source: steps.in.pid}}
"""
OUTER = """
kind: Agent
name: outer
import: {relics: [relic.yaml], workflows: [inner.yaml], tools: [wait.yaml]}
actions:
  - {id: a, type: relic, target: kv, operation: get}
  - {id: b, type: workflow, target: inner}
  - {id: c, type: tool, target: wait, depends_on: [a, b]}
outputs: {a: $(steps.a.pid), b: $(steps.b.pid)}
"""
WAIT = "kind: Tool\nname: wait\nimplementation: {type: command, command: [sleep, '%s']}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"service.py": SERVICE, "relic.yaml": RELIC, "inner.yaml": INNER, "outer.yaml": OUTER}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "wait.yaml").write_text(WAIT % "0")
    return tmp_path


def pids(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "pids").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_one_service_serves_a_run_and_ends_with_the_session(folder: Path) -> None:
    session = Session.open(
        Request(source=Path("outer.yaml"), cwd=folder, environ={"CORTEX_HOME": str(folder / "s")})
    )
    await session.preflight()
    async with session.run({}) as events:
        last: Any = None
        async for event in events:
            last = event
    [pid] = pids(folder)
    assert last.data.outputs == {"a": pid, "b": pid}
    assert is_alive(pid)
    await session.aclose()
    assert not is_alive(pid)


@pytest.mark.no_cover
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_cortex_ends_the_service_ends(folder: Path, number: int) -> None:
    (folder / "wait.yaml").write_text(WAIT % "9")
    command = [sys.executable, "-m", "cortex_cli", "run", "outer.yaml", "--json"]
    environ = {**os.environ, "CORTEX_HOME": str(folder / "s"), "TMPDIR": str(folder)}
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = msgspec.json.decode(line)
            if event.get("action_id") == "c":
                break
        [pid] = pids(folder)
        process.send_signal(number)
        if number == signal.SIGKILL:
            # The tool that still runs holds the pipe.
            process.stdout.close()
        else:
            process.communicate()
    while is_alive(pid):
        pass
