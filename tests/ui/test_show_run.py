import io
from collections.abc import Iterable
from datetime import UTC
from itertools import pairwise
from unicodedata import category

import pytest
from inline_snapshot import snapshot
from rich.cells import cell_len

import cortex_cli.events as ev
from cortex_cli.ui.about_run import AboutRun
from cortex_cli.ui.glyphs import ASCII
from cortex_cli.ui.line import print_lines
from cortex_cli.ui.looking_back import look_back
from cortex_cli.ui.run_story import tell
from cortex_cli.ui.show_run import MOST_BARS, show_run
from cortex_cli.ui.theme import ColorChoice, Theme, make_console
from tests.ui.past_runs import (
    ABOUT,
    NAUGHTY,
    build,
    cut_short,
    naughty_runs,
    study,
    two_turns,
)
from tests.ui.script import Script, planned


def shown(
    events: Iterable[ev.Event],
    width: int = 80,
    theme: Theme | None = None,
    about: AboutRun = ABOUT,
    *,
    color: bool = False,
) -> str:
    story = tell(events)
    stream = io.StringIO()
    choice = ColorChoice.ALWAYS if color else ColorChoice.NEVER
    lines = show_run(story, look_back(story, about), theme or Theme(), width, UTC)
    print_lines(make_console(stream, {}, choice, width=width), lines)
    return "\n" + "\n".join(line.rstrip() for line in stream.getvalue().split("\n"))


def test_a_failed_run_at_80_columns() -> None:
    assert shown(build().events) == snapshot("""\

✗ build failed after 7.00s  action failed
  run       run-7f3a
  manifest  manifests/build.yaml
  started   2026-01-02 03:04:05
  inputs    branch=main, depth=3
  actions   6 completed, 1 failed, 2 skipped
  time      7.00s; by its timeouts at most 6.00s
  retried   1 action: upload

Time line
  checkout     ━━━━━╸                                1.00s
  lint              ··········━━━━━━━━━              1.70s  after checkout
  unit              ━━━━━━━━━━━━━                    2.50s  after checkout
  integration       ━━━━━━━━━━╸                      2.00s  after checkout
  upload                        ╺━━━━━━━━━━━━╸       2.50s  after unit, 3 attem…
  deploy                                     ━━━━━   1.00s  after upload
  mourn                                          ╺   0.00s  after deploy
               0s        2s        4s        6s     · waited for its turn

Critical path, as it was  6.00s of work in 7.00s
  checkout    1.00s  at the start
  unit        2.50s  after checkout
  upload      2.50s  after unit, 1.00s to be tried again
  deploy      1.00s  after upload
  mourn       0.00s  after deploy

Waits
  dependency    33.5s  8 actions, longest tidy (7.00s)
  slot          2.00s  1 action, longest lint (2.00s)
  retry         1.00s  1 action, longest upload (1.00s), 1.00s on the path

Slowest
  unit           2.50s  36% of the time, tool python
  upload         2.50s  36% of the time, tool mirror, 3 attempts
  integration    2.00s  29% of the time, tool python
  lint           1.70s  24% of the time, tool python
  checkout       1.00s  14% of the time, tool python

Estimates and what became of them
  lint           1.70s  estimated 0.50s (3.40x), estimate_seconds
  unit           2.50s  estimated 2.00s (1.25x), estimate_seconds
  integration    2.00s  estimated 2.50s (0.80x), estimate_seconds

Outputs
  commit    a1b2c3
  tests     {"passed":12}

Errors
  failed    deploy: no route to host
            at all
  skipped   upstream failed: announce, tidy
  run       action 'deploy' failed: no route to host

Warnings
  warning   the disk is nearly full
  warning   unit: it was slow

  resume    cortex resume run-7f3a --retry-failed
""")


