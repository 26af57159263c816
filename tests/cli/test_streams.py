"""Standard streams that are full, missing or not read: what still ends well, and how it is said."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Ended, environment

AGENT = """\
kind: Agent
name: a
inputs: {t: {default: x}}
actions: [{id: i, type: internal, parameters: {x: '${inputs.t}'}}]
"""
AS_PRINTED = '{\n  "x": "x"\n}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text(AGENT)
    return tmp_path


def shell(folder: Path, line: str) -> Ended:
    """Have a shell run a line in which CORTEX is the command."""
    ended = subprocess.run(
        ["bash", "-c", line.replace("CORTEX", f"{sys.executable} -m cortex_cli")],
        cwd=folder,
        env=environment(folder / "state"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.parametrize("unbuffered", ["", "PYTHONUNBUFFERED=1 "])
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "<&-"])
def test_a_stream_for_people_that_is_full_or_missing_does_not_end_the_run(
    folder: Path, redirection: str, unbuffered: str
) -> None:
    ended = shell(folder, f"{unbuffered}CORTEX run a.yaml {redirection}")
    assert (ended.code, ended.out) == (0, AS_PRINTED)
    assert "Traceback" not in ended.err


def test_results_that_nobody_asked_for_go_nowhere(folder: Path) -> None:
    for command in ("run a.yaml", "run a.yaml --json", "plan a.yaml", "graph a.yaml"):
        ended = shell(folder, f"CORTEX {command} >&-")
        assert (ended.code, ended.out) == (0, "")
        assert "Traceback" not in ended.err


@pytest.mark.parametrize("unbuffered", ["", "PYTHONUNBUFFERED=1 "])
@pytest.mark.parametrize(
    "command",
    ["run -q a.yaml", "run a.yaml --json", "plan a.yaml", "plan a.yaml --json", "-V", "run --help"],
)
def test_a_full_standard_output_is_exit_3_in_one_line(
    folder: Path, command: str, unbuffered: str
) -> None:
    ended = shell(folder, f"{unbuffered}CORTEX {command} >/dev/full")
    assert ended.code == 3
    assert ended.err == "standard output can't be written: No space left on device\n"


def test_problems_that_do_not_fit_on_standard_output_are_said_in_lines(folder: Path) -> None:
    ended = shell(folder, "CORTEX plan gone.yaml --json >/dev/full")
    assert ended.code == 2
    assert "gone.yaml" in ended.err
    assert "Traceback" not in ended.err


def test_without_standard_input_a_manifest_from_there_is_empty(folder: Path) -> None:
    ended = shell(folder, "CORTEX plan - <&-")
    assert ended.code == 2
    assert "holds no manifest" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (r"""--set 't="\ud800"'""", "half a character"),
        (r"""--set 't={"\udc80": 1}'""", "half a character"),
        (r"--set $'t=\xff'", "half a character"),
        (r"--set $'\xff=1'", "half a character"),
        ("""--set 't={"a":1e999}'""", "too large"),
        ("--set t=-1e999", "too large"),
    ],
)
def test_what_json_cannot_hold_is_refused_before_the_run(
    folder: Path, given: str, said: str
) -> None:
    ended = shell(folder, f"CORTEX run a.yaml --json {given}")
    assert ended.code == 2
    [problem] = ended.json["problems"]
    assert said in problem["message"]
