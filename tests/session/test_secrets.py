"""Where secrets are taken from, which are read, and what is said of the others."""

import os
from pathlib import Path

import pytest

from cortex_cli.errors import ManifestError, SetupError
from cortex_cli.events import ActionCompleted, AgentEnded, Event
from cortex_cli.session import secret_sources
from cortex_cli.session.session import Request, Session
from tests.actions.conftest import Survivors
from tests.actions.http_server import json_answer, serve

TOOL = """\
kind: Tool
name: show
environment: {variables: {KEY: "${secrets.KEY}"}}
secrets: {KEY: SOURCE}
implementation: {type: command, command: [sh, -c, 'test "$$KEY" = "$$WANTED" && echo same']}
"""
AGENT = """\
kind: Agent
name: a
import: {tools: [show.yaml]}
actions:
  - {id: x, type: tool, target: show, env: {WANTED: "${inputs.wanted}"}}
"""


def opened(folder: Path, files: dict[str, str], environ: dict[str, str] | None = None) -> Session:
    for name, text in files.items():
        (folder / name).write_text(text)
    environ = {"CORTEX_HOME": str(folder / "state"), **(environ or {})}
    return Session.open(Request(source=Path(next(iter(files))), cwd=folder, environ=environ))


def from_source(folder: Path, source: str, environ: dict[str, str] | None = None) -> Session:
    files = {"m.yaml": AGENT, "show.yaml": TOOL.replace("SOURCE", source)}
    return opened(folder, files, environ)


async def events_of(session: Session, wanted: str = "") -> list[Event]:
    stream = session.run({"wanted": wanted})
    try:
        return [event async for event in stream]
    finally:
        await session.aclose()


async def output_of(session: Session, wanted: str) -> object:
    events = await events_of(session, wanted)
    return [e.data.output for e in events if isinstance(e, ActionCompleted)]


async def refusal_of(session: Session) -> str:
    with pytest.raises(SetupError) as caught:
        await session.preflight()
    assert caught.value.exit_code == 3
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{env: THE_KEY}", " from the variable\n"),
        ("{file: key.txt}", "from a file"),
        ("{file: ../key.txt}", "from above"),
        ("{file: ABSOLUTE/key.txt}", "from a file"),
        ("{file: ~/key.txt}", "from home"),
        ("{command: [cat, key.txt]}", "from a file"),
        ('{command: [sh, -c, "printf $PLAIN; echo; echo"]}', "of-a-variable"),
    ],
)
async def test_a_secret_comes_from_a_variable_a_file_or_a_command(
    tmp_path: Path, source: str, value: str
) -> None:
    folder, home = tmp_path / "project", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    (folder / "key.txt").write_bytes(b"\xef\xbb\xbffrom a file\r\n\n")
    (tmp_path / "key.txt").write_text("from above")
    (home / "key.txt").write_text("from home")
    environ = {"THE_KEY": " from the variable\n", "HOME": str(home)}
    tool = TOOL.replace("variables: {", "variables: {PLAIN: of-a-variable, ")
    tool = tool.replace("SOURCE", source.replace("ABSOLUTE", str(folder)))
    session = opened(folder, {"m.yaml": AGENT, "show.yaml": tool}, environ)
    await session.preflight()
    assert await output_of(session, value) == ["same"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{env: NO_KEY}", "the environment variable NO_KEY, which is not set; set it before you run: "),
        ("{env: EMPTY}", "is empty: fewer than 6 cannot be told from other text"),
        ("{env: SHORT}", "has 5 characters: fewer than 6 cannot be told from other text; use a longer "),
        ("{env: LONG}", "is longer than 16,384 characters"),
        ("{file: none.txt}", "the file 'none.txt': there is no such file; it was looked for as "),
        ("{file: .}", "this is a folder, not a file"),
        ("{file: fifo}", "this is a named pipe, not a file"),
        ("{file: /dev/zero}", "this is a device, not a file"),
        ("{file: ~/key.txt}", "there is no such file"),
        ("{file: big.txt}", "the file is larger than"),
        ("{file: latin.txt}", "is not UTF-8; keep it as base64"),
        ("{command: [no-such-program-here]}", "program 'no-such-program-here' was not found"),
        ("{command: [sh, -c, 'echo locked >&2; exit 3']}", "ended with exit code 3: locked"),
        ("{command: ['false']}", "ended with exit code 1: it said nothing"),
        ("{command: [sh, -c, 'kill -9 $$']}", "ended by signal SIGKILL"),
        ("{command: [cat, big.txt]}", "is longer than 16,384 characters"),
    ],
)  # fmt: skip
async def test_a_secret_that_cannot_be_had_is_told_before_anything_runs(
    tmp_path: Path, source: str, said: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "big.txt").write_text("x" * 20_000)
    (tmp_path / "latin.txt").write_bytes("schlüssel".encode("latin-1"))
    session = from_source(tmp_path, source, {"EMPTY": "", "SHORT": "12345", "LONG": "x" * 17_000})
    message = await refusal_of(session)
    assert message.startswith("the secret 'KEY' of show.yaml ")
    assert said in message
    assert not (tmp_path / "state").exists()
    with pytest.raises(SetupError, match="the secret 'KEY' of"):
        await events_of(session)


