import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from rich.cells import cell_len

import cortex_cli.events as ev
from cortex_cli.kinds import ActionMode, ActionType, CancelReason, SkipReason, TerminationReason
from cortex_cli.ui.glyphs import ASCII
from cortex_cli.ui.line import print_lines
from cortex_cli.ui.outcome import outcome
from cortex_cli.ui.run_timeline import MOST_ROWS
from cortex_cli.ui.summary import summary
from cortex_cli.ui.theme import ColorChoice, Theme, make_console
from tests.ui.script import Script, planned


def shown(script: Script, width: int = 80, theme: Theme | None = None) -> str:
    lines = summary(script.view, theme or Theme(), width)
    return "\n" + "\n".join(line.plain.rstrip() for line in lines) + "\n"


def finished(kind: type[ev.AgentEnded] = ev.AgentCompleted, **fields: Any) -> Script:
    script = (
        Script()
        .start("research_agent")
        .turn()
        .plan(
            [
                planned("fetch_arxiv"),
                planned("fetch_news"),
                planned("read_all", kind=ActionType.AGENT, wave=2),
                planned("notify", mode=ActionMode.FIRE_AND_FORGET),
                planned("rank", wave=3),
                planned("extra", wave=4),
            ],
            {"read_all": ["fetch_arxiv"], "rank": ["read_all", "fetch_news"], "extra": ["rank"]},
            scheduled=5.0,
            bound=4.0,
        )
    )
    script.begin("fetch_arxiv").begin("fetch_news").queue("notify")
    script.at(1.5).complete("fetch_arxiv", seconds=1.5)
    script.at(2).begin("read_all", kind=ActionType.AGENT).begin(
        "notify", mode=ActionMode.FIRE_AND_FORGET
    )
    script.start("reader", path="read_all").plan([planned("read")], path="read_all")
    script.at(2.1).begin("read", path="read_all")
    script.at(3).complete("fetch_news", seconds=3.0, attempts=2)
    script.at(3.9).complete("read", seconds=1.8, path="read_all").end(path="read_all")
    script.at(4).complete("read_all", seconds=2.0).begin("rank").at(4.5)
    script.fail("notify", "connection refused", seconds=2.5).warn("the action failed", "notify")
    script.at(6).complete("rank", seconds=2.0).skip("extra", SkipReason.CONDITION_FALSE)
    return script.end(kind, **fields)


def failed() -> Script:
    script = (
        Script()
        .start("web")
        .turn()
        .plan(
            [planned(name) for name in "abcd"], {"c": ["a"], "d": ["c"]}, scheduled=2.0, bound=2.0
        )
    )
    script.begin("a").begin("b").at(2)
    script.fail("a", "exit status 2: no such file\nline two", seconds=2.0, attempts=3)
    script.skip("c").skip("d").cancel("b", CancelReason.CANCELLED, seconds=2.0)
    return script.end(
        ev.AgentFailed,
        TerminationReason.ACTION_FAILED,
        error="1 action failed",
        error_type="action_failed",
        resume="cortex resume run-7f3a --retry-failed",
    )


def test_a_completed_run_at_80_columns() -> None:
    usage = ev.Usage(input_tokens=1_200, output_tokens=431)
    assert shown(finished(usage=usage, cost=0.0123)) == snapshot("""\

✓ research_agent completed in 6.00s  plan completed
  actions   5 completed, 1 failed, 1 skipped
  time      6.00s; estimated 5.00s (1.20x), lower bound 4.00s (1.50x)
  critical  fetch_arxiv → read_all → rank
  models    1,200 tokens read, 431 written, $0.0123
  failed    notify: connection refused
  skipped   condition false: extra
  warning   notify: the action failed

  fetch_arxiv  ━━━━━━━━━                             1.50s
  fetch_news   ━━━━━━━━━━━━━━━━━━                    3.00s  2 attempts
  read_all              ··╺━━━━━━━━━━━╸              2.00s  after fetch_arxiv
    read                   ━━━━━━━━━━━               1.80s
  notify       ···········╺━━━━━━━━━━━━━━╸           2.50s  fire and forget
  rank                                ━━━━━━━━━━━━   2.00s  after read_all
               0s         2s          4s            · waited for its turn
""")


def test_a_completed_run_at_40_columns() -> None:
    assert shown(finished(), 40) == snapshot("""\

✓ research_agent completed in 6.00s
  actions   5 completed, 1 failed, 1
            skipped
  time      6.00s; estimated 5.00s
            (1.20x), lower bound 4.00s
            (1.50x)
  critical  fetch_arxiv → read_all →
            rank
  failed    notify: connection refused
  skipped   condition false: extra
  warning   notify: the action failed

  fetch_arx…  ━━━━━                1.50s
  fetch_news  ━━━━━━━━━╸           3.00s
  read_all         ·━━━━━━╸        2.00s
    read            ━━━━━━         1.80s
  notify      ······━━━━━━━━       2.50s
  rank                    ━━━━━━   2.00s
              0s             5s
""")


