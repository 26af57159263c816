"""Manifests with one mistake each: `cortex validate` finds its place and the way out.

The first line of each says on which line the mistake is, and what must be said of it.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BROKEN = Path(__file__).with_name("broken")
MANIFESTS = sorted(path.name for path in BROKEN.glob("*.yaml"))


def _validate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cortex_cli", "validate", *arguments],
        cwd=BROKEN,
        env={"HOME": "/", "PATH": "/usr/bin:/bin", "COLUMNS": "300"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def told() -> dict[str, list[dict[str, Any]]]:
    """The errors of all files, by file, from one call."""
    ended = _validate("--json", *MANIFESTS)
    assert (ended.returncode, ended.stderr) == (2, "")
    found: dict[str, list[dict[str, Any]]] = {}
    for problem in json.loads(ended.stdout)["problems"]:
        if problem["severity"] == "error":
            found.setdefault(problem["file"], []).append(problem)
    return found


def test_there_are_enough() -> None:
    assert len(MANIFESTS) >= 60


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_mistake_is_told_once_at_its_line_with_a_way_out(
    told: dict[str, list[dict[str, Any]]], name: str
) -> None:
    head = (BROKEN / name).read_text().splitlines()[0]
    expected = re.fullmatch(r"# line (\d+): (.+)", head)
    assert expected is not None
    [problem] = told[name]
    assert problem["line"] == int(expected[1])
    assert expected[2] in f"{problem['message']}; {problem['hint']}"


def test_people_read_the_same_without_a_traceback(told: dict[str, list[dict[str, Any]]]) -> None:
    ended = _validate(*MANIFESTS)
    assert (ended.returncode, ended.stdout) == (2, "")
    *lines, count = ended.stderr.splitlines()
    assert count.startswith(f"{len(MANIFESTS)} errors")
    errors = [line for line in lines if ": note: " not in line]
    assert len(errors) == len(told) == len(MANIFESTS)
    assert "Traceback" not in ended.stderr
