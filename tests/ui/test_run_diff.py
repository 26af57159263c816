import io

import pytest
from inline_snapshot import snapshot
from rich.cells import cell_len

import cortex_cli.events as ev
from cortex_cli.kinds import ActionState
from cortex_cli.ui.diff_text import MOST_ACTIONS, diff_lines
from cortex_cli.ui.line import print_lines
from cortex_cli.ui.run_diff import MOST_DIFF_LINES, Change, RunDiff, diff_runs, is_notable
from cortex_cli.ui.run_list import entry_of
from cortex_cli.ui.theme import Theme, make_console
from tests.ui.past_runs import ABOUT, NAUGHTY, build, naughty_runs, study, told
from tests.ui.script import Script, planned


def compared(first: Script, second: Script) -> RunDiff:
    entries = (entry_of(first.view, ABOUT), entry_of(second.view, ABOUT))
    return diff_runs(told(first), told(second), entries)


def printed(diff: RunDiff, width: int = 80) -> str:
    stream = io.StringIO()
    print_lines(make_console(stream, {}, width=width), diff_lines(diff, Theme(), width))
    return "\n" + "\n".join(line.rstrip() for line in stream.getvalue().split("\n"))


def repaired() -> Script:
    """The build once more: another branch, a slower test, other outputs, nothing that fails."""
    script = Script().start("build", inputs={"branch": "fix", "depth": 3}).turn()
    names = ["checkout", "lint", "unit", "upload", "deploy", "announce", "scan"]
    script.plan([planned(name) for name in names])
    script.begin("checkout", parameters={"ref": "fix"}).complete("checkout", "ffffff", seconds=1.0)
    script.begin("lint").complete("lint", "clean", seconds=1.75)
    script.begin("unit").complete("unit", "ok", seconds=7.25)
    script.begin("upload").complete("upload", "done", seconds=2.5)
    script.begin("deploy").complete("deploy", "up", seconds=1.0)
    script.begin("scan").complete("scan", "clean").skip("announce")
    return script.at(9).end(outputs={"commit": "ffffff", "tests": {"passed": 13}})


def test_what_is_different_between_two_runs() -> None:
    assert printed(compared(build(), repaired())) == snapshot("""\

- run-7f3a build failed 7.00s  6 completed, 1 failed, 2 skipped
+ run-7f3a build completed 9.00s  6 completed, 1 skipped

Inputs
   {
  -  "branch": "main",
  +  "branch": "fix",
     "depth": 3

Actions
~ checkout  other parameters, other output
    parameters
       {
      -  "ref": "main"
      +  "ref": "fix"
       }
    output
      -a1b2c3
      +ffffff
~ unit  2.50s → 7.25s
~ deploy  failed → completed
    error
      -no route to host\\nat all
+ scan  completed
- integration  completed
- tidy  skipped
- mourn  completed

Outputs
   {
  -  "commit": "a1b2c3",
  -  "nothing": null,
  +  "commit": "ffffff",
     "tests": {
  -    "passed": 12
  +    "passed": 13
     }

7 actions differ, 3 the same
""")


def test_changes_are_told_by_action() -> None:
    changes = {diff.action: diff.changes for diff in compared(build(), repaired()).actions}
    assert changes == {
        "checkout": (Change.PARAMETERS, Change.OUTPUT),
        "unit": (Change.DURATION,),
        "deploy": (Change.STATE,),
        "scan": (Change.APPEARED,),
        "integration": (Change.VANISHED,),
        "tidy": (Change.VANISHED,),
        "mourn": (Change.VANISHED,),
    }
    (scan,) = (d for d in compared(build(), repaired()).actions if d.action == "scan")
    assert scan.states == (None, ActionState.COMPLETED)


def test_a_run_does_not_differ_from_itself() -> None:
    diff = compared(study(), study())
    assert (diff.actions, diff.inputs_diff, diff.outputs_diff, diff.same) == ((), (), (), 9)
    assert "no action differs, 9 the same" in printed(diff)
    unfinished = Script().start().plan([planned("a")])
    assert compared(unfinished, unfinished).same == 1


@pytest.mark.parametrize(("first", "second"), [(1, 1.26), (2, 1), (0, 0.2)])
def test_durations_differ_notably_by_a_quarter(first: float, second: float) -> None:
    assert is_notable(first, second)


@pytest.mark.parametrize(("first", "second"), [(1, 1.24), (0.01, 0.1), (0, 0)])
def test_smaller_differences_are_not_notable(first: float, second: float) -> None:
    assert not is_notable(first, second)


def outputs(first: object, second: object) -> tuple[str, ...]:
    scripts = [
        Script().start().plan([planned("a")]).begin("a").complete("a", value)
        for value in (first, second)
    ]
    (diff,) = compared(*scripts).actions
    return diff.output_diff


def test_long_differences_are_cut_with_a_mark() -> None:
    lines = outputs("\n".join("ab" * 60), "\n".join("cd" * 60))
    assert len(lines) == MOST_DIFF_LINES + 1
    assert lines[-1].endswith("more lines")
    beyond = outputs("x\n" * 500 + "a", "x\n" * 500 + "b")
    assert beyond == ("they differ beyond what is kept of them",)


def test_many_actions_are_bounded() -> None:
    first, second = Script().start(), Script().start()
    names = [f"a{number}" for number in range(MOST_ACTIONS + 50)]
    first.plan([planned(name) for name in names])
    second.plan([planned(name) for name in names])
    for name in names:
        first.begin(name).complete(name, "a\n" * 20)
        second.begin(name).complete(name, "b\n" * 20)
    text = printed(compared(first, second))
    assert "… 50 more\n" in text
    assert "… 33 more lines\n" in text
    assert "250 actions differ, 0 the same" in text


def test_a_single_difference_and_colours() -> None:
    first = Script().start().plan([planned("a")]).begin("a").complete("a", 1)
    second = Script().start().plan([planned("a")]).begin("a").complete("a", 2)
    assert "1 action differs, 0 the same" in printed(compared(first, second))


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the shared test data are not here")
def test_naughty_strings_are_shown_safely() -> None:
    calm = Script().start().plan([planned(f"a{number}") for number in range(40)])
    for number in range(40):
        calm.begin(f"a{number}", parameters={"x": 1}).complete(f"a{number}", "calm")
    calm.end(outputs={"x": "calm"})
    for script in naughty_runs():
        text = printed(compared(calm, script), 40)
        assert all(cell_len(line) <= 40 for line in text.split("\n"))
        assert "\x1b" not in text


def test_errors_that_changed_are_told() -> None:
    first = Script().start().plan([planned("a")]).begin("a").fail("a", "broke")
    second = Script().start().plan([planned("a")]).begin("a").complete("a", "fine")
    assert "      -broke\n" in printed(compared(first, second))
    assert first.end(ev.AgentFailed).view.ended_as == "agent_failed"
