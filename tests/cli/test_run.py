"""`cortex run`: streams, forms and exit codes, with real tools."""

import json
from pathlib import Path

import pytest

from cortex_cli.events import ActionCompleted, AgentCompleted
from tests.cli.conftest import MANIFESTS, Cortex

TOOL = """\
kind: Tool
name: {name}
implementation: {{type: command, command: {command}}}
"""
AGENT = """\
kind: Agent
name: tester
import: {{tools: [{tools}]}}
actions:
{actions}
"""


@pytest.fixture
def agent(here: Path) -> str:
    """Writes an agent with three tools: one says hi, one fails, one sleeps."""
    commands = {
        "hi": '["echo", "hi"]',
        "bad": '["sh", "-c", "echo no ink >&2; exit 3"]',
        "sleep": '["sleep", "1000"]',
    }
    for name, command in commands.items():
        (here / f"{name}.tool.yaml").write_text(TOOL.format(name=name, command=command))
    return ", ".join(f"./{name}.tool.yaml" for name in commands)


def write(here: Path, tools: str, actions: str) -> str:
    (here / "agent.yaml").write_text(AGENT.format(tools=tools, actions=actions))
    return "agent.yaml"


def test_outputs_go_to_stdout_and_all_else_to_stderr(
    cortex: Cortex, here: Path, agent: str
) -> None:
    manifest = write(here, agent, "  - {id: a, type: tool, target: hi}\n")
    ended = cortex("run", manifest)
    assert (ended.code, ended.out) == (0, "hi\n")
    assert "completed" in ended.err
    quiet = cortex("run", manifest, "-q")
    assert (quiet.out, quiet.err) == ("hi\n", "")
    assert cortex("-q", "run", manifest).err == ""
    assert cortex("run", manifest, "--progress", "none").err == ""


def test_json_is_one_event_a_line_and_the_last_is_how_it_ended(
    cortex: Cortex, here: Path, agent: str
) -> None:
    manifest = write(here, agent, "  - {id: a, type: tool, target: hi, output_key: x}\n")
    ended = cortex("run", manifest, "--json")
    assert (ended.code, ended.err) == (0, "")
    events = ended.events
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert isinstance(events[-1], AgentCompleted)
    wire = json.loads(ended.out.splitlines()[0])
    assert wire["schema"] == 1
    assert wire["event_type"] == "agent_started"
    assert wire["path"] == []
    assert "action_id" not in wire
    assert wire["timestamp"].endswith("Z")
    assert cortex("run", manifest, "--format", "ndjson").code == 0


def test_a_failure_is_exit_1_and_says_why(cortex: Cortex, here: Path, agent: str) -> None:
    manifest = write(
        here, agent,
        "  - {id: b, type: tool, target: bad}\n  - {id: c, type: tool, target: hi,"
        " depends_on: [b]}\n",
    )  # fmt: skip
    ended = cortex("run", manifest)
    assert (ended.code, ended.out) == (1, "")
    assert "no ink" in ended.err
    assert "upstream failed" in ended.err
    assert cortex("run", manifest, "--json").events[-1].event_type == "agent_failed"
    assert cortex("run", manifest, "-q").err == "action 'b' failed: exit code 3: no ink\n"


def test_running_out_of_time_is_exit_5(cortex: Cortex, here: Path, agent: str) -> None:
    manifest = write(here, agent, "  - {id: s, type: tool, target: sleep}\n"
                                  "protocol: {max_execution_time_seconds: 0.3}\n")  # fmt: skip
    ended = cortex("run", manifest)
    assert ended.code == 5
    assert "not done within 0.3 s" in ended.err


def test_inputs_are_set_checked_and_taken_from_files(cortex: Cortex, here: Path) -> None:
    (here / "agent.yaml").write_text(
        "kind: Agent\nname: t\ninputs:\n  n: {type: integer, validation: {max: 9}}\n"
        "  who: {type: string, default: you}\nactions:\n"
        "  - {id: a, type: internal, parameters: {text: '${inputs.n} ${inputs.who}'}}\n"
        "outputs: {text: {source: $(steps.a.text)}}\n"
    )
    assert cortex("run", "agent.yaml", "--set", "n=4", "-q").out == "4 you\n"
    (here / "in.json").write_text('{"n": 5, "who": "them"}')
    assert cortex("run", "agent.yaml", "--inputs", "in.json", "-q").out == "5 them\n"
    given = ["--inputs", "-", "--set", "who=us"]
    assert cortex("run", "agent.yaml", *given, "-q", stdin="n: 6\n").out == "6 us\n"
    for arguments, message in [
        ([], "the input 'n' is missing"),
        (["--set", "n=10"], "must be at most 9, not 10"),
        (["--set", "n=four"], "must be an integer, not a string"),
        (["--set", "n=4", "--set", "whom=x"], "did you mean 'who'?"),
        (["--set", "nonsense"], "is not of the form KEY=VALUE"),
        (["--inputs", "gone.json"], "gone.json"),
    ]:
        ended = cortex("run", "agent.yaml", *arguments)
        assert ended.code == 2
        assert message in ended.err, ended.err
        assert ended.out == ""