def test_a_completed_run_in_ascii_at_100_columns() -> None:
    assert shown(finished(), 100, Theme(glyphs=ASCII, ascii_only=True)) == snapshot("""\

+ research_agent completed in 6.00s  plan completed
  actions   5 completed, 1 failed, 1 skipped
  time      6.00s; estimated 5.00s (1.20x), lower bound 4.00s (1.50x)
  critical  fetch_arxiv -> read_all -> rank
  failed    notify: connection refused
  skipped   condition false: extra
  warning   notify: the action failed

  fetch_arxiv  #############                                         1.50s
  fetch_news   ##########################                            3.00s  2 attempts
  read_all                  ....##################                   2.00s  after fetch_arxiv
    read                        #################                    1.80s
  notify       .................######################               2.50s  fire and forget
  rank                                           #################   2.00s  after read_all
               0s      1s       2s      3s       4s      5s         . waited for its turn
""")


def test_a_failed_run_shows_its_errors_and_the_way_on() -> None:
    assert shown(failed()) == snapshot("""\

✗ web failed after 2.00s  action failed
  actions   1 failed, 1 cancelled, 2 skipped
  time      2.00s; estimated 2.00s (1.00x), lower bound 2.00s (1.00x)
  error     1 action failed
  failed    a (3 attempts): exit status 2: no such file
            line two
  cancelled b
  skipped   upstream failed: c, d

  a  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━   2.00s  3 attempts
  b  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━   2.00s
     0s         0.5s       1s         1.5s

  resume    cortex resume run-7f3a --retry-failed
""")


def test_colours_of_a_failed_run() -> None:
    stream = io.StringIO()
    console = make_console(stream, {}, ColorChoice.ALWAYS, width=60)
    print_lines(console, summary(failed().view, Theme(), 60))
    assert stream.getvalue() == snapshot("""\
\x1b[1;31m✗\x1b[0m \x1b[1mweb\x1b[0m\x1b[1;31m failed after 2.00s\x1b[0m  \x1b[2maction failed\x1b[0m
  \x1b[2mactions\x1b[0m   1 failed, 1 cancelled, 2 skipped
  \x1b[2mtime\x1b[0m      2.00s; estimated 2.00s (1.00x), lower bound
            2.00s (1.00x)
  \x1b[31merror\x1b[0m     1 action failed
  \x1b[31mfailed\x1b[0m    a (3 attempts): exit status 2: no such file
            line two
  \x1b[35mcancelled\x1b[0m b
  \x1b[2mskipped\x1b[0m   upstream failed: c, d

  \x1b[1ma\x1b[0m  \x1b[1;31m━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\x1b[0m   2.00s
  b  \x1b[35m━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\x1b[0m   2.00s
     \x1b[2m0s         0.5s        1s          1.5s\x1b[0m          \n\

  \x1b[2mresume\x1b[0m    \x1b[1mcortex resume run-7f3a --retry-failed\x1b[0m
""")


def test_commands_to_copy_are_never_cut() -> None:
    script = failed()
    stream = io.StringIO()
    print_lines(make_console(stream, {}, width=40), summary(script.view, Theme(), 40))
    assert "  resume    cortex resume run-7f3a --retry-failed\n" in stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "reason", "head"),
    [
        (ev.AgentPaused, TerminationReason.APPROVAL_NEEDED, "○ web paused after 1.00s"),
        (ev.AgentCancelled, TerminationReason.CANCELLED, "■ web cancelled after 1.00s"),
        (ev.AgentFailed, TerminationReason.DEADLINE, "✗ web failed after 1.00s  deadline"),
    ],
)
def test_the_head_says_how_it_ended(
    kind: type[ev.AgentEnded], reason: TerminationReason, head: str
) -> None:
    assert shown(Script().start("web").at(1).end(kind, reason)).startswith(f"\n{head}")


def test_a_run_that_has_not_ended_is_summed_up_as_far_as_it_is() -> None:
    script = Script().start("web").plan([planned("a"), planned("b")]).begin("a").at(3).warn("late")
    assert shown(script) == snapshot("""\

■ web has not ended after 3.00s
  actions   1 waiting, 1 running
  warning   late

  a  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━   3.00s
     0s             1s             2s
""")


