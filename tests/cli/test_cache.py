"""Cached outputs: a second run uses them and says so, and they are listed and dropped."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.cli.cache_reasons import explain_cache
from cortex_cli.store.sqlite_cache import SqliteCache
from tests.cli.conftest import MANIFESTS, Cortex, Ended

# Each test is several commands, one after the other.
pytestmark = pytest.mark.timeout(120)

AUDIT = MANIFESTS / "repo_audit.yaml"
READ_ALL = {
    "count_languages", "find_large_files", "count_markers", "measure_tests", "scan_secrets",
}  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small git checkout."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "a.py").write_text("x = 1\n")
    (folder / "README.md").write_text("# A project\n")
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "Begin"]):
        subprocess.run(["git", "-C", folder, *command], check=True)
    return folder


def audit(cortex: Cortex, repository: Path, *options: str) -> Ended:
    ended = cortex(
        "run",
        AUDIT,
        "--json",
        "--set",
        f"repo={repository}",
        *options,
        env={"PWD": str(repository)},
    )
    assert ended.code == 0, ended.err
    return ended


def made(ended: Ended) -> set[str]:
    """The actions whose output was not taken from the cache."""
    done: list[Any] = [one for one in ended.events if one.event_type == "action_completed"]
    assert len(done) == 12
    return {one.action_id for one in done if not one.data.cached}


def test_an_audit_uses_again_what_has_not_changed(cortex: Cortex, repository: Path) -> None:
    assert len(made(audit(cortex, repository, "--cache"))) == 12
    assert made(audit(cortex, repository, "--cache")) == {"find_checkout"}

    (repository / "a.py").write_text("x = 2\n")
    touched = audit(cortex, repository, "--cache")
    # What they measure has not changed, so that the rating is the same.
    assert made(touched) == {"find_checkout", *READ_ALL, "map_imports", "write_audit"}
    assert made(audit(cortex, repository, "--cache")) == {"find_checkout"}

    (repository / "README.md").write_text("# A project\n\nIt has more words now.\n")
    again = made(audit(cortex, repository, "--cache"))
    assert again >= {"find_checkout", *READ_ALL, "check_project_files", "list_dependencies"}
    assert not again & {"map_imports", "read_history"}


TOOL = """\
kind: Tool
name: shout
implementation: {type: command, command: [printf, "%s!", "${text}"]}
parameters: [{name: text, type: string, required: true}]
"""
AGENT = """\
kind: Agent
name: agent
inputs: {text: {type: string, default: hello}}
import: {tools: [./shout/tool.yaml]}
actions:
  - {id: shout, type: tool, target: shout, parameters: {text: "${inputs.text}"}, cache: true}
outputs: {said: {source: "$(steps.shout.output)"}}
"""


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    (tmp_path / "shout").mkdir()
    (tmp_path / "shout" / "tool.yaml").write_text(TOOL)
    (tmp_path / "agent.yaml").write_text(AGENT)
    return tmp_path / "agent.yaml"


def test_a_run_says_what_came_from_the_cache(cortex: Cortex, agent: Path) -> None:
    assert "cache" not in cortex("run", agent, "--progress", "plain").err
    second = cortex("run", agent, "--progress", "plain")
    assert second.out == "hello!\n"
    assert ", from the cache" in second.err
    assert "1 completed, 1 of them from the cache" in second.err
    assert "cache" not in cortex("run", agent, "--no-cache", "--progress", "plain").err


def test_a_changed_tool_is_called_again(cortex: Cortex, agent: Path) -> None:
    cortex("run", agent)
    (agent.parent / "shout" / "tool.yaml").write_text(TOOL.replace("%s!", "%s?"))
    assert cortex("run", agent).out == "hello?\n"
    (agent.parent / "shout" / "words.txt").write_text("more")
    assert "from the cache" not in cortex("run", agent, "--progress", "plain").err


def test_entries_are_listed_and_dropped(cortex: Cortex, agent: Path) -> None:
    assert cortex("cache", "ls").out == ""
    assert cortex("cache", "clear").out == "dropped 0 cached outputs\n"
    for text in ("a", "b", "c"):
        cortex("run", agent, "--set", f"text={text}")
    entries = cortex("cache", "ls", "--json").json["entries"]
    assert [one["action"] for one in entries] == ["shout"] * 3
    assert set(entries[0]["parts"]) == {"inputs", "action", "tool", "environment", "version"}
    listed = cortex("cache", "ls").out.splitlines()
    assert [line.split()[:5] for line in listed] == [
        [one["key"][:12], "shout", "tool", "shout", str(one["bytes"])] for one in entries
    ]
    keys = [one["key"] for one in entries]
    assert cortex("cache", "rm", keys[0][:12], keys[1]).out == "dropped 2 cached outputs\n"
    missing = cortex("cache", "rm", keys[0])
    assert (missing.code, missing.err.startswith("no cached output with a key")) == (2, True)
    ambiguous = cortex("cache", "rm", "")
    assert ambiguous.code == 2
    assert cortex("cache", "clear", "--json").json == {"removed": 1}


def test_a_cache_that_cannot_be_read_is_made_anew(
    cortex: Cortex, agent: Path, tmp_path: Path
) -> None:
    cortex("run", agent)
    (tmp_path / "state" / "cache" / "cache.db").write_bytes(b"no database" * 1_000)
    assert cortex("cache", "ls").code == 3
    broken = cortex("run", agent, "--progress", "plain")
    assert (broken.code, "the cache is not used" in broken.err) == (0, True)
    assert cortex("cache", "clear").code == 0
    assert cortex("cache", "ls").code == 0


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SqliteCache]:
    with closing(SqliteCache(tmp_path / "state")) as cache:
        yield cache


def test_a_miss_is_explained_by_what_has_changed(
    cortex: Cortex, agent: Path, cache: SqliteCache
) -> None:
    first = cortex("run", agent, "--json").events
    assert explain_cache(cache, first, "shout") == (
        "The cache was asked and had no output of it; now it has this one."
    )
    assert explain_cache(cache, cortex("run", agent, "--json").events, "shout") is None
    (agent.parent / "shout" / "words.txt").write_text("more")
    changed = cortex("run", agent, "--json", "--set", "text=b").events
    assert explain_cache(cache, changed, "shout") == (
        "It was not taken from the cache, since not all is as in run "
        f"{first[0].execution_id}: its inputs and tool's files changed."
    )
    assert explain_cache(cache, changed, "other") is None
    assert (
        explain_cache(cache, cortex("run", agent, "--json", "--no-cache").events, "shout") is None
    )
