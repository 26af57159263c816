"""`cortex resume`, as a user has it: whatever happened to the run before."""

import os
import pty
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import get_args

import pytest

from cortex_cli.events import ActionCompleted, Event, decode
from cortex_cli.session.kept_run import run_store
from cortex_cli.store.failures import Point
from cortex_cli.store.locks import LockedError
from tests.cli.conftest import Cortex, begin_at, environment
from tests.engine.resuming import check_parts, final

TOOL = """\
kind: Tool
name: {name}
implementation: {{type: command, shell: true, command: {command!r}}}
"""
NOTE = "echo $WHO >> $LEDGER"
LONG = """\
kind: Agent
name: long
import: {tools: [note.yaml, flaky.yaml, list.yaml], workflows: [inner.yaml]}
protocol: {max_parallel_actions: 3}
environment: {variables: {LEDGER: "${LEDGER}"}}
actions:
  - {id: a, type: tool, target: note, env: {WHO: a}}
  - {id: b, type: tool, target: note, depends_on: [a], env: {WHO: b}}
  - {id: bg, type: tool, target: note, mode: fire_and_forget, env: {WHO: bg}}
  - {id: list, type: internal, parameters: {names: [x, y, z]}, output_key: l}
  - {id: each, type: tool, target: note, for_each: "${l.names}", env: {WHO: "each[${index}]"}}
  - {id: call, type: workflow, target: inner, depends_on: [a]}
  - {id: flaky, type: tool, target: flaky, env: {WHO: flaky},
     retry: {max_attempts: 3, delay_seconds: 0.02}}
  - {id: choose, type: decision, depends_on: [b], cases: [{when: "true", then: [c]}],
     default: {then: [d]}}
  - {id: c, type: tool, target: note, env: {WHO: c}}
  - {id: d, type: tool, target: note, env: {WHO: d}}
  - {id: end, type: tool, target: note, depends_on: [c, each, call, flaky], env: {WHO: end}}
"""
INNER = """\
kind: Workflow
name: inner
import: {tools: [note.yaml]}
environment: {variables: {LEDGER: "${LEDGER}"}}
actions:
  - {id: one, type: tool, target: note, env: {WHO: call/one}}
  - {id: two, type: tool, target: note, depends_on: [one], env: {WHO: call/two}}
"""
NOTED = ["a", "b", "bg", "each[0]", "each[1]", "each[2]", "call/one", "call/two", "c", "end"]


def write(folder: Path, **files: str) -> None:
    """Manifests, by name."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def tool(name: str, command: str) -> str:
    """The manifest of a tool that is a line of shell."""
    return TOOL.format(name=name, command=command)


def begin(folder: Path, state: Path, *arguments: str) -> "subprocess.Popen[str]":
    """A command in the background, with its streams in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "cortex_cli", *arguments],
        cwd=folder,
        env=environment(state, {"LEDGER": str(folder / "ledger")}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def events_of(state: Path) -> list[Event]:
    """What is written down of the latest run."""
    store = run_store({"CORTEX_HOME": str(state)})
    return list(store.events(store.find("last")))


def journal_of(state: Path) -> Path:
    """The journal of the only run."""
    (found,) = state.glob("runs/*/journal.db")
    return found


def ledger(folder: Path) -> Counter[str]:
    """How often each action has had its effect."""
    path = folder / "ledger"
    return Counter(path.read_text().split() if path.exists() else ())


def completed(events: list[Event]) -> set[str]:
    """The actions that have completed, by path and id."""
    return {
        "/".join((*event.path, event.action_id))
        for event in events
        if isinstance(event, ActionCompleted)
    }


def write_long(folder: Path, work: str) -> None:
    """The manifests of a run with something of everything."""
    write(
        folder,
        long=LONG,
        inner=INNER,
        note=tool("note", f"{NOTE}; {work}"),
        list=tool("list", "true"),
        flaky=tool("flaky", f"{NOTE}; {work}; [ $(grep -c flaky $LEDGER) -ge 2 ]"),
    )


def kill_and_resume(folder: Path, seed: int) -> None:
    """Kill a run at a random instant, once or twice, go on with it, and check both parts."""
    folder.mkdir()
    write_long(folder, work=f"sleep 0.0{seed % 6}")
    state, rng = folder / "state", random.Random(seed)
    first: list[Event] = []
    commands = (["run", "long.yaml"], ["resume", "last"])[: 1 + (seed % 3 == 0)]
    for command in commands:
        with begin(folder, state, *command, "--json") as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            with suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0, 0.6))
            process.kill()
            process.communicate()
        before, first = first, events_of(state)
        check_parts(before, first[len(before) :])
    # What was in flight at one kill may have been done twice, and be completed at the next.
    done = {name: ledger(folder)[name] for name in completed(first) if name in NOTED}
    with begin(folder, state, "resume", "last", "--json") as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    whole = events_of(state)
    check_parts(first, whole[len(first) :])
    assert [decode(line) for line in out.splitlines()] == whole[len(first) :]
    assert whole[-1].event_type == "agent_completed"
    assert {name: end for name, (end, _) in final(whole).items()} == {
        **dict.fromkeys([*NOTED, "list", "each", "call", "flaky", "choose"], "action_completed"),
        "d": "action_skipped",
    }
    noted = ledger(folder)
    assert {name: noted[name] for name in done} == done
    assert all(noted[name] >= 1 for name in NOTED)
    if len(commands) == 1:
        assert set(done.values()) <= {1}
    check_integrity(journal_of(state))


