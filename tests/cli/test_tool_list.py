"""`cortex tools`: everything that can be called, wherever it comes from."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import MANIFESTS, Cortex
from tests.mcp.conftest import ODD

pytestmark = pytest.mark.timeout(60)

TOML = f"""
[mcp.servers.odd]
command = "python3"
args = ["{ODD}", "pages"]
[mcp.servers.dead]
command = "python3"
args = ["{ODD}", "dies"]
"""
AGENT = """
kind: Agent
name: a
import: {mcp: [odd], tools: [greet.yaml, served.yaml], relics: [notes.yaml, api.yaml]}
actions: []
"""
GREET = """
kind: Tool
name: greet
summary: Says hello
parameters:
  - {name: who, required: true, description: Whom to greet, validation: {min_length: 1}}
  - {name: times, type: integer, default: 1, validation: {min: 1, max: 9}}
  - {name: how, enum: [loudly, softly]}
implementation: {type: command, command: [echo, $who]}
"""
SERVED = """
kind: Tool
name: served
parameters: [{name: n, type: number}]
implementation: {type: mcp, server: odd, tool: t1}
"""
NOTES = "kind: Relic\nname: notes\ninterface: {type: embedded, engine: sqlite_kv}\n"
API = """
kind: Relic
name: api
interface:
  type: rest_api
  base_url: http://localhost:1
  endpoints: [{name: get, path: '/x/{id}', description: Fetches one}, {name: all, path: /x}]