async def test_a_command_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survivors = Survivors()
    monkeypatch.setattr(secret_sources, "COMMAND_SECONDS", 0.2)
    mark = survivors.env["CORTEX_TEST_MARK"]
    source = f"{{command: [env, CORTEX_TEST_MARK={mark}, sleep, '1000']}}"
    message = await refusal_of(from_source(tmp_path, source))
    assert "which took longer than 0.2 s; it must not wait for anyone" in message
    assert survivors() == []


async def test_all_that_is_missing_is_told_at_once_and_read_once_it_is_there(
    tmp_path: Path,
) -> None:
    counting = "{command: [sh, -c, 'echo x >> count; echo counted-key']}"
    agent = AGENT.replace(
        "import:",
        f"secrets: {{A: {{env: NO_A}}, B: {{file: b.txt}}, C: {counting}}}\nimport:",
    ).replace("WANTED:", 'A: "${secrets.A}${secrets.B}${secrets.C}", WANTED:')
    files = {"m.yaml": agent, "show.yaml": TOOL.replace("SOURCE", "{file: c.txt}")}
    session = opened(tmp_path, files, {"NO_A": "now-there"})
    message = await refusal_of(session)
    assert message.count("the secret '") == 2
    (tmp_path / "b.txt").write_text("also-there")
    (tmp_path / "c.txt").write_text("there-too")
    await session.preflight()
    assert await output_of(session, "there-too") == ["same"]
    assert (tmp_path / "count").read_text() == "x\n"


async def test_a_secret_that_nothing_refers_to_is_not_read_and_noted(tmp_path: Path) -> None:
    agent = (
        "kind: Agent\nname: a\nsecrets: {K: {env: NO_KEY}}\nactions: [{id: x, type: internal}]\n"
    )
    session = opened(tmp_path, {"m.yaml": agent})
    assert [str(problem) for problem in session.problems] == [
        "m.yaml:3:14: note: the secret 'K' is declared and never used; refer to it: ${secrets.K}"
    ]
    await session.preflight()
    await session.aclose()


@pytest.mark.parametrize(
    "place",
    ["environment: {variables: {V: '${secrets.KEX}'}}", "environment: {variables: {V: '$secrets.x ${secrets.KEX}'}}"],
)  # fmt: skip
def test_a_variable_of_a_secret_that_is_not_declared_is_an_error(
    tmp_path: Path, place: str
) -> None:
    agent = f"kind: Agent\nname: a\nsecrets: {{KEY: {{env: K}}}}\n{place}\nactions: []\n"
    with pytest.raises(ManifestError, match=r"'secrets\.KEX' is no declared secret; did you mean"):
        opened(tmp_path, {"m.yaml": agent})


def test_a_relic_needs_its_secrets_declared_too(tmp_path: Path) -> None:
    relic = (
        "kind: Relic\nname: r\ninterface: {type: rest_api, base_url: '${secrets.URL}',"
        " endpoints: [{name: get, path: /x}]}\n"
    )
    with pytest.raises(ManifestError, match=r"'secrets\.URL' is no declared secret; declare 'URL'"):
        opened(tmp_path, {"r.yaml": relic})


