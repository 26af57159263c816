"""What tools and relics need of the machine, from the command line."""

import os
import socket
import sys
from pathlib import Path

import pytest

from tests.actions.wheels import make_wheel
from tests.cli.conftest import Cortex

TOOL = """
kind: Tool
name: demo
implementation: {type: script, entrypoint: main.py}
"""


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)


@pytest.mark.timeout(60)
def test_packages_are_installed_once_and_not_without_leave(cortex: Cortex, here: Path) -> None:
    make_wheel(here, "demo", "ANSWER = 42\n")
    build = "build: {engine: pip, requirements_file: requirements.txt}\nresources: {timeout: 5}\n"
    write(here, tool_yaml=TOOL + build, main_py="import demo; print(demo.ANSWER)")
    (here / "requirements.txt").write_text("./demo-1.0-py3-none-any.whl\n")
    env = {"PIP_NO_INDEX": "1"}
    refused = cortex("run", "tool.yaml", "--no-build", env=env)
    assert refused.code == 3
    assert "the environment of tool 'demo' is not made yet; run it once without" in refused.err
    looked = cortex("doctor", "tool.yaml", env=env)
    assert "its environment is made when it is first run" in looked.out
    built = cortex("run", "tool.yaml", "--progress", "plain", env=env)
    assert (built.code, built.out) == (0, "42\n"), built.err
    assert "Installing collected packages: demo" in built.err
    again = cortex("run", "tool.yaml", "--no-build", "--progress", "plain", env=env)
    assert (again.code, again.out) == (0, "42\n")
    assert "Installing" not in again.err
    check = "health_check: {command: python -c 'import demo'}\n"
    write(here, tool_yaml=TOOL + build + check)
    looked = cortex("doctor", "tool.yaml", env=env)
    assert (looked.code, looked.out) == (0, "ok    tool demo  well\n")


def test_a_sandbox_that_is_asked_for_and_absent_ends_the_run_before_it_begins(
    cortex: Cortex, here: Path
) -> None:
    write(here, tool_yaml=TOOL + "sandbox: bwrap\n", main_py="")
    env = {"PATH": "/nowhere"}
    ended = cortex("run", "tool.yaml", env=env)
    assert (ended.code, ended.out) == (3, "")
    assert "'sandbox: bwrap' needs the program bwrap" in ended.err
    looked = cortex("doctor", "tool.yaml", env=env)
    assert looked.code == 3
    assert "error tool demo  'sandbox: bwrap' needs" in looked.out
    assert "tools with 'sandbox: bwrap' cannot run" in cortex("doctor", env=env).out


@pytest.mark.parametrize(
    ("check", "code", "said"),
    [
        ("{command: 'true'}", 0, "ok    tool demo  well"),
        ("{command: [sh, -c, exit 3], expected_exit_code: 3}", 0, "well"),
        ("{command: [sh, -c, echo no disk >&2; exit 3]}", 3, "exit code 3, not 0: no disk"),
        ("{command: sh -c 'exit 3'}", 3, "exit code 3, not 0"),
        ("{command: echo ready, expected_output_contains: ready}", 0, "well"),
        ("{command: echo steady, expected_output_contains: ready}", 3, "did not print 'ready'"),
        ("{command: no-such-program}", 3, "program 'no-such-program' was not found"),
    ],
)
def test_doctor_asks_tools_how_they_are(
    cortex: Cortex, here: Path, check: str, code: int, said: str
) -> None:
    write(here, tool_yaml=f"{TOOL}health_check: {check}\n", main_py="")
    ended = cortex("doctor", "tool.yaml")
    assert (ended.code, said in ended.out) == (code, True), ended.out


def test_doctor_looks_at_all_that_a_manifest_reaches(cortex: Cortex, here: Path) -> None:
    relic = (
        "kind: Relic\nname: {name}\ninterface:\n  type: rest_api\n  base_url: {url}\n"
        "  endpoints: [{{name: get, path: /get}}, {{name: other, path: /other}}]\n"
        "health_check: {{endpoint: /}}\n{more}"
    )
    served = "deployment: {type: process, command: python3 -m http.server $PORT}\n"
    write(
        here,
        main_py="",
        tool_yaml=TOOL,
        up_yaml=relic.format(name="up", url="http://127.0.0.1:${PORT}", more=served),
        down_yaml=relic.format(name="down", url="http://127.0.0.1:1", more=""),
        spare_yaml=relic.format(name="spare", url="http://127.0.0.1:1", more="fallback: embedded"),
        kv_yaml="kind: Relic\nname: kv\ninterface: {type: embedded, engine: sqlite_kv}\n",
        inner_yaml=(
            "kind: Workflow\nname: inner\nimport: {relics: [down.yaml, up.yaml]}\nactions:\n"
            "  - {id: d, type: relic, target: down, operation: get}\n"
            "  - {id: u, type: relic, target: up, operation: get}\n"
        ),
        goal_yaml=(
            "kind: Agent\nname: goal\ngoal: do it\n"
            "import: {tools: [tool.yaml], relics: [spare.yaml, kv.yaml]}\n"
        ),
        m_yaml=(
            "kind: Agent\nname: m\nimport: {workflows: [inner.yaml], agents: [goal.yaml], "
            "relics: [up.yaml]}\nactions:\n"
            "  - {id: a, type: relic, target: up, operation: get}\n"
            "  - {id: b, type: workflow, target: inner}\n"
            "  - {id: c, type: agent, target: goal}\n"
        ),
    )
    ended = cortex("doctor", "m.yaml", "--json")
    assert ended.code == 3, ended.err
    found = {check["name"]: (check["status"], check["found"]) for check in ended.json["checks"]}
    assert next(iter(found)) == "relic up"
    assert found["relic up"] == ("ok", "well")
    assert found["relic down"][0] == "error"
    assert "no connection to '127.0.0.1', port 1" in found["relic down"][1]
    assert found["relic spare"][0] == "note"
    assert "its built-in store is used instead" in found["relic spare"][1]
    assert found["relic kv"] == ("ok", "it is built in")
    assert found["tool demo"] == ("ok", "it has no health check")
    alone = cortex("doctor", "up.yaml")
    assert (alone.code, alone.out) == (0, "ok    relic up  well\n"), alone.err