def check_integrity(journal: Path) -> None:
    """SQLite finds nothing wrong with the journal."""
    with closing(sqlite3.connect(journal)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def kill_many(folder: Path, times: int) -> None:
    """Kill so many runs, four at once."""
    with ThreadPoolExecutor(4) as pool:
        numbers = range(times)
        list(pool.map(kill_and_resume, [folder / str(number) for number in numbers], numbers))


LARGE = "python3 -c 'print(7 * 10**4 * chr(120))'"
"""What prints more than stays in a row of the journal."""
DYING = Path(__file__).with_name("dying.py")


TIMES = {"run": (1,), "blob": (1, 2), "journal": (1, 2, 5)}
"""Which of the times that a point is passed a run is killed at, by the point's first word."""


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("point", "times"),
    [(point, times) for point in get_args(Point) for times in TIMES[point.split(".")[0]]],
)
def test_killed_between_any_two_writes_a_run_completes_and_repeats_nothing(
    point: Point, times: int, here: Path, cortex: Cortex
) -> None:
    write_long(here, work=LARGE)
    state = here.parent / "state"
    env = {"LEDGER": str(here / "ledger")}
    words = [sys.executable, str(DYING), point, str(times), "run", "long.yaml"]
    killed = subprocess.run(
        words, cwd=here, env=environment(state, env), capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    if not cortex("runs", "--json").json["runs"]:
        # It was killed before there was a run, and nothing has been done.
        assert not ledger(here)
        assert point in {"run.made", "run.recorded"}
        return
    done = completed(events_of(state))
    resumed = cortex("resume", "last", env=env)
    assert resumed.code == 0, resumed.err
    noted = ledger(here)
    assert {name: noted[name] for name in done & set(NOTED)} == dict.fromkeys(done & set(NOTED), 1)
    assert set(NOTED) <= set(noted)
    assert events_of(state)[-1].event_type == "agent_completed"
    check_integrity(journal_of(state))


@pytest.mark.no_cover
@pytest.mark.timeout(600)
def test_killed_at_random_instants_every_run_completes_and_repeats_nothing(tmp_path: Path) -> None:
    kill_many(tmp_path, 40)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_killed_five_hundred_times_every_run_completes_and_repeats_nothing(tmp_path: Path) -> None:
    kill_many(tmp_path, 500)


SLOW = """\
kind: Agent
name: slow
import: {tools: [note.yaml, wait.yaml]}
environment: {variables: {LEDGER: "${LEDGER}", GO: "${GO:-}"}}
actions:
  - {id: first, type: tool, target: note, env: {WHO: first}}
  - {id: waits, type: tool, target: wait, depends_on: [first], env: {WHO: waits}}
"""


@pytest.fixture
def slow(here: Path) -> Iterator["subprocess.Popen[str]"]:
    """A run whose second action waits until there is a file `go`."""
    wait = f"echo up >&2; while [ ! -e {here}/go ]; do sleep 0.02; done; {NOTE}"
    write(here, slow=SLOW, note=tool("note", NOTE), wait=tool("wait", wait))
    with begin(here, here.parent / "state", "run", "slow.yaml", "--json") as process:
        assert process.stdout is not None
        assert any('"waits"' in line and "up" in line for line in process.stdout)
        yield process
        (here / "go").touch()
        process.kill()


def test_after_ctrl_c_a_run_goes_on_where_it_was(
    slow: "subprocess.Popen[str]", here: Path, cortex: Cortex
) -> None:
    slow.send_signal(signal.SIGINT)
    _, err = slow.communicate(timeout=15)
    assert slow.returncode == 130, err
    (here / "go").touch()
    explained = cortex("resume", "last", "--explain", env={"LEDGER": str(here / "ledger")})
    assert explained.code == 0
    assert "first: completed; it has ended, and is not run again" in explained.out
    assert "waits: cancelled; it was in flight" in explained.out
    ended = cortex("resume", "last", env={"LEDGER": str(here / "ledger")})
    assert ended.code == 0, ended.err
    assert ledger(here) == {"first": 1, "waits": 1}


def test_a_second_process_is_refused_at_once_with_who_writes_the_run(
    slow: "subprocess.Popen[str]", here: Path, cortex: Cortex
) -> None:
    refused = cortex("resume", "last")
    assert refused.code == 3
    assert f"is being written by process {slow.pid} on " in refused.err
    assert "cortex stop" in refused.err
    store = run_store({"CORTEX_HOME": str(here.parent / "state")})
    began = time.monotonic()
    with pytest.raises(LockedError):
        store.reopen(store.find("last"))
    assert time.monotonic() - began < 1
    (here / "go").touch()
    _, err = slow.communicate(timeout=15)
    assert slow.returncode == 0, err


FAILS = """\
kind: Agent
name: fails
import: {tools: [note.yaml, maybe.yaml]}
environment: {variables: {LEDGER: "${LEDGER}"}}
actions:
  - {id: good, type: tool, target: note, env: {WHO: good}}
  - {id: bad, type: tool, target: maybe, depends_on: [good]}
  - {id: after, type: tool, target: note, depends_on: [bad], env: {WHO: after}}
"""


def test_failures_are_tried_again_where_that_is_asked_for(here: Path, cortex: Cortex) -> None:
    env = {"LEDGER": str(here / "ledger")}
    maybe = tool("maybe", f"[ -e {here}/fixed ]")
    write(here, fails=FAILS, note=tool("note", NOTE), maybe=maybe)
    failed = cortex("run", "fails.yaml", env=env)
    assert failed.code == 1
    assert "cortex resume " in failed.err
    assert "--retry-failed" in failed.err
    (here / "fixed").touch()
    assert cortex("resume", "last", env=env).code == 1
    ended = cortex("resume", "last", "--retry-failed", env=env)
    assert ended.code == 0, ended.err
    assert "bad: failed; it failed, and is tried again" in ended.err
    assert ledger(here) == {"good": 1, "after": 1}


def test_a_changed_action_is_run_again_and_what_follows_it_too(here: Path, cortex: Cortex) -> None:
    env = {"LEDGER": str(here / "ledger")}
    write(here, fails=FAILS, note=tool("note", NOTE), maybe=tool("maybe", "true"))
    assert cortex("run", "fails.yaml", env=env).code == 0
    write(here, fails=FAILS.replace("{WHO: after}", "{WHO: other}"))
    explained = cortex("resume", "last", "--explain", "--json", env=env).json
    assert {one["id"]: one["fate"] for one in explained["actions"]} == {
        "good": "kept", "bad": "kept", "after": "changed"
    }  # fmt: skip
    assert cortex("resume", "last", env=env).code == 0
    assert ledger(here) == {"good": 1, "after": 1, "other": 1}


PAYS = """\
kind: Agent
name: pays
import: {tools: [note.yaml]}
protocol: {require_user_approval: [external]}
environment: {variables: {LEDGER: "${LEDGER}"}}
actions:
  - {id: look, type: tool, target: note, effect: none, env: {WHO: look}}
  - {id: pay, type: tool, target: note, effect: external, depends_on: [look], env: {WHO: pay}}
"""


@pytest.fixture
def pays(here: Path) -> dict[str, str]:
    """A manifest that asks for an approval; the environment of its run."""
    write(here, pays=PAYS, note=tool("note", NOTE))
    return {"LEDGER": str(here / "ledger")}


@pytest.mark.parametrize(
    ("options", "code", "effects", "said"),
    [
        (["--approve", "pay"], 0, 1, ""),
        (["--yes"], 0, 1, ""),
        (["--deny", "pay"], 1, 0, "the command line said no"),
        (["--answer", "pay=too dear"], 1, 0, "too dear"),
        ([], 4, 0, "nobody could be asked to approve 'pay'"),
    ],
)
def test_a_run_that_waits_for_an_approval_pauses_and_goes_on_with_the_answer(
    pays: dict[str, str], here: Path, cortex: Cortex, options: list[str], code: int, effects: int,
    said: str,
) -> None:  # fmt: skip
    paused = cortex("run", "pays.yaml", env=pays)
    assert paused.code == 4
    assert "nobody could be asked to approve 'pay'" in paused.err
    assert "cortex resume " in paused.err
    ended = cortex("resume", "last", *options, env=pays)
    assert (ended.code, said in ended.err) == (code, True), ended.err
    assert ledger(here) == Counter({"look": 1, "pay": effects} if effects else {"look": 1})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--approve", "pya"], "the run has no action 'pya' to answer for; did you mean 'pay'?"),
        (["--deny", "inner/pay"], "the run has no action 'inner/pay' to answer for"),
        (["--approve", "pay", "--answer", "pay=no"], "'pay' is answered twice"),
    ],
)
def test_an_answer_for_an_action_that_is_not_there_is_refused(
    pays: dict[str, str], here: Path, cortex: Cortex, options: list[str], said: str
) -> None:
    assert cortex("run", "pays.yaml", env=pays).code == 4
    refused = cortex("resume", "last", *options, env=pays)
    assert refused.code == 2
    assert said in refused.err
    assert ledger(here) == {"look": 1}


