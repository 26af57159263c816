"""`cortex replay`, as a user has it: from a file or a run, with everything else gone."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Cortex

AGENT = """\
kind: Agent
name: demo
inputs: {who: {type: string, default: Ann}}
import: {tools: [./tools/greet.yaml, ./tools/flaky.yaml], workflows: [./inner.yaml]}
environment: {variables: {PLACE: "${PLACE}"}}
secrets: {KEY: {env: DEMO_KEY}}
actions:
  - {id: a, type: tool, target: greet, parameters: {who: "${inputs.who} in ${env.PLACE}"},
     output_key: said}
  - {id: s, type: tool, target: flaky, env: {FLAG: /dev/null, KEY: "${secrets.KEY}"}}
  - {id: f, type: tool, target: flaky, env: {FLAG: "${run.dir}/flag"},
     retry: {max_attempts: 3, delay_seconds: 0.05}}
  - {id: l, type: llm, parameters: {prompt: Summarise., text: Cats purr. Dogs bark.}}
  - {id: list, type: internal, parameters: {x: [p, q]}, output_key: list}
  - {id: each, type: tool, target: greet, for_each: "${list.x}",
     parameters: {who: "${item} ${said}"}}
  - {id: n, type: workflow, target: inner, parameters: {t: $TIMESTAMP, h: $HOME}, depends_on: [f]}
  - {id: choose, type: decision, depends_on: [f],
     cases: [{when: "steps.f.duration_seconds > 0.01", value: slow, then: [z]}]}
  - {id: z, type: tool, target: greet, parameters: {who: "took $(steps.f.duration_seconds) s"}}
  - {id: ping, type: tool, target: greet, mode: fire_and_forget, parameters: {who: x}}
"""
FILES = {
    "agent.yaml": AGENT,
    "inner.yaml": """\
kind: Workflow
name: inner
inputs: {t: string, h: string}
import: {tools: [./tools/greet.yaml]}
actions:
  - {id: one, type: tool, target: greet, parameters: {who: "${inputs.t} ${inputs.h}"}}
""",
    "tools/greet.yaml": """\
kind: Tool
name: greet
parameters: [{name: who, type: string, required: true}]
implementation: {type: command, command: [echo, "hi ${who}"]}
""",
    "tools/flaky.yaml": """\
kind: Tool
name: flaky
implementation: {type: command, shell: true,
  command: 'test -e $FLAG || { touch $FLAG; echo oops >&2; exit 1; }; echo ok'}
""",
}
HIDDEN = "s3cret-value-of-demo"


@pytest.fixture
def made(tmp_path: Path, cortex: Cortex) -> str:
    """A run and its record; the output of the run. Its folder is gone."""
    here = tmp_path / "here"
    for name, text in FILES.items():
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(text)
    env = {"PLACE": "Rome", "DEMO_KEY": HIDDEN}
    ended = cortex("run", "agent.yaml", "--json", "--record", "../run.record", env=env)
    assert ended.code == 0, ended.err
    for name in FILES:
        (here / name).unlink()
    return ended.out


def test_a_record_is_replayed_with_all_else_gone(made: str, cortex: Cortex, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "state")
    nothing = {"PATH": "/nowhere", "HOME": "/nowhere"}
    ended = cortex("replay", "../run.record", "--json", env=nothing)
    assert ended.code == 0, ended.err
    assert ended.out == made
    assert not (tmp_path / "state" / "runs").exists()
    shown = cortex("replay", "../run.record", env=nothing)
    assert shown.code == 0
    assert "hi Ann in Rome" in shown.out


def test_a_run_is_replayed_from_its_journal(made: str, cortex: Cortex) -> None:
    ended = cortex("replay", "last", "--json")
    assert ended.code == 0, ended.err
    assert ended.out == made


def test_no_secret_is_in_a_record(made: str, tmp_path: Path) -> None:
    assert made
    record = tmp_path / "run.record"
    assert HIDDEN not in record.read_text()
    assert record.stat().st_mode & 0o777 == 0o600


STDIN = f"""\
kind: Agent
name: typed
import: {{tools: [greet.yaml]}}
secrets: {{KEY: {{env: DEMO_KEY}}}}
actions:
  - {{id: a, type: tool, target: greet, parameters: {{who: "{HIDDEN}"}}, env: {{KEY: "${{secrets.KEY}}"}}}}
