"""MCP servers in a session: one for a run with all that is nested, and gone with it."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cortex_cli.errors import ManifestError, SetupError
from cortex_cli.events import ActionCompleted, ActionFailed, ActionRetrying, Event
from cortex_cli.mcp.lock import Lock
from cortex_cli.mcp.served_tools import ServedTool
from cortex_cli.session.session import Request, Session
from tests.mcp.conftest import ODD, wait_until
from tests.session.test_services import is_alive

pytestmark = pytest.mark.timeout(60)

TOML = f"""
[mcp.servers.odd]
command = "python3"
args = ["{ODD}", "show"]
env = {{ODD_FILE = "pids", KEY = "${{secrets.ODD_KEY}}"}}
secrets = {{ODD_KEY = {{env = "ODD_KEY"}}}}
"""
OUTER = """
kind: Agent
name: outer
import: {mcp: [odd], workflows: [inner.yaml], tools: [named.yaml]}
actions:
  - {id: a, type: tool, target: odd.t}
  - {id: b, type: workflow, target: inner}
  - {id: c, type: tool, target: named}
"""
INNER = """
kind: Workflow
name: inner
import: {mcp: [odd]}
actions: [{id: d, type: tool, target: odd.t}]
"""
NAMED = "kind: Tool\nname: named\nimplementation: {type: mcp, server: odd, tool: t}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Logs of servers that have crashed are kept where temporary files are.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files = {"cortex.toml": TOML, "outer.yaml": OUTER, "inner.yaml": INNER, "named.yaml": NAMED}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def opened(folder: Path, source: str, **environ: str) -> Session:
    environ = {"CORTEX_HOME": str(folder / "s"), **environ}
    return Session.open(Request(source=Path(source), cwd=folder, environ=environ))


async def events_of(session: Session) -> list[Event]:
    try:
        await session.preflight()
        async with session.run({}) as events:
            return [event async for event in events]
    finally:
        await session.aclose()


async def test_one_server_serves_a_run_and_ends_with_the_session(folder: Path) -> None:
    events = await events_of(opened(folder, "outer.yaml", ODD_KEY="s3cr3t-key"))
    [pid] = (folder / "pids").read_text().split()
    outputs = [one.data.output for one in events if isinstance(one, ActionCompleted)]
    assert outputs.count(f"{pid} ***") == 3, outputs
    assert not is_alive(int(pid))
    assert "s3cr3t-key" not in str(events)
    assert list(msgspec.json.decode((folder / "cortex.lock").read_bytes())["servers"]) == ["odd"]


async def test_a_secret_that_is_not_there_keeps_the_run_from_starting(folder: Path) -> None:
    session = opened(folder, "outer.yaml")
    with pytest.raises(SetupError, match="the environment variable ODD_KEY, which is not set"):
        await session.preflight()
    await session.aclose()
    assert not (folder / "pids").exists()


def test_opening_and_planning_starts_no_server(folder: Path) -> None:
    session = opened(folder, "outer.yaml")
    assert [action.id for action in session.report.actions] == ["a", "b", "c"]
    assert not (folder / "pids").exists()
    assert not (folder / "cortex.lock").exists()


def own(folder: Path, server: str, more: str = "") -> str:
    action = f"{{id: a, type: tool, target: x.t{more}}}"
    text = f"kind: Agent\nname: a\nimport: {{mcp: [{{name: x, {server}}}]}}\nactions: [{action}]\n"
    (folder / "m.yaml").write_text(text)
    return "m.yaml"


async def test_a_value_may_come_from_the_environment_or_a_default(folder: Path) -> None:
    server = f"command: python3, args: ['{ODD}', '$HOW'], env: {{KEY: '${{K:-none}}'}}"
    events = await events_of(opened(folder, own(folder, server), HOW="show"))
    [done] = [one for one in events if isinstance(one, ActionCompleted)]
    assert str(done.data.output).endswith(" none")
    with pytest.raises(SetupError, match=r"needs \$HOW, which has no value; set the environment"):
        await events_of(opened(folder, own(folder, server)))


async def test_a_crash_is_retried_where_the_action_says_that_it_may_be(folder: Path) -> None:
    (folder / "crash.py").write_text(
        ODD.read_text().replace(
            "def call() -> dict[str, Any]:\n",
            "def call() -> dict[str, Any]:\n"
            "    if not os.path.exists('crashed'):\n"
            "        open('crashed', 'w').close()\n"
            "        sys.exit('oh')\n",
        )
    )
    retry = ", effect: idempotent, retry: {max_attempts: 2, delay_seconds: 0}"
    source = own(folder, "command: python3, args: [crash.py, fine]", retry)
    events = await events_of(opened(folder, source))
    [retrying] = [one for one in events if isinstance(one, ActionRetrying)]
    assert "server 'python3 crash.py fine' ended with exit code 1 during the call" in (
        retrying.data.error
    )
    assert [one.data.output for one in events if isinstance(one, ActionCompleted)] == ["ok"]
    (folder / "crashed").unlink()
    source = own(folder, "command: python3, args: [crash.py, fine]", ", retry_count: 1")
    events = await events_of(opened(folder, source))
    [failed] = [one for one in events if isinstance(one, ActionFailed)]
    assert (failed.data.attempts, failed.data.error_type) == (1, "server")


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("command: 'x${secrets.A}'", "a secret cannot go into the arguments of a process"),
        ("command: x, args: ['${secrets.A}']", "a secret cannot go into the arguments"),
        ("command: x, env: {A: '${'}", "implementation"),
        ("url: '$URL'", "the URL does not say which host it is for; name the hosts"),
        ("url: 'http://h/', allow_hosts: ['a b']", "'a b' declares no host"),
    ],
)
def test_what_is_wrong_with_a_server_shows_before_it_starts(
    folder: Path, server: str, message: str
) -> None:
    source = own(folder, server)
    with pytest.raises(ManifestError) as caught:
        opened(folder, source)
    if message != "implementation":
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("server", "environ", "message"),
    [
        (
            "url: '$U', allow_hosts: [h]",
            {"U": "ftp://h/"},
            "server at 'ftp://h/' can't be called: this URL",
        ),
        ("url: 'http://$H/', allow_hosts: [h]", {"H": "other"}, "host 'other', port 80, is not"),
        ("url: 'http://$H/', allow_hosts: [h]", {"H": "u@h"}, "holds a user or password"),
    ],
)
async def test_a_url_leads_to_declared_hosts_only(
    folder: Path, server: str, environ: dict[str, str], message: str
) -> None:
    session = opened(folder, own(folder, server), **environ)
    with pytest.raises(SetupError, match=message):
        await session.preflight()
    await session.aclose()


@pytest.mark.no_cover
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_cortex_ends_the_server_ends(folder: Path, number: int) -> None:
    own(folder, f"command: python3, args: ['{ODD}', show], env: {{ODD_FILE: pids}}")
    agent = (folder / "m.yaml").read_text()
    agent = agent.replace("actions: [", "actions: [{id: w, type: tool, target: wait}, ")
    agent = agent.replace("import: {", "import: {tools: [wait.yaml], ")
    (folder / "m.yaml").write_text(agent)
    (folder / "wait.yaml").write_text(
        "kind: Tool\nname: wait\nimplementation: {type: command, command: [sleep, '30']}\n"
    )
    command = [sys.executable, "-m", "cortex_cli", "run", "m.yaml", "--json"]
    environ = {**os.environ, "CORTEX_HOME": str(folder / "s"), "TMPDIR": str(folder)}
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event: Any = msgspec.json.decode(line)
            if event["event_type"] == "action_completed":
                break
        [pid] = (folder / "pids").read_text().split()
        assert is_alive(int(pid))
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.stdout.close()
    wait_until(lambda: not is_alive(int(pid)), 10)


def test_a_model_that_plans_is_told_of_the_tools_that_are_pinned(folder: Path) -> None:
    agent = "kind: Agent\nname: g\ngoal: tell the time\nimport: {mcp: [odd]}\n"
    (folder / "goal.yaml").write_text(agent)

    def told() -> list[str]:
        session = opened(folder, "goal.yaml")
        return [offer.target for offer in session._specs.of(session.program).offers]

    assert told() == ["default"]
    schema = {"type": "object", "properties": {"zone": {}}}
    tool = ServedTool(name="now", description="The\n time", input_schema=schema)
    Lock(folder).admit("odd", {"now": tool})
    assert told() == ["odd.now", "default"]
    session = opened(folder, "goal.yaml")
    offer = session._specs.of(session.program).offers[0]
    assert (offer.description, offer.parameters) == ("The time", schema)
    assert not (folder / "pids").exists()