@pytest.mark.parametrize("options", [["--yes"], ["--approve", "pay"]])
def test_what_is_answered_beforehand_holds_in_an_autonomous_run(
    pays: dict[str, str], here: Path, cortex: Cortex, options: list[str]
) -> None:
    text = PAYS.replace("protocol: {", "protocol: {mode: autonomous, ")
    write(here, pays=text, note=tool("note", NOTE))
    assert cortex("run", "pays.yaml", env=pays).code == 4
    ended = cortex("resume", "last", *options, env=pays)
    assert ended.code == 0, ended.err
    assert ledger(here) == {"look": 1, "pay": 1}
    assert cortex("replay", "last", env=pays).code == 0


def test_yes_beforehand_asks_nothing(pays: dict[str, str], here: Path, cortex: Cortex) -> None:
    assert cortex("run", "pays.yaml", "--yes", env=pays).code == 0
    assert ledger(here) == {"look": 1, "pay": 1}


def watch(leader: int, typed: bytes) -> bytes:
    """What a terminal shows to its end; what is typed there once a question stands."""
    shown = b""
    with suppress(OSError):
        while piece := os.read(leader, 65_536):
            shown += piece
            if typed and b"[y]es" in shown:
                os.write(leader, typed)
                typed = b""
    os.close(leader)
    return shown


