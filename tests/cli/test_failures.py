"""Failures that the person at a terminal is asked about, and what is done without one."""

import os
import pty
import signal
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cortex_cli.events import Event
from tests.cli.conftest import Cortex, begin_at
from tests.cli.test_resume import NOTE, events_of, ledger, tool, write

HEALS = """\
kind: Agent
name: heals
import: {tools: [note.yaml, maybe.yaml]}
protocol: {self_healing: true}
environment: {variables: {LEDGER: "${LEDGER}"}}
actions:
  - {id: good, type: tool, target: note, env: {WHO: good}}
  - {id: bad, type: tool, target: maybe, depends_on: [good], parameters: {to: shop}}
  - {id: after, type: tool, target: note, depends_on: [bad], env: {WHO: after}}
"""
ASKED = b"[r]etry"


@pytest.fixture
def heals(here: Path) -> dict[str, str]:
    """A manifest whose second action fails until there is a file; the environment of its run."""
    maybe = tool("maybe", f"[ -e {here}/fixed ] || {{ echo no such host >&2; exit 7; }}")
    write(here, heals=HEALS, note=tool("note", NOTE), maybe=maybe)
    return {"LEDGER": str(here / "ledger")}


class Screen:
    """A command at a terminal: what it shows, and what is typed there."""

    def __init__(self, process: "subprocess.Popen[bytes]", leader: int) -> None:
        self.process = process
        self.shown = b""
        self._leader = leader

    def until(self, text: bytes) -> None:
        """Read until the text has been shown since the last time."""
        size = len(self.shown)
        while text not in self.shown[size:]:
            self.shown += os.read(self._leader, 65_536)

    def type(self, line: bytes) -> None:
        os.write(self._leader, line)

    def end(self) -> int:
        """Read to the end; the exit code."""
        # Linux says so where the other end is closed.
        with suppress(OSError):
            while piece := os.read(self._leader, 65_536):
                self.shown += piece
        return self.process.wait()


@contextmanager
def at_terminal(here: Path, env: Mapping[str, str], *arguments: str) -> Generator[Screen]:
    """A command of cortex at a terminal of its own."""
    leader, follower = pty.openpty()
    with begin_at(follower, here, env, *arguments, stdout=subprocess.PIPE) as process:
        os.close(follower)
        try:
            yield Screen(process, leader)
        finally:
            process.kill()
            os.close(leader)


def told(here: Path) -> list[Event]:
    return events_of(here.parent / "state")


def test_the_person_at_a_terminal_has_it_tried_again(heals: dict[str, str], here: Path) -> None:
    with at_terminal(here, heals, "run", "heals.yaml") as screen:
        screen.until(b"skip [a]ll")
        assert b"'bad' failed. Retry it, skip it, or stop the run? (tool 'maybe')" in screen.shown
        assert b"no such host" in screen.shown
        assert b"may do again" in screen.shown
        screen.type(b"what?\n")
        screen.until(b"please type r, s, t or a")
        (here / "fixed").touch()
        screen.type(b"r\n")
        assert screen.end() == 0, screen.shown
    assert ledger(here) == {"good": 1, "after": 1}


@pytest.mark.parametrize(
    ("typed", "state"), [(b"s\n", "upstream_failed"), (b"\n", "upstream_failed"), (b"t\n", "")]
)
def test_or_lets_it_stand_or_ends_the_run(
    heals: dict[str, str], here: Path, typed: bytes, state: str
) -> None:
    with at_terminal(here, heals, "run", "heals.yaml") as screen:
        screen.until(ASKED)
        screen.type(typed)
        assert screen.end() == 1
    answer = next(
        event.data["answer"] for event in told(here) if event.event_type == "approval_given"
    )
    assert answer == ("skip" if state else "stop")
    assert b"--retry-failed" in screen.shown
    assert ledger(here) == {"good": 1}


def test_one_answer_lets_all_failures_stand(heals: dict[str, str], here: Path) -> None:
    more = "  - {id: worse, type: tool, target: maybe, depends_on: [good]}\n"
    write(here, heals=HEALS + more + more.replace("worse, type", "late, run_if: always, type"))
    with at_terminal(here, heals, "run", "heals.yaml") as screen:
        screen.until(ASKED)
        screen.type(b"a\n")
        assert screen.end() == 1
    assert screen.shown.count(ASKED) == 1