async def test_a_tool_run_by_itself_and_a_relic_at_a_secret_address_work(tmp_path: Path) -> None:
    tool = TOOL.replace("SOURCE", "{env: THE_KEY}").replace(
        "variables: {", "variables: {WANTED: 'abcdef', "
    )
    session = opened(tmp_path, {"t.yaml": tool}, {"THE_KEY": "abcdef"})
    assert session.problems == ()
    assert [e.data.output for e in await events_of(session) if isinstance(e, ActionCompleted)] == [
        "same"
    ]
    relic = (
        "kind: Relic\nname: r\nsecrets: {URL: {env: URL}}\ninterface: {type: rest_api,"
        " base_url: '${secrets.URL}/v1', endpoints: [{name: get, path: /x}]}\n"
    )
    with serve() as server:
        server.answers["/v1/x"] = json_answer("well")
        session = opened(tmp_path, {"r.yaml": relic}, {"URL": server.url})
        events = await events_of(session)
    assert isinstance(events[-1], AgentEnded)
    assert events[-1].data.outputs == {"r": "well"}


async def test_a_nested_agent_has_its_own_secrets_and_those_it_is_given(tmp_path: Path) -> None:
    outer = (
        "kind: Agent\nname: outer\nsecrets: {K: {env: K1}}\nimport: {agents: [inner.yaml]}\n"
        "actions: [{id: x, type: agent, target: inner, parameters: {given: '${secrets.K}'}}]\n"
    )
    inner = (
        "kind: Agent\nname: inner\nsecrets: {K: {env: K2}}\ninputs: {given: {type: string,"
        " enum: [outer-key]}}\nactions: [{id: y, type: internal, output_key: ok, condition:"
        " \"inputs.given == 'outer-key' && secrets.K == 'inner-key'\"}]\n"
        "outputs: {ok: $ok, given: '<${inputs.given}>'}\n"
    )
    session = opened(
        tmp_path,
        {"m.yaml": outer, "inner.yaml": inner},
        {"K1": "outer-key", "K2": "inner-key"},
    )
    await session.preflight()
    events = await events_of(session)
    assert isinstance(events[-1], AgentEnded)
    assert events[-1].data.outputs == {"x": {"ok": {}, "given": "<***>"}}


async def test_a_secret_that_does_not_fit_an_input_is_not_shown(tmp_path: Path) -> None:
    outer = (
        "kind: Agent\nname: outer\nsecrets: {K: {env: K1}}\nimport: {agents: [inner.yaml]}\n"
        "actions: [{id: x, type: agent, target: inner, parameters: {given: '${secrets.K}'}}]\n"
    )
    inner = (
        "kind: Agent\nname: inner\ninputs: {given: {type: string, enum: [a, b]}}\n"
        "actions: [{id: y, type: internal}]\n"
    )
    session = opened(tmp_path, {"m.yaml": outer, "inner.yaml": inner}, {"K1": "outer-key"})
    events = await events_of(session)
    assert isinstance(events[-1], AgentEnded)
    assert "must be one of 'a', 'b', not '***'" in (events[-1].data.error or "")


def test_what_is_wrong_otherwise_is_told_beside_secrets(tmp_path: Path) -> None:
    agent = (
        "kind: Agent\nname: a\nsecrets: {K: {env: K}}\nimport: {tools: [t.yaml]}\nactions:\n"
        "  - {id: x, type: tool, target: nothing, condition: 'secrets.K =='}\n"
        "  - {id: y, type: tool, target: t}\n"
    )
    tool = "kind: Tool\nname: t\nimplementation: {type: mcp, tool: x, server: nowhere}\n"
    with pytest.raises(ManifestError) as caught:
        opened(tmp_path, {"m.yaml": agent, "t.yaml": tool})
    assert {problem.code for problem in caught.value.problems} == {
        "unknown_target",
        "condition_syntax",
        "unknown_server",
        "unused_secret",
    }


def test_a_secret_in_the_arguments_of_a_command_is_an_error_at_load(tmp_path: Path) -> None:
    tool = (
        "kind: Tool\nname: t\nsecrets: {KEY: {env: K}}\n"
        "implementation: {type: command, command: [curl, '-u', 'me:${secrets.KEY}']}\n"
    )
    with pytest.raises(ManifestError) as caught:
        opened(tmp_path, {"t.yaml": tool})
    assert str(caught.value) == (
        "t.yaml:4:55: a secret cannot go into the arguments of a process, which all can read; give"
        " it as a variable: environment: {variables: {NAME: '${secrets.KEY}'}}"
    )