@pytest.mark.parametrize(
    ("typed", "options", "code"),
    [(b"y\n", [], 0), (b"a\n", [], 0), (b"no way\n", [], 1), (b"", ["--no-input"], 4)],
)
def test_the_person_at_a_terminal_is_asked(
    pays: dict[str, str], here: Path, typed: bytes, options: list[str], code: int
) -> None:
    leader, follower = pty.openpty()
    with begin_at(follower, here, pays, "run", "pays.yaml", *options) as process:
        os.close(follower)
        shown = watch(leader, typed)
    assert process.returncode == code, shown
    assert (b"[y]es" in shown) == bool(typed)
    assert ledger(here)["pay"] == (code == 0)


def test_only_from_and_skip_leave_actions_out(here: Path, cortex: Cortex) -> None:
    env = {"LEDGER": str(here / "ledger")}
    write(here, fails=FAILS, note=tool("note", NOTE), maybe=tool("maybe", "true"))
    early = cortex("run", "fails.yaml", "--from", "after", env=env)
    assert early.code == 2
    assert "no earlier run of this manifest has it" in early.err
    assert cortex("run", "fails.yaml", "--only", "bad", env=env).code == 0
    assert ledger(here) == {"good": 1}
    assert cortex("run", "fails.yaml", "--from", "after", env=env).code == 0
    assert ledger(here) == {"good": 1, "after": 1}
    assert cortex("run", "fails.yaml", "--skip", "good,bad", env=env).code == 0
    assert ledger(here) == {"good": 1, "after": 2}
    unknown = cortex("run", "fails.yaml", "--only", "god", env=env)
    assert unknown.code == 2
    assert "did you mean 'good'?" in unknown.err