def test_a_failed_run_at_40_columns() -> None:
    assert shown(build().events, 40) == snapshot("""\

✗ build failed after 7.00s
  run       run-7f3a
  manifest  manifests/build.yaml
  started   2026-01-02 03:04:05
  inputs    branch=main, depth=3
  actions   6 completed, 1 failed, 2
            skipped
  time      7.00s; by its timeouts at
            most 6.00s
  retried   1 action: upload

Time line
  checkout    ━━━                  1.00s
  lint           ····╺━━━━╸        1.70s
  unit          ╺━━━━━━╸           2.50s
  integrati…    ╺━━━━━             2.00s
  upload               ━━━━━━╸     2.50s
  deploy                     ━━━   1.00s
  mourn                        ╺   0.00s
              0s          5s

Critical path, as it was
  checkout    1.00s
    at the start
  unit        2.50s
    after checkout
  upload      2.50s
    after unit, 1.00s to be tried again
  deploy      1.00s
    after upload
  mourn       0.00s
    after deploy

Waits
  dependency    33.5s
    8 actions, longest tidy (7.00s)
  slot          2.00s
    1 action, longest lint (2.00s)
  retry         1.00s
    1 action, longest upload (1.00s),
    1.00s on the path

Slowest
  unit           2.50s
    36% of the time, tool python
  upload         2.50s
    36% of the time, tool mirror, 3
    attempts
  integration    2.00s
    29% of the time, tool python
  lint           1.70s
    24% of the time, tool python
  checkout       1.00s
    14% of the time, tool python

Estimates and what became of them
  lint           1.70s
    estimated 0.50s (3.40x),
    estimate_seconds
  unit           2.50s
    estimated 2.00s (1.25x),
    estimate_seconds
  integration    2.00s
    estimated 2.50s (0.80x),
    estimate_seconds

Outputs
  commit    a1b2c3
  tests     {"passed":12}

Errors
  failed    deploy: no route to host
            at all
  skipped   upstream failed: announce,
            tidy
  run       action 'deploy' failed: no
            route to host

Warnings
  warning   the disk is nearly full
  warning   unit: it was slow

  resume    cortex resume run-7f3a --retry-failed
""")


def test_a_completed_run_in_ascii() -> None:
    assert shown(study().events, 80, Theme(glyphs=ASCII, ascii_only=True)) == snapshot("""\

+ study completed in 6.50s  plan completed
  run       run-7f3a
  manifest  manifests/build.yaml
  started   2026-01-02 03:04:05
  actions   8 completed, 1 cancelled
  time      6.50s; planned 10.0s (0.65x), lower bound 8.00s (0.81x)
  cached    1 action: fetch

Time line
  fetch      #                                       0.00s
  read       ##################                      3.00s  after fetch
    skim     ############                            2.00s
    sum                 #######                      1.00s  after skim
  each       ###############                         2.50s  after fetch
    each[0]  ######                                  1.00s
    each[1]  .....##########                         1.50s
  write                       ........##########     1.50s  after read
  log        .........................############   2.00s  fire and forget,...
             0s         2s         4s          6s   . waited for its turn

Critical path, as it was  4.50s of work in 6.50s
  fetch        0.00s  at the start
  read/skim    2.00s  after fetch
  read/sum     1.00s  after read/skim
  write        1.50s  after read, waited 0.50s for its rate limit

Waits
  dependency    5.00s  2 actions, longest write (3.00s)
  slot          1.00s  1 action, longest each[1] (1.00s)
  rate          0.50s  1 action, longest write (0.50s), 1.50s on the path
  approval      1.00s  1 action, longest write (1.00s)

Slowest
  read/skim    2.00s  31% of the time, llm default
  log          2.00s  31% of the time, tool python
  each[1]      1.50s  23% of the time, tool python
  write        1.50s  23% of the time, llm large
  read/sum     1.00s  15% of the time, tool python

Estimates and what became of them
  read/skim    2.00s  estimated 1.00s (2.00x), estimate_seconds
  each[1]      1.50s  estimated 1.00s (1.50x), estimate_seconds
  write        1.50s  estimated 1.00s (1.50x), estimate_seconds

Models
  all                 440  200 tokens read, 240 written, $0.0200
  small               120  100 tokens read, 20 written, $0.0100
  unknown model        60  50 tokens read, 10 written, $0.0050
  large               210  10 tokens read, 200 written
  read/skim           120  100 tokens read, 20 written, $0.0100
  read                 60  50 tokens read, 10 written, $0.0050
  the run itself       50  40 tokens read, 10 written, $0.0050
  write               210  10 tokens read, 200 written

Outputs
            The end.

Errors
  cancelled grace ended: log
""")