def test_an_empty_run_is_summed_up() -> None:
    assert shown(Script()) == "\n■ run has not ended after 0.00s\n"


def test_timeouts_are_called_what_they_are() -> None:
    script = Script().start().plan([planned("a", source="timeout_seconds")], scheduled=300.0)
    text = shown(script.begin("a").at(2).complete("a").end())
    assert "2.00s; by its timeouts at most 5m00s" in text


def test_several_iterations_are_not_held_against_one_estimate() -> None:
    script = Script().start(iterations=2).turn(1, of=2).plan([planned("a")]).begin("a")
    script.at(1).complete("a").turn(2, of=2).plan([planned("a")]).begin("a").at(2).complete("a")
    text = shown(script.end())
    assert "loop      2 iterations" in text
    assert "estimated" not in text
    assert text.count("1.00s") == 2


def test_an_estimate_of_nothing_has_no_ratio() -> None:
    script = Script().start().plan([planned("a", seconds=0)], scheduled=0.0, bound=0.0)
    assert "estimated 0.00s, lower bound 0.00s" in shown(script.begin("a").complete("a").end())


def test_many_troubles_are_listed_in_part() -> None:
    script = Script().start().plan([planned(f"a{number}") for number in range(40)])
    for number in range(20):
        script.begin(f"a{number}").fail(f"a{number}", "boom " * 100).warn(f"warning {number}")
    for number in range(20, 40):
        script.skip(f"a{number}", SkipReason.ABORTED)
    text = shown(script.end(ev.AgentFailed))
    assert text.count(": boom") == 10
    assert text.count(" …\n") == 10
    assert "10 more actions failed" in text
    assert "aborted: a20, a21, a22, a23, a24 and 15 more" in text
    assert "warning 19" in text
    assert "15 earlier warnings" in text


def test_of_many_actions_the_critical_and_the_longest_get_bars() -> None:
    names = [f"a{number:04}" for number in range(3_000)]
    script = (
        Script()
        .start()
        .plan(
            [planned(name) for name in names],
            {names[n]: [names[n - 100]] for n in range(100, 3_000)},
        )
    )
    for number, name in enumerate(names):
        script.at(number / 100).begin(name)
        length = 3.0 if number in {7, 1_234} else 0.5
        script.at(number / 100 + length).complete(name, seconds=length)
    text = shown(script.at(40).end())
    bars = [line for line in text.splitlines() if "━" in line or "╺" in line or "╸" in line]
    assert len(bars) == MOST_ROWS
    assert any("a0007" in bar for bar in bars)
    assert any("a1234" in bar for bar in bars)
    chain = [row.id for row in outcome(script.view).chain]
    assert sum(name in bar for name in chain for bar in bars) >= MOST_ROWS // 2
    assert "2,980 shorter ones" in text
    assert "24 more" in next(line for line in text.splitlines() if "critical" in line)


def test_dots_show_how_long_an_action_waited_for_its_turn() -> None:
    script = Script().start().plan([planned("a"), planned("b")]).begin("a").queue("b")
    script.at(5).complete("a", seconds=5.0).begin("b").at(10).complete("b", seconds=5.0)
    bars = shown(script.end(), 60).splitlines()
    assert bars[-4:-1] == snapshot(
        [
            "",
            "  a  ━━━━━━━━━━━━━━━━━━━━━━━━                          5.00s",
            "  b  ·······················╺━━━━━━━━━━━━━━━━━━━━━━━   5.00s",
        ]
    )


def test_the_chain_is_what_the_time_was_made_of() -> None:
    script = finished()
    chain = [row.id for row in outcome(script.view).chain]
    assert chain == ["fetch_arxiv", "read_all", "rank"]


ODD = st.one_of(
    st.text(max_size=20), st.sampled_from(["界" * 5_000, "\x1b[2J", "a\nb", "x" * 9_999])
)


@settings(max_examples=40, deadline=None)
@given(ODD, ODD, st.integers(10, 210), st.lists(st.floats(0, 1e6), min_size=4, max_size=4))
def test_odd_runs_are_summed_up_within_the_width(
    name: str, error: str, width: int, times: list[float]
) -> None:
    script = Script().start(name).plan([planned("a", name=name), planned("b", seconds=times[0])])
    script.at(times[0]).begin("a").at(times[1]).begin("b").at(times[2]).fail("b", error)
    script.warn(error, "a").at(times[3]).complete("a", error).end(ev.AgentFailed, error=error)
    for line in summary(script.view, Theme(), width)[:-2]:
        assert cell_len(line.plain) <= width
        assert "\n" not in line.plain
        assert "\x1b" not in line.plain
