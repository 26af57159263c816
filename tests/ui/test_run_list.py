import io
from datetime import UTC, datetime

import pytest
from inline_snapshot import snapshot
from rich.cells import cell_len

import cortex_cli.events as ev
from cortex_cli.errors import UsageError
from cortex_cli.ui.about_run import AboutRun, RunState
from cortex_cli.ui.glyphs import ASCII
from cortex_cli.ui.line import print_lines
from cortex_cli.ui.run_list import RunEntry, Wanted, entry_of, select, since_when, total
from cortex_cli.ui.run_table import run_lines
from cortex_cli.ui.theme import Theme, make_console
from tests.ui.past_runs import ABOUT, build, study
from tests.ui.script import START_SECONDS, Script

NOW = datetime(2026, 2, 1, tzinfo=UTC).timestamp()


def entries() -> list[RunEntry]:
    return [
        entry_of(build().view, ABOUT),
        entry_of(study().view, ABOUT),
        RunEntry(
            execution_id="8xr1bs1qcz464",
            name="a run with a long name indeed",
            state=RunState.RUNNING,
            started_at=START_SECONDS + 3_600,
            duration_seconds=4_000,
            counts=ev.StateCounts(completed=1_200),
            actions=10_000,
            cost_usd=1.5,
        ),
        RunEntry(execution_id="new", name="x", state=RunState.INTERRUPTED),
    ]


def printed(runs: list[RunEntry], width: int, theme: Theme | None = None) -> str:
    stream = io.StringIO()
    lines = run_lines(runs, theme or Theme(), width, UTC)
    print_lines(make_console(stream, {}, width=width), lines)
    return "\n" + "\n".join(line.rstrip() for line in stream.getvalue().split("\n"))


def test_an_entry_is_made_from_the_events_and_what_stands_beside_them() -> None:
    entry = entry_of(study().view, ABOUT)
    assert (entry.name, entry.state, entry.manifest) == (
        "study",
        RunState.COMPLETED,
        "manifests/build.yaml",
    )
    assert (entry.started_at, entry.duration_seconds) == (START_SECONDS, 6.5)
    assert (entry.actions, entry.cost_usd) == (9, 0.02)
    running = entry_of(Script().start().at(2).begin("a").complete("a").view, AboutRun())
    assert (running.counts.completed, running.duration_seconds) == (1, 2.0)
    assert entry_of(Script().view, AboutRun(started_at=5.0)).started_at == 5.0


@pytest.mark.parametrize("width", [40, 56, 70, 80])
def test_the_table_fits_the_screen(width: int) -> None:
    text = printed(entries(), width)
    assert all(cell_len(line) <= width for line in text.split("\n"))
    assert all(entry.execution_id in text for entry in entries())


def test_the_table_at_80_columns() -> None:
    assert printed(select(entries(), Wanted()), 80) == snapshot("""\

  run           name                 state       started       took  completed
● 8xr1bs1qcz464 a run with a long n… running     01-02 04:04  1h06m  1,200/10…
✗ run-7f3a      build                failed      01-02 03:04  7.00s        6/9
✓ run-7f3a      study                completed   01-02 03:04  6.50s        8/9
■ new           x                    interrupted
  4 runs, $1.5200
""")


def test_the_table_at_120_columns_in_ascii() -> None:
    assert printed(entries(), 120, Theme(glyphs=ASCII, ascii_only=True)) == snapshot("""\

  run           name                          state       started               took       cost  actions
x run-7f3a      build                         failed      2026-01-02 03:04:05  7.00s             6 completed, 1 faile...
+ run-7f3a      study                         completed   2026-01-02 03:04:05  6.50s    $0.0200  8 completed, 1 cance...
* 8xr1bs1qcz464 a run with a long name indeed running     2026-01-02 04:04:05  1h06m    $1.5000  1,200 completed
! new           x                             interrupted
  4 runs, $1.5200
""")


def test_of_a_run_that_can_not_be_read_the_table_has_the_reason() -> None:
    reason = "runs/0a/journal.db can't be used: others may read or change it"
    runs = [entries()[3], RunEntry(execution_id="0a", name=reason, state=RunState.UNREADABLE)]
    assert printed(runs, 64) == snapshot("""\

  run           name       state       started       took
■ new           x          interrupted
✗ 0a            unreadable runs/0a/journal.db can't be used: ot…
  2 runs
""")
    assert printed(runs[1:], 100).split("\n")[2].endswith(reason)


def test_no_runs_and_one_run() -> None:
    assert printed([], 80) == "\nno runs\n"
    assert "1 run" not in printed(entries()[:1], 80)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Wanted(), ["8xr1bs1qcz464", "run-7f3a", "run-7f3a", "new"]),
        (Wanted(states=(RunState.RUNNING, RunState.INTERRUPTED)), ["8xr1bs1qcz464", "new"]),
        (Wanted(name="BUI"), ["run-7f3a"]),
        (Wanted(since=START_SECONDS + 1), ["8xr1bs1qcz464"]),
        (Wanted(most=1), ["8xr1bs1qcz464"]),
    ],
)
def test_runs_are_selected_the_latest_first(wanted: Wanted, ids: list[str]) -> None:
    assert [entry.execution_id for entry in select(entries(), wanted)] == ids


def test_costs_are_summed_where_they_are_known() -> None:
    assert total(entries()) == 1.52
    assert total(entries()[:1]) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW - 90),
        ("5 m", NOW - 300),
        ("2h", NOW - 7_200),
        ("3d", NOW - 259_200),
        ("1w", NOW - 604_800),
        ("2026-01-31", NOW - 86_400),
        ("2026-01-31T12:00", NOW - 43_200),
        ("2026-01-31T12:00+02:00", NOW - 50_400),
    ],
)
def test_a_moment_is_read_from_text(text: str, moment: float) -> None:
    assert since_when(text, NOW, UTC) == moment


def test_a_moment_without_a_zone_is_the_machines() -> None:
    assert since_when("2026-01-31", NOW, None) == datetime(2026, 1, 31).astimezone().timestamp()


@pytest.mark.parametrize("text", ["", "yesterday", "2x", "9999999999d"])
def test_anything_else_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError, match="is no moment; for example 2h"):
        since_when(text, NOW, UTC)