def test_the_research_assistant_runs_offline_and_prints_its_report(cortex: Cortex) -> None:
    ended = cortex("run", MANIFESTS / "research_assistant.yaml", "--json")
    assert ended.code == 0, ended.err
    completed = [e for e in ended.events if isinstance(e, ActionCompleted) and not e.path]
    assert len(completed) == 10
    last = ended.events[-1]
    assert isinstance(last, AgentCompleted)
    assert last.data.counts.completed == 10
    assert "#" in last.data.outputs["report"]


@pytest.mark.no_cover
def test_the_other_manifests_run(cortex: Cortex) -> None:
    for name in (
        "hello",
        "if_else",
        "failure_handling",
        "modes",
        "conditions",
        "nested",
        "for_each",
    ):
        ended = cortex("run", MANIFESTS / f"{name}.yaml", "--progress", "plain")
        assert ended.code == 0, (name, ended.err)


def test_the_audit_runs_on_a_checkout(cortex: Cortex, here: Path) -> None:
    manifest = MANIFESTS / "repo_audit.yaml"
    ended = cortex("run", manifest, "--set", f"repo={MANIFESTS.parent}", "-q")
    assert ended.code == 0, ended.err
    assert "# Audit of" in ended.out
    assert cortex("run", manifest, "--set", f"repo={here}").code == 1


@pytest.fixture
def takes_inputs(here: Path) -> Path:
    """The folder, with a workflow of two inputs."""
    (here / "w.yaml").write_text(
        "kind: Workflow\nname: w\ninputs: {n: integer, who: {default: you}}\n"
        "actions: [{id: a, type: internal, parameters: {text: '${inputs.n} ${inputs.who}'}}]\n"
        "outputs: {text: $(steps.a.text)}\n"
    )
    return here


def test_a_file_of_inputs_may_be_any_json(cortex: Cortex, takes_inputs: Path) -> None:
    written = '{\n\t"n": 7,\n\t"who": "\\ud83d\\ude00"\n}'
    (takes_inputs / "in.json").write_text(written)
    assert cortex("run", "w.yaml", "--inputs", "in.json", "-q").out == "7 \U0001f600\n"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("[5]", "in.json:1:1: inputs are a mapping of names to values; for example"),
        ("", "in.json:1:1: the file holds no inputs; for example"),
        ('{"n": 5,\n "n": 6}', "in.json:2:2: the key 'n' stands twice"),
        ('{"n": 5, "who": "\\ud83d"}', "in.json:1:20: this escape stands for half a character"),
    ],
)
def test_a_file_that_holds_no_inputs_says_so(
    cortex: Cortex, takes_inputs: Path, written: str, message: str
) -> None:
    (takes_inputs / "in.json").write_text(written)
    ended = cortex("run", "w.yaml", "--inputs", "in.json")
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dry-run", "--set", "n=4", "--set", "whom=x"], "did you mean 'who'?"),
        (["--dry-run", "--only", "b"], "--only: the plan has no action 'b'"),
        (["--set", "n=4", "--only", ""], "--only names no action; leave it out"),
        (["--set", "n=4", "--from", ","], "--from names no action; leave it out"),
    ],
)
@pytest.mark.usefixtures("takes_inputs")
def test_what_is_chosen_and_given_is_checked(
    cortex: Cortex, arguments: list[str], message: str
) -> None:
    ended = cortex("run", "w.yaml", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


@pytest.mark.usefixtures("agent")
def test_a_tool_and_a_relic_run_by_themselves(cortex: Cortex) -> None:
    assert cortex("run", "hi.tool.yaml", "-q").out == "hi\n"
    relic = MANIFESTS / "relics" / "results"
    put = cortex("run", relic, "--operation", "set_value", "--set", "key=k", "--set", "value=[1]")
    assert put.code == 0, put.err
    got = cortex("run", relic, "--operation", "get_value", "--set", "key=k", "-q")
    assert "1" in got.out
    for command in ("run", "plan", "graph"):
        asked = cortex(command, relic)
        assert asked.code == 2
        assert "is a relic with several operations; choose one with --operation:" in asked.err
    assert cortex("validate", relic).code == 0


def test_an_unusable_state_folder_is_exit_3_before_anything_runs(
    cortex: Cortex, tmp_path: Path
) -> None:
    state = tmp_path / "open"
    state.mkdir(mode=0o777)
    state.chmod(0o777)
    ended = cortex("run", MANIFESTS / "research_assistant.yaml", env={"CORTEX_HOME": str(state)})
    assert ended.code == 3
    assert "chmod 700" in ended.err
    assert len(ended.err.splitlines()) == 1