"""


@pytest.fixture
def place(here: Path) -> Path:
    files = {"cortex.toml": TOML, "a.yaml": AGENT, "greet.yaml": GREET, "served.yaml": SERVED}
    for name, text in (files | {"notes.yaml": NOTES, "api.yaml": API}).items():
        (here / name).write_text(text)
    return here


def test_every_kind_is_listed_with_its_schema(cortex: Cortex, place: Path) -> None:
    ended = cortex("tools", "a.yaml", "--json")
    assert ended.code == 0, ended.err
    tools = {tool["name"]: tool for tool in ended.json["tools"]}
    assert {name: tool["type"] for name, tool in tools.items()} == {
        "greet": "command",
        "served": "mcp",
        "notes set_value": "relic",
        "notes get_value": "relic",
        "notes delete_value": "relic",
        "notes list_keys": "relic",
        "api get": "relic",
        "api all": "relic",
        "odd.t0": "mcp",
        "odd.t1": "mcp",
        "odd.t2": "mcp",
        "internal": "built-in",
        "decision": "built-in",
        "llm": "built-in",
    }
    assert tools["greet"] == {
        "name": "greet",
        "type": "command",
        "origin": "greet.yaml",
        "description": "Says hello",
        "problem": None,
        "parameters": {
            "type": "object",
            "properties": {
                "who": {"type": "string", "description": "Whom to greet", "minLength": 1},
                "times": {"type": ["integer", "null"], "default": 1, "minimum": 1, "maximum": 9},
                "how": {"type": ["string", "null"], "enum": ["loudly", "softly", None]},
            },
            "required": ["who"],
            "additionalProperties": False,
        },
    }
    assert list(tools["served"]["parameters"]["properties"]) == ["n"]
    assert tools["odd.t0"]["parameters"] == {"type": "object"}
    assert tools["odd.t0"]["origin"] == "server odd"
    assert tools["api get"]["parameters"]["required"] == ["id"]
    assert tools["api all"]["parameters"] == {"type": "object"}
    assert not (place / "cortex.lock").exists()


@pytest.mark.usefixtures("place")
def test_the_text_fits_a_terminal(cortex: Cortex) -> None:
    ended = cortex("tools", "a.yaml")
    assert ended.code == 0, ended.err
    assert max(map(len, ended.out.splitlines())) <= 80
    assert ended.out.startswith(
        "greet  command  greet.yaml\n"
        "  Says hello\n"
        "  who    string              Whom to greet\n"
        "  times  integer?            default 1\n"
        '  how    "loudly"|"softly"?\n'
    )
    assert "odd.t0  mcp  server odd\n  any parameters\n" in ended.out
    assert ended.out.endswith("1 command, 4 mcp, 6 relic, 3 built-in\n")


def test_without_a_manifest_the_root_is_listed(cortex: Cortex, place: Path) -> None:
    for name in ("tools/greet", "manifests/relics/notes"):
        (place / name).mkdir(parents=True)
    (place / "tools/greet/tool.yaml").write_text(GREET)
    (place / "tools/README.txt").write_text("no manifest")
    (place / "manifests/relics/notes/relic.yaml").write_text(NOTES)
    env = {"TMPDIR": str(place)}
    ended = cortex("tools", "--json", env=env)
    assert ended.code == 3
    tools = {tool["name"]: tool for tool in ended.json["tools"]}
    assert {"greet", "notes get_value", "odd.t1", "dead.*", "llm"} <= tools.keys()
    assert "ended with exit code 1 before it answered: cannot find my" in tools["dead.*"]["problem"]
    text = cortex("tools", env=env)
    assert text.code == 3
    assert "dead.*  mcp  server dead" in text.out
    assert "cannot find my settings" in " ".join(text.out.split())


def test_a_changed_tool_is_shown_and_can_be_accepted(cortex: Cortex, place: Path) -> None:
    assert cortex("tools", "a.yaml", "--update-lock").code == 0
    lock = place / "cortex.lock"
    pinned = json.loads(lock.read_text())
    pinned["servers"]["odd"]["t1"] = {"hash": "sha256:0", "description": "Something else"}
    lock.write_text(json.dumps(pinned))
    (place / "a.yaml").write_text(AGENT.replace("[]\n", "[{id: x, type: tool, target: odd.t1}]\n"))
    ran = cortex("run", "a.yaml")
    assert ran.code == 1
    assert 'is not what was pinned: description was "Something else", is gone' in " ".join(
        ran.err.split()
    )
    listed = cortex("tools", "a.yaml")
    assert listed.code == 3
    assert "is not what was pinned" in " ".join(listed.out.split())
    assert cortex("tools", "a.yaml", "--update-lock").code == 0
    assert cortex("tools", "a.yaml").code == 0


def test_a_relic_and_a_tool_list_themselves(cortex: Cortex, place: Path) -> None:
    names = [tool["name"] for tool in cortex("tools", "api.yaml", "--json").json["tools"]]
    assert names[:2] == ["api get", "api all"]
    assert cortex("tools", "served.yaml", "--json").json["tools"][0]["name"] == "served"
    (place / "served.yaml").write_text(SERVED.replace("t1", "t9"))
    ended = cortex("tools", "served.yaml", "--json")
    assert (ended.code, ended.json["tools"][0]["problem"]) == (3, "its server has no tool 't9'")


def test_without_the_extra_the_error_names_it(cortex: Cortex, place: Path, tmp_path: Path) -> None:
    (tmp_path / "bare" / "mcp").mkdir(parents=True)
    missing = "raise ModuleNotFoundError('no mcp', name='mcp')\n"
    (tmp_path / "bare" / "mcp" / "__init__.py").write_text(missing)
    (place / "a.yaml").write_text(AGENT.replace("[]\n", "[{id: x, type: tool, target: odd.t1}]\n"))
    env = {"PYTHONPATH": str(tmp_path / "bare")}
    assert cortex("validate", "a.yaml", env=env).code == 0
    for command in (["run", "a.yaml"], ["tools", "a.yaml"]):
        ended = cortex(*command, env=env)
        assert ended.code == 3
        said = " ".join((ended.out + ended.err).split())
        assert "tools of MCP servers need the extra 'mcp'; install it: pip install" in said
        assert "Traceback" not in said


def test_doctor_says_whether_servers_answer(cortex: Cortex, place: Path) -> None:
    ended = cortex("doctor", env={"TMPDIR": str(place)})
    assert ended.code == 3
    lines = ended.out.splitlines()
    assert any(line.split()[:3] == ["ok", "server", "odd"] for line in lines)
    assert any("answers, and has 3 tools" in line for line in lines)
    assert any(line.split()[:3] == ["error", "server", "dead"] for line in lines)
    assert any(line.split()[:3] == ["ok", "mcp", "mcp"] for line in lines)
    checked = cortex("doctor", "served.yaml")
    assert "server odd answers, and has it as it was pinned" in checked.out
    (place / "cortex.toml").write_text("[mcp.servers.odd]\nurl = 1\n")
    broken = cortex("doctor")
    assert broken.code == 3
    assert "is no value for the setting 'mcp.servers.odd.url'" in broken.out


def test_a_manifest_that_does_not_load_is_exit_2(cortex: Cortex, here: Path) -> None:
    (here / "m.yaml").write_text("kind: Agent\nname: a\nimport: {mcp: [{name: a}]}\nactions: []\n")
    ended = cortex("tools", "m.yaml", "--json")
    assert ended.code == 2
    assert ended.json["problems"][0]["message"] == "a server has either a 'command' or a 'url'"


def test_the_tools_of_the_samples_are_listed(cortex: Cortex) -> None:
    ended = cortex("tools", MANIFESTS / "research_assistant.yaml")
    assert ended.code == 0
    assert "fetch_source  script" in ended.out