@pytest.mark.parametrize("options", [("--yes",), ("--no-input",), ("--json",), ()])
def test_without_a_person_a_run_ends_and_says_how_to_go_on(
    heals: dict[str, str], cortex: Cortex, options: tuple[str, ...]
) -> None:
    ended = cortex("run", "heals.yaml", *options, env=heals)
    assert ended.code == 1
    assert "--retry-failed" in ended.err + ended.out
    assert "approval_requested" not in ended.out


@pytest.mark.parametrize("option", ["--yes", "--no-input"])
def test_at_a_terminal_nobody_is_asked_who_does_not_want_to_be(
    heals: dict[str, str], here: Path, option: str
) -> None:
    with at_terminal(here, heals, "run", "heals.yaml", option) as screen:
        assert screen.end() == 1
    assert ASKED not in screen.shown


def test_events_as_results_are_no_reason_not_to_ask(heals: dict[str, str], here: Path) -> None:
    with at_terminal(here, heals, "run", "heals.yaml", "--json") as screen:
        screen.until(ASKED)
        (here / "fixed").touch()
        screen.type(b"r\n")
        assert screen.process.stdout is not None
        lines = screen.process.stdout.read().splitlines()
        assert screen.end() == 0
    assert len(lines) == len(told(here))


def test_a_run_that_does_not_say_so_asks_nobody(heals: dict[str, str], here: Path) -> None:
    write(here, heals=HEALS.replace("protocol: {self_healing: true}\n", ""))
    with at_terminal(here, heals, "run", "heals.yaml") as screen:
        assert screen.end() == 1
    assert ASKED not in screen.shown


@pytest.fixture
def killed(heals: dict[str, str], here: Path) -> dict[str, str]:
    """A run that was killed while a question was open."""
    with at_terminal(here, heals, "run", "heals.yaml") as screen:
        screen.until(ASKED)
        screen.process.send_signal(signal.SIGKILL)
        assert screen.end() == -signal.SIGKILL
    return heals


def test_a_run_that_is_killed_meanwhile_asks_again(killed: dict[str, str], here: Path) -> None:
    (here / "fixed").touch()
    with at_terminal(here, killed, "resume", "last") as screen:
        screen.until(ASKED)
        assert b"bad: failed; it failed, and whoever is there is asked again" in screen.shown
        screen.type(b"r\n")
        assert screen.end() == 0, screen.shown
    assert ledger(here) == {"good": 1, "after": 1}


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("options", "code", "answer"),
    [
        (["--approve", "bad"], 0, "retry"),
        (["--answer", "bad=retry"], 0, "retry"),
        (["--deny", "bad"], 1, "skip"),
        (["--answer", "bad=not today"], 1, "skip"),
        (["--answer", "bad=stop"], 1, "stop"),
        (["--retry-failed"], 0, None),
        ([], 1, None),
    ],
)
def test_what_was_open_can_be_answered_beforehand(
    killed: dict[str, str], here: Path, cortex: Cortex, options: list[str], code: int,
    answer: str | None,
) -> None:  # fmt: skip
    (here / "fixed").touch()
    ended = cortex("resume", "last", *options, env=killed)
    assert ended.code == code, ended.err
    given = [event.data["answer"] for event in told(here) if event.event_type == "approval_given"]
    assert given == ([answer] if answer else [])
    assert ledger(here) == ({"good": 1} if code else {"good": 1, "after": 1})


def test_what_was_said_beforehand_is_said_once(
    killed: dict[str, str], here: Path, cortex: Cortex
) -> None:
    ended = cortex("resume", "last", "--approve", "bad", env=killed)
    assert ended.code == 1
    kinds = [event.event_type for event in told(here) if event.action_id == "bad"]
    assert kinds.count("action_started") == 2
    assert ledger(here) == {"good": 1}


def test_ctrl_c_ends_the_run_and_its_question(heals: dict[str, str], here: Path) -> None:
    with at_terminal(here, heals, "run", "heals.yaml") as screen:
        screen.until(ASKED)
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
    assert told(here)[-1].event_type == "agent_cancelled"


def test_what_was_asked_is_told_afterwards(
    killed: dict[str, str], here: Path, cortex: Cortex
) -> None:
    (here / "fixed").touch()
    assert cortex("resume", "last", "--approve", "bad", env=killed).code == 0
    why = cortex("why", "last", "bad").out
    assert "asks: 'bad' failed." in why
    assert "no such host" in why
    assert "approved by the command line: retry" in why
    shown = cortex("show", "last", "--json").json
    bad = next(one for one in shown["actions"] if one["action"] == "bad")
    assert (bad["state"], bad["attempts"]) == ("completed", 2)
    assert "approval" in bad["waits"]
    assert cortex("replay", "last").code == 0