def test_a_manifest_from_standard_input_can_be_resumed(
    pays: dict[str, str], here: Path, cortex: Cortex
) -> None:
    assert cortex("run", "-", stdin=PAYS, env=pays).code == 4
    (here / "pays.yaml").unlink()
    ended = cortex("resume", "last", "--yes", env=pays)
    assert ended.code == 0, ended.err
    assert ledger(here) == {"look": 1, "pay": 1}


@pytest.mark.parametrize("damage", ["garbage", "empty", "truncated"])
def test_a_damaged_journal_is_refused_and_left_as_it_is(
    pays: dict[str, str], here: Path, cortex: Cortex, damage: str
) -> None:
    assert cortex("run", "pays.yaml", env=pays).code == 4
    journal = journal_of(here.parent / "state")
    whole = journal.read_bytes()
    bad = {"garbage": b"\xde\xad" * 5_000, "empty": b"", "truncated": whole[: len(whole) // 3]}
    for beside in journal.parent.glob("journal.db-*"):
        beside.unlink()
    journal.write_bytes(bad[damage])
    for run in (journal.parent.name, "last"):
        refused = cortex("resume", run, "--yes", env=pays)
        assert refused.code == 3, refused.err
        assert "Traceback" not in refused.err
    assert journal.read_bytes() == bad[damage]
    assert ledger(here) == {"look": 1}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """The root of a file system of 2 MiB."""
    root = tmp_path / "small"
    root.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(root)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield root
    subprocess.run(["/bin/umount", "-l", str(root)], check=True)


def test_a_read_only_state_folder_is_refused_before_anything_runs(
    pays: dict[str, str], here: Path, cortex: Cortex, small: Path
) -> None:
    env = {**pays, "CORTEX_HOME": str(small / "home")}
    assert cortex("run", "pays.yaml", env=env).code == 4
    subprocess.run(["/bin/mount", "-o", "remount,ro", str(small)], check=True)
    for command in (["run", "pays.yaml"], ["resume", "last", "--yes"]):
        refused = cortex(*command, env=env)
        assert refused.code == 3
        assert "Read-only file system" in refused.err
        assert "Traceback" not in refused.err
    assert ledger(here) == {"look": 1}


def test_a_full_state_folder_ends_the_run_with_the_way_to_go_on(
    here: Path, cortex: Cortex, small: Path
) -> None:
    fill = f"dd if=/dev/zero of={small}/filler bs=4096 2>/dev/null; seq 60000; {NOTE}"
    write(here, fails=FAILS, note=tool("note", NOTE), maybe=tool("maybe", fill))
    env = {"LEDGER": str(here / "ledger"), "CORTEX_HOME": str(small / "home")}
    lost = cortex("run", "fails.yaml", env=env)
    assert lost.code == 3, lost.err
    assert "free some space" in lost.err
    assert "cortex resume " in lost.err
    assert ledger(here)["after"] == 0
    (small / "filler").unlink()
    write(here, maybe=tool("maybe", "true"))
    ended = cortex("resume", "last", env=env)
    assert ended.code == 0, ended.err
    assert (ledger(here)["good"], ledger(here)["after"]) == (1, 1)