def test_an_interrupted_run_says_how_to_go_on() -> None:
    assert shown(cut_short(build(), 12)) == snapshot("""\

■ build interrupted after 3.50s
  run       run-7f3a
  manifest  manifests/build.yaml
  started   2026-01-02 03:04:05
  inputs    branch=main, depth=3
  actions   5 waiting, 1 running, 3 completed
  time      3.50s; by its timeouts at most 6.00s

Time line
  checkout     ━━━━━━━━━━╸                           1.00s
  lint                   ····················━━━━━   0.50s  after checkout
  unit                   ━━━━━━━━━━━━━━━━━━━━━━━━━   2.50s  after checkout
  integration            ━━━━━━━━━━━━━━━━━━━━╸       2.00s  after checkout
               0s        1s        2s        3s     · waited for its turn

Critical path, as it was  3.50s of work in 3.50s
  checkout    1.00s  at the start
  unit        2.50s  after checkout

Waits
  dependency    3.00s  3 actions, longest unit (1.00s)
  slot          2.00s  1 action, longest lint (2.00s)

Slowest
  unit           2.50s  71% of the time, tool python
  integration    2.00s  57% of the time, tool python
  checkout       1.00s  29% of the time, tool python
  lint           0.50s  14% of the time, tool python

Estimates and what became of them
  unit           2.50s  estimated 2.00s (1.25x), estimate_seconds
  integration    2.00s  estimated 2.50s (0.80x), estimate_seconds

  resume    cortex resume run-7f3a
""")


def test_a_loop_counts_its_iterations() -> None:
    assert "  loop      2 iterations" in shown(two_turns().events)
    assert shown([]).strip().startswith("■ run interrupted after 0.00s")


def test_colours_only_where_they_are_wanted() -> None:
    plain, coloured = shown(build().events), shown(build().events, color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31m" in coloured


@pytest.mark.no_cover
def test_ten_thousand_actions_are_bounded() -> None:
    script = Script().start().plan([planned(f"a{n}") for n in range(10_000)])
    for number in range(10_000):
        script.begin(f"a{number}").at(number / 100)
        if number % 2:
            script.fail(f"a{number}", seconds=0.01)
        else:
            script.complete(f"a{number}", seconds=0.01)
    for number in range(100):
        script.warn(f"warning {number}")
    text = shown(script.end().events)
    assert len(text.splitlines()) < 150
    assert f"{10_000 - MOST_BARS:,} shorter ones" in text
    assert "4,980 more actions failed" in text
    assert "90 more warnings" in text


def test_a_long_path_shows_both_ends() -> None:
    names = [f"a{number}" for number in range(50)]
    after = {later: [earlier] for earlier, later in pairwise(names)}
    script = Script().start().plan([planned(name) for name in names], after)
    for number, name in enumerate(names):
        script.begin(name).at(number + 1).complete(name)
    text = shown(script.end().events)
    assert "… 20 more" in text
    assert "  a14  " in text
    assert "  a15 " not in text.split("Critical path")[1].split("Waits")[0]


def test_who_gave_up_a_slot_is_told() -> None:
    script = Script().start().plan([planned(name) for name in "abcd"], {"d": ["b"]})
    script.begin("a").begin("b").queue("c").at(1).complete("b").queue("d").at(2)
    script.retry("a", "no", delay=1).begin("d").at(3).complete("d").begin("c").at(4).complete("c")
    text = shown(script.end().events)
    assert "after b, waited 1.00s for the slot of a" in text
    assert "waited 3.00s for the slot of d" in text


def test_what_was_slept_through_is_told() -> None:
    script = Script().start().plan([planned("a"), planned("b")], {"b": ["a"]}).begin("a").at(1)
    script.complete("a").at(3).begin("b").at(4).complete("b").end(outputs=[1, {"a": 2}])
    text = shown(script.events)
    assert "after a, 2.00s of nothing before it" in text
    assert '            [1,{"a":2}]' in text


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the shared test data are not here")
@pytest.mark.parametrize("width", [40, 80])
def test_naughty_strings_are_shown_safely(width: int) -> None:
    for script in naughty_runs():
        for line in shown(script.events, width).split("\n"):
            assert cell_len(line) <= width
            assert not {category(character) for character in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
