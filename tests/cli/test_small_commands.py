"""`cortex init`, `schema`, `doctor` and what all commands share."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import MANIFESTS, Cortex


def test_init_writes_an_agent_that_plans_and_runs(cortex: Cortex, here: Path) -> None:
    ended = cortex("init", "new", "--name", "My Agent!")
    assert ended.code == 0
    assert "cortex run new/agent.yaml" in ended.out
    assert "name: my_agent" in (here / "new" / "agent.yaml").read_text()
    assert cortex("validate", "new").code == 0
    for manifest in (here / "new").rglob("*.yaml"):
        first = manifest.read_text().partition("\n")[0]
        line, _, schema = first.partition("$schema=")
        assert line == "# yaml-language-server: "
        assert json.loads((manifest.parent / schema).read_text()) == cortex("schema").json
    ran = cortex("run", "new", "--set", "text=one two two")
    assert ran.code == 0, ran.err
    assert "3 words, most often 'two'" in ran.out


def test_the_commands_that_init_names_can_be_pasted(cortex: Cortex) -> None:
    ended = cortex("init", "my agents")
    assert "next: cortex plan 'my agents/agent.yaml', then cortex run 'my agents/" in ended.out


def test_init_replaces_nothing_unless_told_to(cortex: Cortex) -> None:
    assert cortex("init").code == 0
    again = cortex("init")
    assert again.code == 2
    assert "--force" in again.err
    assert cortex("init", "--force", "--name", "9").code == 0
    assert cortex("run", "agent.yaml").code == 0


def test_init_where_nothing_can_be_written_is_exit_3(cortex: Cortex, here: Path) -> None:
    (here / "file").write_text("")
    ended = cortex("init", "file/below")
    assert ended.code == 3
    assert len(ended.err.splitlines()) == 1


def test_schema_is_json_schema_of_all_kinds_or_one(cortex: Cortex) -> None:
    everything = cortex("schema").json
    assert everything["$schema"].startswith("https://json-schema.org/draft/2020-12")
    agent = cortex("schema", "--kind", "Agent").json
    assert "actions" in json.dumps(agent)
    assert cortex("schema", "--kind", "agnet").code == 2


def test_doctor_says_what_is_there(cortex: Cortex, tmp_path: Path) -> None:
    ended = cortex("doctor")
    assert ended.code == 0, ended.out
    for word in ("python", "state folder", "git", "drawing"):
        assert word in ended.out
    checks = {check["name"]: check for check in cortex("doctor", "--json").json["checks"]}
    assert checks["python"]["status"] == "ok"
    bare = cortex("doctor", "--json", env={"PATH": "/nowhere"}).json["checks"]
    assert {check["status"] for check in bare if check["name"] == "git"} == {"note"}
    (tmp_path / "file").write_text("")
    broken = cortex("doctor", env={"CORTEX_HOME": str(tmp_path / "file"), "CORTEX_COLOR": "blue"})
    assert broken.code == 3
    assert broken.out.count("error ") == 2


@pytest.mark.parametrize("arguments", [["--version"], ["-V"]])
def test_the_version_is_printed(cortex: Cortex, arguments: list[str]) -> None:
    assert cortex(*arguments).out.startswith("cortex 0.")


def test_a_mistaken_command_or_option_is_exit_2_and_names_the_nearest(cortex: Cortex) -> None:
    ended = cortex("plann", "x.yaml")
    assert ended.code == 2
    assert "plan" in ended.err
    assert cortex("plan", "x.yaml", "--jsn").code == 2
    assert cortex().code in {0, 2}


def test_debug_shows_the_traceback_before_or_after_the_command(cortex: Cortex) -> None:
    for arguments in (["--debug", "plan", "gone.yaml"], ["plan", "gone.yaml", "--debug"]):
        assert "Traceback" in cortex(*arguments).err
    assert "Traceback" not in cortex("plan", "gone.yaml").err


def test_colour_is_asked_for_or_left_out(cortex: Cortex) -> None:
    manifest = MANIFESTS / "hello.yaml"
    assert "\x1b[" not in cortex("plan", manifest).out
    assert "\x1b[" in cortex("plan", manifest, "--color", "always").out
    assert "\x1b[" in cortex("plan", manifest, env={"FORCE_COLOR": "1"}).out
    assert "\x1b[" in cortex("plan", manifest, env={"CORTEX_COLOR": "always"}).out
    never = {"CORTEX_COLOR": "never", "FORCE_COLOR": "1"}
    assert "\x1b[" not in cortex("plan", manifest, env=never).out
    forced = {"FORCE_COLOR": "1", "NO_COLOR": "1"}
    assert "\x1b[" not in cortex("plan", manifest, env=forced).out


def test_settings_come_from_the_environment_and_a_wrong_one_is_exit_2(cortex: Cortex) -> None:
    manifest = MANIFESTS / "hello.yaml"
    assert cortex("run", manifest, env={"CORTEX_PROGRESS": "none"}).err == ""
    wrong = cortex("run", manifest, env={"CORTEX_PROGRES": "none"})
    assert wrong.code == 2
    assert "did you mean 'progress'?" in wrong.err


def test_notes_are_shown_when_more_is_asked_for(cortex: Cortex, here: Path) -> None:
    (here / "a.yaml").write_text(
        "kind: Agent\nname: a\nimport: {tools: [./gone.yaml]}\nactions: [{id: i, type: internal}]\n"
    )
    assert cortex("validate", "a.yaml").err == ""
    assert "gone.yaml" in cortex("validate", "a.yaml", "-v").err
    assert "gone.yaml" in cortex("-v", "validate", "a.yaml").err
