"""`cortex show`, `logs`, `why` and `runs`, over files of events."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from cortex_cli.cli import runs
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import UsageError
from cortex_cli.events import encode
from cortex_cli.ui.about_run import RunState
from cortex_cli.ui.run_list import Wanted, entry_of
from tests.cli.conftest import Ended, environment
from tests.ui.past_runs import ABOUT, build, study
from tests.ui.script import Script

# The commands, whether or not `cortex` lists them.
PROGRAM = """
from cortex_cli.__main__ import main
from cortex_cli.cli import app, logs, runs, show, why
known = {command.name for command in app.app.registered_commands}
for module in (show, logs, why):
    if (name := module.__name__.rpartition(".")[2]) not in known:
        app.app.command(name)(module.command)
if not app.app.registered_groups:
    app.app.add_typer(runs.app, name="runs")
main()
"""


def cortex(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Ended:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env=environment(folder / "state", env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def write(file: Path, script: Script) -> None:
    file.write_bytes(b"".join(encode(event) + b"\n" for event in script.events))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "build.ndjson", build())
    write(tmp_path / "study.ndjson", study())
    return tmp_path


def test_show_prints_text_without_colour_in_a_pipe(folder: Path) -> None:
    ended = cortex(folder, "show", "build.ndjson")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("✗ build failed after 7.00s")
    assert "\x1b" not in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "\x1b[" in cortex(folder, "show", "build.ndjson", "--color", "always").out
    env = {"NO_COLOR": "1", "FORCE_COLOR": "1"}
    assert "\x1b[" not in cortex(folder, "show", "build.ndjson", env=env).out


def test_show_prints_one_json_object(folder: Path) -> None:
    found = cortex(folder, "show", "build.ndjson", "--json").json
    assert found["execution_id"] == "run-7f3a"
    assert [link["action"] for link in found["critical_path"]][:2] == ["checkout", "unit"]


def test_show_writes_a_page(folder: Path) -> None:
    ended = cortex(folder, "show", "build.ndjson", "-o", "report.html")
    assert (ended.code, ended.out) == (0, "")
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    wrong = cortex(folder, "show", "build.ndjson", "-o", "report.pdf")
    assert wrong.code == 2
    assert "report.pdf: a report is an HTML page; -o report.html" in wrong.err
    nowhere = cortex(folder, "show", "build.ndjson", "-o", "gone/report.html")
    assert nowhere.code == 3
    assert "cannot be written" in nowhere.err


def test_show_plays_a_run_again_line_by_line(folder: Path) -> None:
    ended = cortex(folder, "show", "study.ndjson", "--play", "--speed", "1000")
    assert ended.code == 0
    assert ended.out == ""
    assert "  2.00s  read/skim  completed in 2.00s" in ended.err
    assert "✓ study completed in 6.50s" in ended.err
    assert cortex(folder, "show", "study.ndjson", "--play", "--json").code == 2


def test_show_plays_a_run_again_in_panels_on_a_terminal(folder: Path) -> None:
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "show", "study.ndjson", "--play", "--speed", "50"],
        cwd=folder,
        env={**environment(folder / "state"), "TERM": "xterm-256color", "LINES": "24"},
        stdout=subprocess.DEVNULL,
        stderr=follower,
    ) as process:
        os.close(follower)
        shown = b""
        try:
            while piece := os.read(leader, 65_536):
                shown += piece
        except OSError:  # Linux says so where the other end is closed
            pass
    os.close(leader)
    assert process.returncode == 0
    assert b"\x1b[?25l" in shown
    assert b"completed in 6.50s" in shown


def test_logs_prints_what_was_said_and_of_one_action_only(folder: Path) -> None:
    everything = cortex(folder, "logs", "build.ndjson").out
    assert "4.00s  upload  attempt 1 failed: HTTP 503" in everything
    assert "7.00s  build  warning: the disk is nearly full" in everything
    of_one = cortex(folder, "logs", "build.ndjson", "uplo").out
    assert len(of_one.splitlines()) == 2
    lines = cortex(folder, "logs", "study.ndjson", "read", "--json").out.splitlines()
    assert [msgspec.json.decode(line)["kind"] for line in lines] == ["thought", "text"]
    unknown = cortex(folder, "logs", "build.ndjson", "uplaod")
    assert unknown.code == 2
    assert "did you mean 'upload'?" in unknown.err


def test_why_explains_an_action(folder: Path) -> None:
    ended = cortex(folder, "why", "build.ndjson", "tidy")
    assert ended.code == 0
    assert "It all began with deploy, which failed (exit_status)." in ended.out
    found = cortex(folder, "why", "build.ndjson", "tidy", "--json").json
    assert found["root_cause"] == "deploy"
    unknown = cortex(folder, "why", "build.ndjson", "tdy")
    assert "did you mean 'tidy'?" in unknown.err


def test_runs_diff_compares_two_runs(folder: Path) -> None:
    ended = cortex(folder, "runs", "diff", "build.ndjson", "study.ndjson")
    assert ended.code == 0, ended.err
    assert "+ read/skim  completed" in ended.out
    found = cortex(folder, "runs", "diff", "build.ndjson", "build.ndjson", "--json").json
    assert (found["actions"], found["same"]) == ([], 9)


def test_runs_lists_those_that_are_wanted(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    ended = cortex(folder, "runs", "--state", "failed", "--since", "2h", "--name", "x")
    assert (ended.code, ended.out) == (0, "no runs\n")
    entries = [entry_of(build().view, ABOUT), entry_of(study().view, ABOUT)]
    terminal = Terminal()
    runs.print_runs(terminal, entries, Wanted(states=(RunState.FAILED,)))
    assert b"build" in capsysbinary.readouterr().out
    terminal.adjust(json=True)
    runs.print_runs(terminal, entries, Wanted())
    found = msgspec.json.decode(capsysbinary.readouterr().out)
    assert [entry["name"] for entry in found["runs"]] == ["build", "study"]


def test_a_state_that_there_is_not_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'failed'"):
        runs.wanted_runs(["faild"], None, None, 5)


def test_a_run_that_is_not_there_says_where_to_look(folder: Path) -> None:
    ended = cortex(folder, "show", "gone")
    assert ended.code == 2
    assert "there are no runs yet" in ended.err
    assert cortex(folder, "show", "gone.ndjson").code == 3


def test_a_file_that_holds_no_events_names_the_line(folder: Path) -> None:
    good = (folder / "build.ndjson").read_bytes()
    for bad in (b"{}\n", b"nonsense\n", b"\xff\xfe\n"):
        (folder / "bad.ndjson").write_bytes(good + bad)
        ended = cortex(folder, "show", "bad.ndjson")
        assert ended.code == 3
        assert f"bad.ndjson:{good.count(10) + 1}: not an event" in ended.err


def test_a_file_without_events_or_with_those_of_two_runs_is_refused(folder: Path) -> None:
    (folder / "empty.ndjson").write_text("")
    first = (folder / "build.ndjson").read_text()
    other = (folder / "study.ndjson").read_text().replace('"run-7f3a"', '"another"')
    (folder / "two.ndjson").write_text(first + other)
    for command in ("show", "logs"):
        empty = cortex(folder, command, "empty.ndjson")
        assert (empty.code, empty.out) == (3, "")
        assert "empty.ndjson: there are no events in it; such files are made with" in empty.err
        two = cortex(folder, command, "two.ndjson")
        assert two.code == 3
        assert f"two.ndjson:{first.count(chr(10)) + 1}: an event of another run, 'ano" in two.err


def test_a_closed_pipe_ends_the_output_quietly(folder: Path) -> None:
    ended = subprocess.run(
        f'{sys.executable} -c "$PROGRAM" logs study.ndjson | head -n 1',
        shell=True,
        cwd=folder,
        env={**environment(folder / "state"), "PROGRAM": PROGRAM},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr == ""
    assert len(ended.stdout.splitlines()) == 1
