"""MCP servers in manifests: declared in cortex.toml, imported as a whole, or written in a tool."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from cortex_cli.errors import Problem
from cortex_cli.kinds import ActionType, Severity
from cortex_cli.manifest.mcp_models import DeclaredServer, McpServer
from cortex_cli.manifest.open import Place, examine_at
from cortex_cli.manifest.program import Program, ToolTarget
from cortex_cli.manifest.tool_models import McpImplementation

DECLARED = {
    "clock": DeclaredServer.model_validate(
        {
            "command": "clock-server",
            "env": {"KEY": "${secrets.CLOCK_KEY}"},
            "secrets": {"CLOCK_KEY": {"env": "CLOCK_KEY"}},
        }
    ),
    "files": DeclaredServer(url="http://localhost:9000/mcp"),
}


def looked_at(
    folder: Path, files: Mapping[str, str], servers: Mapping[str, DeclaredServer] = DECLARED
) -> tuple[Program | None, list[Problem]]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    place = Place(cwd=folder, servers=lambda _: servers)
    return examine_at(place, Path(next(iter(files))))


def errors(folder: Path, *texts: str) -> list[str]:
    files = {f"{number or 'm'}.yaml": text for number, text in enumerate(texts)}
    _, problems = looked_at(folder, files)
    return [str(one) for one in problems if one.severity is Severity.ERROR]


def tool(program: Program | None, target: str) -> ToolTarget:
    assert program is not None
    found = program.lookup(ActionType.TOOL, target)
    assert isinstance(found, ToolTarget)
    return found


def server_of(target: ToolTarget) -> McpServer:
    implementation = target.manifest.implementation
    assert isinstance(implementation, McpImplementation)
    assert isinstance(implementation.server, McpServer)
    return implementation.server


def agent(imports: str, target: str, more: str = "") -> str:
    action = f"{{id: a, type: tool, target: {target}}}"
    return f"kind: Agent\nname: a\n{more}import: {{{imports}}}\nactions: [{action}]\n"


def test_one_line_imports_all_tools_of_a_declared_server(tmp_path: Path) -> None:
    program, problems = looked_at(tmp_path, {"a/m.yaml": agent("mcp: [clock]", "clock.now")})
    assert problems == []
    now = tool(program, "clock.now")
    assert now is tool(program, "clock.now")
    assert now.server_name == "clock"
    assert server_of(now) is DECLARED["clock"]
    assert now.manifest.implementation.model_dump()["tool"] == "now"
    assert set(now.manifest.secrets) == {"CLOCK_KEY"}
    assert tool(program, "clock.a.b").manifest.implementation.model_dump()["tool"] == "a.b"


def test_a_server_may_be_written_where_it_is_imported(tmp_path: Path) -> None:
    server = "{name: mine, command: python3, args: [server.py], env: {K: '${secrets.USED}'}}"
    secrets = "secrets: {USED: {env: U}, OTHER: {env: O}}\n"
    text = agent(f"mcp: [{server}]", "mine.do", secrets)
    program, problems = looked_at(tmp_path, {"m.yaml": text})
    assert problems == []
    target = tool(program, "mine.do")
    assert server_of(target).args == ("server.py",)
    assert set(target.manifest.secrets) == {"USED"}
    assert (target.server_name, target.folder) == (None, tmp_path)


def test_a_tool_names_a_declared_server_or_says_its_own(tmp_path: Path) -> None:
    named = "kind: Tool\nname: now\nimplementation: {type: mcp, server: clock, tool: now}\n"
    own = "kind: Tool\nname: own\nimplementation: {type: mcp, server: {command: x}, tool: y}\n"
    files = {
        "m.yaml": agent("tools: [t/now.yaml, t/own.yaml]", "now"),
        "t/now.yaml": named,
        "t/own.yaml": own,
    }
    program, problems = looked_at(tmp_path, files)
    assert [problem.code for problem in problems] == ["unused_import"]
    now, mine = tool(program, "now"), tool(program, "own")
    assert server_of(now) is DECLARED["clock"]
    assert now.server_name == "clock"
    assert (server_of(mine).command, mine.folder) == ("x", tmp_path / "t")


def test_what_is_called_may_use_the_servers_of_its_importer(tmp_path: Path) -> None:
    files = {
        "m.yaml": "kind: Agent\nname: a\nimport: {mcp: [clock], workflows: [w.yaml]}\n"
        "actions: [{id: a, type: workflow, target: w}]\n",
        "w.yaml": "kind: Workflow\nname: w\nactions: [{id: b, type: tool, target: clock.now}]\n",
    }
    program, problems = looked_at(tmp_path, files)
    assert problems == []
    assert program is not None
    assert [one.name for one in program.reached()] == ["a", "w"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            agent("mcp: [clok]", "clok.now"),
            (
                "m.yaml:3:16: there is no server 'clok' in the cortex.toml of {root};"
                " did you mean 'clock'?"
            ),
        ),
        (
            agent("mcp: [clock, weather]", "weather.now"),
            (
                "m.yaml:3:23: there is no server 'weather' in the cortex.toml of {root};"
                " it declares clock and files"
            ),
        ),
        (
            agent("mcp: [clock]", "clok.now"),
            (
                "m.yaml:4:39: action 'a' calls tool 'clok.now', which nothing imports;"
                " did you mean 'clock'?"
            ),
        ),
        (
            agent("mcp: [clock]", "clock"),
            "m.yaml:4:39: action 'a' calls tool 'clock', which nothing imports; write 'clock.TOOL'",
        ),
        (
            agent("mcp: [clock]", "clock."),
            (
                "m.yaml:4:39: action 'a' calls tool 'clock.', which nothing imports;"
                " write 'clock.TOOL'"
            ),
        ),
        (
            agent("mcp: [clock]", "zzz.now"),
            (
                "m.yaml:4:39: action 'a' calls tool 'zzz.now', which nothing imports;"
                " the servers imported here are clock"
            ),
        ),
        (
            agent("mcp: [{name: x, command: a, url: b}]", "x.y"),
            "m.yaml:3:26: a server has either a 'command' or a 'url'",
        ),
        (
            agent("mcp: [{name: x, url: 'http://h/', args: [b]}]", "x.y"),
            "m.yaml:3:44: 'args' is not for a server that has a 'url'",
        ),
        (
            agent("mcp: [{name: x, command: b, headers: {a: b}}]", "x.y"),
            "m.yaml:3:38: 'headers' is not for a server that has a 'command'",
        ),
        (
            agent("mcp: [{command: b}]", "x.y"),
            "m.yaml:3:16: 'name' is missing in 'import.mcp[0]'",
        ),
        (
            "kind: Tool\nname: t\nimplementation: {type: mcp, server: clok, tool: x}\n",
            (
                "m.yaml:3:37: there is no server 'clok' in the cortex.toml of {root};"
                " did you mean 'clock'?"
            ),
        ),
    ],
)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert errors(tmp_path, text) == [message.format(root=tmp_path)]


def test_where_nothing_is_declared_the_hint_says_how(tmp_path: Path) -> None:
    text = agent("mcp: [clock]", "clock.now")
    _, problems = looked_at(tmp_path, {"m.yaml": text}, {})
    assert problems[0].hint == "declare it there: [mcp.servers.clock]"


def test_settings_are_not_asked_where_no_server_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("kind: Agent\nname: a\nactions: []\n")

    def refuse(_: Path) -> Mapping[str, DeclaredServer]:
        raise AssertionError

    assert examine_at(Place(cwd=tmp_path, servers=refuse), Path("m.yaml"))[0] is not None


def test_a_server_that_is_not_there_is_a_note_where_nothing_calls_it(tmp_path: Path) -> None:
    program, problems = looked_at(tmp_path, {"m.yaml": agent("mcp: [clock, fils]", "clock.now")})
    assert program is not None
    [note] = problems
    assert note.severity is Severity.NOTE
    assert (note.line, note.hint) == (3, "did you mean 'files'?")
