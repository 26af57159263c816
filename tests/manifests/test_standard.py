"""Manifests as the standard writes them load, plan and run as they are, wherever one stands."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.actions.sandbox import find_sandbox
from cortex_cli.errors import SetupError
from cortex_cli.kinds import Severity
from cortex_cli.session.session import Request, Session

STANDARD = Path(__file__).with_name("standard")
MANIFESTS = sorted(path.relative_to(STANDARD) for path in STANDARD.rglob("*.yml"))

Cortex = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cortex(environment: dict[str, str], tmp_path: Path) -> Cortex:
    """The command line, in a process of its own; `before` goes before it."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    python = Path(sys.executable)
    env = environment | {
        "PATH": os.pathsep.join([str(python.parent), environment["PATH"]]),
        "CORTEX_HOME": str(tmp_path / "state"),
        "TTL_CACHE_URL": f"http://127.0.0.1:{port}",
        "COLUMNS": "200",
    }

    def call(
        *arguments: str | Path, cwd: Path = STANDARD, before: tuple[str | Path, ...] = ()
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*before, python, "-m", "cortex_cli", *arguments],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


RUNS: list[tuple[str, list[str], Any]] = [
    (
        "tools/calculator",
        ["--set", "operation=divide", "--set", "a=1", "--set", "b=4"],
        {"success": True, "result": 0.25},
    ),
    (
        "tools/text_analyzer",
        ["--set", "text=To be. Or not to be!"],
        {"success": True, "words": 6, "sentences": 2, "frequent": ["to", "be", "or"], "note": None},
    ),
    (
        "tools/word_report",
        ["--set", 'analysis={"words": 2, "frequent": ["a", "b"]}'],
        "2 words: a, b",
    ),
    ("relics/kv_store", ["--operation", "list_keys"], {"success": True, "keys": []}),
    ("relics/ttl_cache", ["--operation", "stats"], {"entries": 0}),
    (
        "relics/ttl_cache/workflows/cleanup",
        [],
        {"removed": 1, "left": 1, "value": "stays"},
    ),
    (
        "relics/notes",
        ["--operation", "add_note", "--set", "key=a", "--set", "value=b"],
        {"success": True},
    ),
    (
        "workflow/kv_round_trip",
        [],
        {
            "user": {"name": "Ada"},
            "note": "water the plants",
            "missing": False,
            "keys": ["user/1"],
        },
    ),
    (
        "workflows/linear",
        ["--set", "start=3", "--set", "times=7"],
        {"result": 42, "report": "the result is 42"},
    ),
    (
        "workflows/conditional",
        [],
        {"words": 4, "worked": None, "failed": "could not be divided"},
    ),
    (
        "workflows/conditional",
        ["--set", "divisor=2"],
        {"words": 4, "worked": "each has 2.0", "failed": None},
    ),
    ("agents/assistant", [], "Hello, 42!"),
    ("agents/lead", [], "8 words: a, rose"),
]


def outputs(ended: "subprocess.CompletedProcess[str]") -> Any:
    """The outputs in the last event; one alone is its value."""
    assert ended.returncode == 0, ended.stderr
    last = json.loads(ended.stdout.splitlines()[-1])
    found = last["data"]["outputs"]
    return found if len(found) > 1 else next(iter(found.values()))


@pytest.mark.parametrize("manifest", MANIFESTS, ids=str)
def test_each_is_valid_and_has_a_plan(manifest: Path) -> None:
    operation = _OPERATIONS.get(manifest.parts[1]) if manifest.name == "relic.yml" else None
    session = Session.open(Request(source=manifest, cwd=STANDARD, environ={}, operation=operation))
    assert {problem.severity for problem in session.problems} <= {Severity.NOTE}
    assert bool(session.report.actions) == ("plain" not in manifest.parts)


_OPERATIONS = {"kv_store": "list_keys", "ttl_cache": "stats", "notes": "read_note"}


@pytest.mark.no_cover
@pytest.mark.parametrize(("manifest", "arguments", "expected"), RUNS)
def test_each_runs(cortex: Cortex, manifest: str, arguments: list[str], expected: Any) -> None:
    assert outputs(cortex("run", manifest, *arguments, "--json")) == expected


def test_what_has_no_effect_is_noted(cortex: Cortex) -> None:
    ended = cortex(
        "validate", "-v", "tools/word_report", "workflows/conditional", "agents/assistant"
    )
    assert [line.partition(": note: ")[2] for line in ended.stderr.splitlines()[:-1]] == [
        "'import.amulets' has no effect: cortex has no amulets",
        "'import.monuments' has no effect: cortex has no monuments",
        "the file './prompts/user.md' was not found",
        "the file './prompts/knowledge.md' is empty",
        "the file '.env' was not found",
        "'import.monuments' has no effect: cortex has no monuments",
    ]


def test_their_health_checks_pass(cortex: Cortex) -> None:
    for manifest in ("tools/calculator", "relics/kv_store", "relics/notes"):
        ended = cortex("doctor", manifest)
        assert ended.returncode == 0, ended.stdout
        assert ended.stdout.startswith("ok ")
        assert ended.stdout.endswith("  well\n")


def _tree(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.no_cover
@pytest.mark.timeout(90)
def test_a_run_from_anywhere_and_through_a_link_writes_nothing_there(
    cortex: Cortex, tmp_path: Path
) -> None:
    checkout = tmp_path / "check out"
    shutil.copytree(STANDARD, checkout)
    link = tmp_path / "link"
    link.symlink_to(checkout)
    before = _tree(checkout)
    call = ["run", "tools/text_analyzer", "--set", "text=a a", "--json"]
    elsewhere = [text.replace("tools/", f"{checkout}/tools/") for text in call]
    for ended in (
        cortex(*call, cwd=checkout),
        cortex(*elsewhere, cwd=tmp_path),
        cortex(*[text.replace("tools/", f"{link}/tools/") for text in call], cwd=Path("/")),
        cortex(*call, cwd=link),
        cortex("run", f"{link}/agents/lead", "--json", cwd=tmp_path),
        cortex("run", "workflow/kv_round_trip", "--json", cwd=link),
    ):
        outputs(ended)
    assert _tree(checkout) == before


@pytest.mark.timeout(60)
def test_a_run_from_a_checkout_that_can_not_be_written_to(cortex: Cortex, tmp_path: Path) -> None:
    try:
        bwrap = find_sandbox()
    except SetupError as error:
        pytest.skip(f"no read-only view of a folder: {error}")
    (tmp_path / "state").mkdir(mode=0o700)
    view = ("--dev-bind", "/", "/", "--ro-bind", STANDARD, STANDARD)
    touch = subprocess.run(
        [bwrap, *view, "touch", STANDARD / "new"], capture_output=True, text=True, check=False
    )
    assert "Read-only file system" in touch.stderr
    for manifest, arguments, expected in RUNS[1:8:3]:
        ended = cortex("run", manifest, *arguments, "--json", before=(bwrap, *view))
        assert outputs(ended) == expected
