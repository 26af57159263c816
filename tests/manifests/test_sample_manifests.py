"""The sample manifests are sound, plan as their README says, and run as their comments say."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MANIFESTS = Path(__file__).parents[2] / "manifests"

Cortex = Callable[..., Any]


@pytest.fixture
def cortex(environment: dict[str, str], tmp_path: Path) -> Cortex:
    """The command line in a process of its own, with a state folder of its own."""
    python = Path(sys.executable)
    env = environment | {
        "PATH": os.pathsep.join([str(python.parent), environment["PATH"]]),
        "CORTEX_HOME": str(tmp_path / "state"),
    }

    def call(*arguments: str, cwd: Path = MANIFESTS, exit_code: int = 0) -> str:
        done = subprocess.run(
            [python, "-m", "cortex_cli", *arguments],
            cwd=cwd,
            env=env | {"PWD": str(cwd)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stderr
        return done.stdout

    return call


def test_no_manifest_has_a_problem(cortex):
    assert cortex("validate", *map(str, sorted(MANIFESTS.rglob("*.yaml")))) == ""


def test_the_plan_of_the_research_assistant_is_the_one_the_readme_describes(cortex):
    plan = json.loads(cortex("plan", "research_assistant.yaml", "--json"))
    estimate = plan["estimate"]
    assert (estimate["sequential_seconds"], estimate["scheduled_seconds"]) == (330, 240)
    assert [set(wave) for wave in plan["waves"]] == [
        {"fetch_wikipedia", "fetch_arxiv", "fetch_news"},
        {"extract_wiki_facts", "summarize_papers"},
        {"synthesize_report"},
        {"cache_report", "quality_check", "generate_citations"},
        {"finalize_report"},
    ]


def test_the_audit_is_wide(cortex):
    plan = json.loads(cortex("plan", "repo_audit.yaml", "--json"))
    assert [len(wave) for wave in plan["waves"]] == [1, 9, 1, 1]


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["hello.yaml", "--set", "who=Ada"], "Hello, Ada! Nice to meet you."),
        (["if_else.yaml"], "1200 words, cut down to 1000"),
        (["if_else.yaml", "--set", "words=200"], "200 words, as they were"),
        (["first_answer.yaml"], "from nearby"),
        (["modes.yaml"], "left, right, alone, last"),
        (["nested.yaml"], "New: Notes on loops, with a blue cover"),
        (["http_relic.yaml"], "water the plants"),
        (
            ["almanac", "--set", "date=2027-01-22"],
            "2027-01-22 is a Friday; the moon is full. It is full 12 times that year.",
        ),
        (["pools.yaml"], "rye, spelt and wheat"),
        (["approval.yaml", "--yes"], "Hello, Ada!"),
        (
            ["feeds.yaml"],
            (
                "City library runs its catalogue repairs as agent plans: The library of the invented"
                " city of Harrowmere repairs its catalogue with agent plans that run up to eight"
                " actions side by side. The staff approve every plan before it runs, and two plans of"
                " the first hundred were refused. (the clock was read twice)"
            ),
        ),
        (["secrets.yaml"], "signed with ***, and the signature holds: true"),
        (["failure_handling.yaml"], "In on attempt 3; the neighbour said nothing."),
    ],
)
def test_a_small_manifest_prints_what_it_is_for(cortex, arguments, output):
    assert cortex("run", *arguments, "--progress", "none") == output + "\n"


def test_one_of_two_conditions_holds(cortex):
    output = cortex("run", "conditions.yaml", "--set", "names=[]", "--progress", "none")
    assert output == "sent:\nnull\n\nregret:\nNobody came\n"


def test_the_pool_and_the_rate_are_in_the_plan(cortex):
    plan = json.loads(cortex("plan", "pools.yaml", "--json"))
    starts = {action["id"]: action["start_seconds"] for action in plan["actions"]}
    assert starts == {"wheat": 0, "wash": 0, "rye": 0.3, "spelt": 0.3, "sweep": 1}


def test_an_approval_that_nobody_can_give_waits_for_one(cortex):
    paused = cortex("run", "approval.yaml", "--json", exit_code=4).splitlines()
    assert json.loads(paused[-1])["event_type"] == "agent_paused"
    explained = cortex("resume", "last", "--explain")
    assert explained.startswith("draft: completed")
    resume = ("resume", "last", "--progress", "none")
    assert cortex(*resume, "--deny", "post", exit_code=1) == "null\n"


def test_without_a_person_a_failure_is_not_asked_about(cortex):
    failed = cortex("run", "ask_on_failure.yaml", "--json", exit_code=1).splitlines()
    kinds = [json.loads(line)["event_type"] for line in failed]
    assert "approval_requested" not in kinds
    assert json.loads(failed[-1])["data"]["resume"].endswith(" --retry-failed")


def test_an_approval_that_is_given_later_lets_the_action_run(cortex):
    cortex("run", "approval.yaml", exit_code=4)
    resume = ("resume", "last", "--progress", "none")
    assert cortex(*resume, "--approve", "post") == "Hello, Ada!\n"


def test_failures_are_retried_passed_over_and_cleaned_up_after(cortex):
    lines = cortex("run", "failure_handling.yaml", "--json").splitlines()
    events = [json.loads(line) for line in lines]
    ended = {
        "/".join([*event["path"], event["action_id"]]): event["event_type"]
        for event in events
        if event["event_type"] in {"action_completed", "action_failed", "action_skipped"}
    }
    assert ended == {
        "knock": "action_completed",
        "ask_neighbour": "action_failed",
        "expedition/climb": "action_failed",
        "expedition/celebrate": "action_skipped",
        "expedition/report": "action_completed",
        "expedition/clean_up": "action_completed",
        "expedition": "action_failed",
        "tell": "action_completed",
        "complain": "action_skipped",
    }
    assert sum(event["event_type"] == "action_retrying" for event in events) == 2


def test_the_audit_takes_a_folder_relative_to_where_one_stands(cortex, checkout):
    checkout.commit({"README.md": "A project.\n", "src/a.py": "x = 1\n"})
    manifest = str(MANIFESTS / "repo_audit.yaml")
    run = ("run", manifest, "--set", "repo=../src", "--progress", "none")
    output = cortex(*run, cwd=checkout.root / "src")
    assert "# Audit of project" in output
    assert "there are no tests" in output
    assert "Not seen" not in output


def test_the_research_assistant_writes_a_cited_report(cortex):
    report = cortex("run", "research_assistant.yaml", "--progress", "none")
    headings = [line[3:] for line in report.splitlines() if line.startswith("## ")]
    assert headings[:3] == ["Summary", "Timeline", "What the papers found"]
    assert report.startswith("# Agent loops and dataflow scheduling\n")
    summary = report.partition("## Summary")[2].partition("## Timeline")[0]
    assert summary.count("[") >= 3
    assert "rye bread" not in summary
    assert "(passed)" in report


def test_the_research_assistant_does_without_news_and_papers(cortex):
    settings = ("--set", "news=gone.xml", "--set", "topic=medieval glass")
    report = cortex("run", "research_assistant.yaml", *settings, "--progress", "none")
    assert "## Timeline" in report
    assert "## In the news" not in report
    assert "## What the papers found" not in report