"""


def test_a_manifest_from_standard_input_is_in_the_record_without_secrets(
    cortex: Cortex, tmp_path: Path
) -> None:
    greet = FILES["tools/greet.yaml"].replace('[echo, "hi ${who}"]', "[echo, hi]")
    (tmp_path / "here" / "greet.yaml").write_text(greet)
    words = ("run", "-", "--json", "--record", "../run.record")
    ended = cortex(*words, stdin=STDIN, env={"DEMO_KEY": HIDDEN})
    assert ended.code == 0, ended.out
    assert HIDDEN not in (tmp_path / "run.record").read_text()
    again = cortex("replay", "../run.record", "--json")
    assert (again.code, again.out) == (0, ended.out)


def test_a_changed_manifest_misses_with_the_first_difference(
    made: str, cortex: Cortex, tmp_path: Path
) -> None:
    assert made
    here = tmp_path / "here"
    for name, text in FILES.items():
        (here / name).write_text(text.replace("Cats purr.", "Cats meow."))
    ended = cortex("replay", "../run.record", "--manifest", "agent.yaml", env={"PLACE": "Rome"})
    assert ended.code == 6
    assert "agent.yaml:13:5: event " in ended.err
    assert (
        'data.parameters.text is "Cats purr. Dogs bark." in the record,'
        ' and "Cats meow. Dogs bark." now'
    ) in " ".join(ended.err.split())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is no record of a run"),
        ("[1]\n", "is no record of a run"),
        ('{"cortex_record": 2}\n', "is a record of version 2, and this cortex reads version 1"),
        ('{"cortex_record": 1}\n', ":1: the header of the record is damaged"),
    ],
)
def test_what_is_no_record_is_refused(
    cortex: Cortex, tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "bad.record").write_text(content)
    ended = cortex("replay", "../bad.record")
    assert ended.code == 2
    assert said in ended.err


def test_a_damaged_record_names_the_line(made: str, cortex: Cortex, tmp_path: Path) -> None:
    assert made
    record = tmp_path / "run.record"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join([*lines[:4], "{\n"]))
    assert "run.record:5: this is no event" in cortex("replay", "../run.record").err
    record.write_text("".join([*lines[:4], lines[4].replace('"timestamp":"2', '"timestamp":"x2')]))
    assert (
        "run.record:5: this is no event: Invalid isoformat" in cortex("replay", "../run.record").err
    )
    record.write_text("".join([lines[0], lines[2].replace('"sequence":2', '"sequence":1')]))
    assert "run.record:2: a run begins with agent_started" in cortex("replay", "../run.record").err
    record.write_text("".join([*lines[:4], *lines[5:]]))
    assert "run.record:5: event 4 is missing" in cortex("replay", "../run.record").err
    header = json.loads(lines[0])
    header["sources"]["files"]["../../evil"] = "x"
    record.write_text("".join([json.dumps(header) + "\n", *lines[1:]]))
    ended = cortex("replay", "../run.record")
    assert ended.code == 2
    assert "outside of its folder" in ended.err
    del header["sources"]["files"]["../../evil"]
    header["sources"]["files"]["a\0b"] = "x"
    record.write_text("".join([json.dumps(header) + "\n", *lines[1:]]))
    ended = cortex("replay", "../run.record")
    assert ended.code == 2
    assert "a file that can't be written" in ended.err


def test_a_file_that_is_not_there_and_one_that_cannot_be_written(cortex: Cortex) -> None:
    assert cortex("replay", "none.record").code == 2
    ended = cortex("run", "x.yaml", "--record", "no/such/folder/x")
    assert ended.code == 2