def test_doctor_tells_the_problems_of_a_manifest(cortex: Cortex, here: Path) -> None:
    write(here, tool_yaml=TOOL + "sandbx: none\n")
    ended = cortex("doctor", "tool.yaml")
    assert ended.code == 2
    assert "did you mean 'sandbox'?" in ended.err


@pytest.mark.parametrize(
    ("resources", "code", "said"),
    [
        ("memory: 60MB", "x = bytearray(100 * 1024**2); import time; time.sleep(9)", "MiB of mem"),
        ("cpu_seconds: 0.2", "while True: pass", "more than 0.2 s of processor time"),
        ("timeout: 0.2", "import time; time.sleep(9)", "timed out after 0.2 s"),
    ],
)
def test_resources_are_limits(
    cortex: Cortex, here: Path, resources: str, code: str, said: str
) -> None:
    write(here, tool_yaml=f"{TOOL}resources: {{{resources}}}\n", main_py=code)
    ended = cortex("run", "tool.yaml", "--progress", "plain")
    assert ended.code == 1
    assert said in " ".join(ended.err.split())


def test_a_port_that_is_taken_is_told(cortex: Cortex, here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        relic = (
            "kind: Relic\nname: kv\ninterface:\n  type: rest_api\n"
            f"  base_url: ${{KV_URL:-http://127.0.0.1:{port}}}\n"
            "  endpoints: [{name: get, path: /}]\n"
            "deployment: {type: process, command: python3 -m http.server $PORT}\n"
        )
        write(here, relic_yaml=relic)
        ended = cortex("run", "relic.yaml", "--json")
        assert ended.events[-1].data.error_type == "port_in_use"  # type: ignore[union-attr]
    ended = cortex("run", "relic.yaml", "--progress", "none")
    assert ended.code == 0, ended.err
    assert "Directory listing" in ended.out


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux")
def test_line_ends_spaces_and_letters_of_all_kinds(cortex: Cortex, here: Path) -> None:
    folder = here / "Größe of 工具 'x' $HOME"
    folder.mkdir()
    files = {
        "tool.yaml": TOOL.replace("main.py", "mäin file.py")
        + "parameters: [{name: tëxt, type: string}]\n",
        "mäin file.py": "import sys, json, os\nprint(json.dumps([json.loads(sys.argv[1]), os.path.basename(os.getcwd())]))\n",
    }
    for name, text in files.items():
        (folder / name).write_bytes(text.replace("\n", "\r\n").encode())
    ended = cortex("run", folder / "tool.yaml", "--set", 'tëxt=ü " $x', "--progress", "none")
    assert ended.code == 0, ended.err
    assert ended.json == [{"tëxt": 'ü " $x'}, folder.name]


@pytest.mark.parametrize(
    ("runtime", "name", "code"),
    [
        (
            "bash",
            "run.sh",
            '#!/bin/bash\r\nread -r line\r\nif true; then\r\n  echo "$line"\r\nfi\r\n',
        ),
        ("sh", "run.sh", "cat\r\n"),
        ("node", "run.js", "process.stdin.on('data', d => console.log(String(d)));\r\n"),
        ("awk", "run.awk", "{print}\n"),
        ("./own", "run.txt", ""),
    ],
)
def test_any_runtime_takes_its_parameters_on_standard_input(
    cortex: Cortex, here: Path, runtime: str, name: str, code: str
) -> None:
    own = here / "own"
    own.write_text("#!/bin/sh\ncat\n")
    own.chmod(0o700)
    if runtime == "awk":
        own.write_text('#!/bin/sh\nexec awk -f "$@"\n')
        runtime = "./own"
    elif not runtime.startswith("./") and not any(
        (Path(place) / runtime).exists() for place in os.environ["PATH"].split(":")
    ):
        pytest.skip(f"{runtime} is not on PATH")
    (here / name).write_bytes(code.encode())
    tool = (
        f"kind: Tool\r\nname: demo\r\nparameters: [{{name: a, type: integer}}]\r\n"
        f"implementation: {{type: script, runtime: {runtime}, entrypoint: {name}, input: stdin}}\r\n"
    )
    (here / "tool.yaml").write_bytes(tool.encode())
    ended = cortex("run", "tool.yaml", "--set", "a=3", "--progress", "none")
    assert ended.code == 0, ended.err
    assert ended.json == {"a": 3}
