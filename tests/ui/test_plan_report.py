import io
import json
import re
from pathlib import Path

import pytest
from inline_snapshot import snapshot
from msgspec.structs import replace
from rich.cells import cell_len

from cortex_cli.errors import Problem
from cortex_cli.kinds import ActionMode, Severity
from cortex_cli.report import PlanReport
from cortex_cli.ui.glyphs import ASCII
from cortex_cli.ui.plan_report import print_plan
from cortex_cli.ui.theme import ColorChoice, Theme, make_console
from tests.ui.plans import Step, chain, layered, plan, research_assistant

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "blns.json"
IN_ASCII = Theme(glyphs=ASCII, ascii_only=True)


def printed(
    report: PlanReport, width: int = 80, theme: Theme | None = None, *, color: bool = False
) -> str:
    stream = io.StringIO()
    choice = ColorChoice.ALWAYS if color else ColorChoice.NEVER
    print_plan(make_console(stream, {}, choice, width=width), report, theme or Theme())
    return stream.getvalue()


def section(shown: str, title: str) -> str:
    """The lines of one section, without its title."""
    return shown.split(f"\n{title}\n", 1)[1].split("\n\n", 1)[0].rstrip("\n")


def test_the_example_in_80_columns() -> None:
    assert printed(research_assistant()) == snapshot("""\
research_assistant
plan         10 actions · 5 waves
types        tool 7 · agent 1 · llm 1 · relic 1
modes        async 7 · sync 2 · fire_and_forget 1
estimated by estimate_seconds 6 · timeout_seconds 3 · plan 1

Time
sequential   330 s      one action after another
wave time    240 s      each wave waits for its slowest
scheduled    240 s      what a run does in 4 slots
lower bound  240 s      no order is quicker than this
speed-up     1.4x       sequential over scheduled
order        proved optimal

Waves
├─ wave 1  3 actions, 30 s
│  ├─ fetch_wikipedia   tool fetch_page       30 s  timeout_seconds   critical
│  ├─ fetch_arxiv       tool fetch_page       30 s  timeout_seconds   slack 0 s
│  └─ fetch_news        tool fetch_page       20 s  timeout_seconds   slack 40 s
├─ wave 2  2 actions, 60 s
│  ├─ extract_facts     tool extract_facts    60 s  estimate_seconds  critical
│  └─ summarize_news    llm default           30 s  estimate_seconds  slack 40 s
├─ wave 3  1 action, 90 s
│  └─ synthesize        sync agent writer     90 s  plan              critical
├─ wave 4  3 actions, 30 s
│  ├─ cache_results     fire_and_forget rel…   5 s  estimate_seconds  background
│  ├─ check_quality     tool check_quality    30 s  estimate_seconds  critical
│  └─ format_citations  tool citations         5 s  estimate_seconds  slack 25 s
└─ wave 5  1 action, 30 s
   └─ finalize          sync tool write_rep…  30 s  estimate_seconds  critical

Critical path
fetch_wikipedia 30 s → extract_facts 60 s → synthesize 90 s →
check_quality 30 s → finalize 30 s

Time line
                  0 s                    120 s              240 s
fetch_news        ────                                             0 s → 20 s
fetch_wikipedia   ━━━━━━                                           0 s → 30 s
fetch_arxiv       ──────                                           0 s → 30 s
summarize_news        ──────                                       20 s → 50 s
extract_facts           ━━━━━━━━━━━━                               30 s → 90 s
synthesize                          ━━━━━━━━━━━━━━━━━              90 s → 180 s
cache_results                                        ─             180 s → 185 s
format_citations                                     ─             180 s → 185 s
check_quality                                        ━━━━━━        180 s → 210 s
finalize                                                   ━━━━━━  210 s → 240 s
                  ━━ critical  ── others
""")


def test_the_example_in_40_columns() -> None:
    assert printed(research_assistant(), 40) == snapshot("""\
research_assistant
plan         10 actions · 5 waves
types        tool 7 · agent 1 · llm 1 ·
             relic 1
modes        async 7 · sync 2 ·
             fire_and_forget 1
estimated by estimate_seconds 6 ·
             timeout_seconds 3 · plan 1

Time
sequential   330 s
wave time    240 s
scheduled    240 s
lower bound  240 s
speed-up     1.4x
order        proved optimal

Waves
├─ wave 1  3 actions, 30 s
│  ├─ fetch_wikipedia   30 s  critical
│  ├─ fetch_arxiv       30 s  slack 0 s
│  └─ fetch_news        20 s  slack 40 s
├─ wave 2  2 actions, 60 s
│  ├─ extract_facts     60 s  critical
│  └─ summarize_news    30 s  slack 40 s
├─ wave 3  1 action, 90 s
│  └─ synthesize        90 s  critical
├─ wave 4  3 actions, 30 s
│  ├─ cache_results      5 s  background
│  ├─ check_quality     30 s  critical
│  └─ format_citations   5 s  slack 25 s
└─ wave 5  1 action, 30 s
   └─ finalize          30 s  critical

Critical path
fetch_wikipedia 30 s →
extract_facts 60 s → synthesize 90 s →
check_quality 30 s → finalize 30 s

Time line
               0 s         120 s   240 s
fetch_news     ──
fetch_wikipe…  ━━━
fetch_arxiv    ───
summarize_ne…    ───
extract_facts     ━━━━━━
synthesize              ━━━━━━━━━━
cache_results                     ─
format_citat…                     ─
check_quality                     ━━━
finalize                             ━━━
               ━━ critical  ── others
""")


def test_the_example_in_ascii() -> None:
    shown = printed(research_assistant(), 60, IN_ASCII)
    assert shown.isascii()
    assert section(shown, "Waves") == snapshot("""\
|- wave 1  3 actions, 30 s
|  |- fetch_wikipedia   30 s  timeout_seconds   critical
|  |- fetch_arxiv       30 s  timeout_seconds   slack 0 s
|  `- fetch_news        20 s  timeout_seconds   slack 40 s
|- wave 2  2 actions, 60 s
|  |- extract_facts     60 s  estimate_seconds  critical
|  `- summarize_news    30 s  estimate_seconds  slack 40 s
|- wave 3  1 action, 90 s
|  `- synthesize        90 s  plan              critical
|- wave 4  3 actions, 30 s
|  |- cache_results      5 s  estimate_seconds  background
|  |- check_quality     30 s  estimate_seconds  critical
|  `- format_citations   5 s  estimate_seconds  slack 25 s
`- wave 5  1 action, 30 s
   `- finalize          30 s  estimate_seconds  critical\
""")


def test_a_wide_screen_shows_kinds_and_names_whole() -> None:
    report = plan(
        Step(id="fetch", name="Fetch all that is known", target="fetch_page"),
        Step(id="plain_name", name="Plain name"),
    )
    assert section(printed(report, 200), "Waves") == snapshot("""\
└─ wave 1  2 actions, 10 s
   ├─ fetch       Fetch all that is known  tool fetch_page  10 s  estimate_seconds  critical
   └─ plain_name                           tool work        10 s  estimate_seconds  slack 0 s\
""")


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize(
    "report",
    [research_assistant(), chain(3_000), layered(3, 1_000), layered(300, 10), plan(Step(id="a"))],
    ids=["example", "chain", "wide", "large", "one"],
)
def test_no_line_is_wider_than_the_screen(report: PlanReport, width: int) -> None:
    for theme in (Theme(), IN_ASCII):
        assert max(map(cell_len, printed(report, width, theme).splitlines())) <= width


def test_without_colour_nothing_but_text_is_printed() -> None:
    plain, colored = printed(research_assistant()), printed(research_assistant(), color=True)
    assert "\x1b" not in plain
    assert "\x1b" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_long_waves_are_cut_to_their_critical_and_tightest_actions() -> None:
    report = layered(3, 1_000)
    waves = section(printed(report), "Waves")
    assert waves.count("… 950 more") == 3
    assert all(f"─ {name} " in waves for name in report.critical_path)
    slack = [action.slack_seconds for action in report.actions if action.wave == 1]
    assert f"slack {max(slack):.0f} s" not in waves


def test_many_waves_are_cut_and_what_is_left_out_is_counted() -> None:
    shown = printed(chain(3_000))
    assert section(shown, "Waves").endswith("└─ … 2,940 more waves, 2,940 actions")
    assert "… 2,980 more" in section(shown, "Critical path")


def test_a_plan_of_two_hundred_actions_is_shown_whole() -> None:
    assert "more" not in section(printed(layered(1, 200)), "Waves")


def test_a_long_time_line_keeps_the_critical_actions() -> None:
    report = layered(5, 100)
    bars = section(printed(report), "Time line")
    assert len(bars.splitlines()) == 22
    assert "… 480 more" in bars
    assert all(name in bars for name in report.critical_path)


def test_where_each_estimate_comes_from_is_shown() -> None:
    shown = printed(plan(Step(id="a", source="default"), Step(id="b", source="history of 12 runs")))
    assert "estimated by default 1 · history of 12 runs 1\n" in shown
    assert "a  tool work  10 s  default             critical" in shown


def test_what_is_fire_and_forget_is_in_the_background() -> None:
    report = plan(Step(id="log", seconds=3, mode=ActionMode.FIRE_AND_FORGET), Step(id="b"))
    waves = section(printed(report), "Waves")
    assert "log  fire_and_forget tool work   3 s  estimate_seconds  background" in waves


def test_a_plan_that_nothing_waits_for_has_no_critical_path() -> None:
    shown = printed(plan(Step(id="log", mode=ActionMode.FIRE_AND_FORGET)))
    assert "Critical path" not in shown
    assert "log  ──" in section(shown, "Time line")


def test_an_action_that_will_probably_be_skipped_says_so() -> None:
    report = plan(Step(id="left"), Step(id="right"))
    left, right = report.actions
    skipped = replace(right, end_seconds=right.start_seconds, on_critical_path=False)
    shown = printed(replace(report, actions=(left, skipped)))
    assert "right  tool work  10 s  estimate_seconds  not expected" in shown
    assert "right" not in section(shown, "Time line")


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        (240, "proved optimal"),
        (240 - 1e-8, "proved optimal"),
        (239.99, "within 0.1 % of the optimum"),
        (235, "within 2.2 % of the optimum"),
        (218.4, "within 9.9 % of the optimum"),
        (218, "within 11 % of the optimum"),
        (120, "within 100 % of the optimum"),
    ],
)
def test_how_far_from_the_best_order_it_is_at_most_is_shown(bound: float, words: str) -> None:
    report = research_assistant()
    looser = replace(report, estimate=replace(report.estimate, lower_bound_seconds=bound))
    for width in (40, 80):
        assert f"\norder        {words}\n" in printed(looser, width)


def test_a_plan_that_takes_no_time_has_no_time_line() -> None:
    shown = printed(plan(Step(id="a", seconds=0)))
    assert "Time line" not in shown
    assert "speed-up     1.0x" in shown


def test_a_goal_says_that_its_plan_is_written_at_run_time() -> None:
    note = Problem(severity=Severity.NOTE, code="goal", message="the plan comes from a model")
    assert printed(replace(plan(agent="scout"), problems=(note,))) == (
        "scout\nno actions: its plan is not written down\n\nnote: the plan comes from a model\n"
    )


def test_a_broken_plan_promises_nothing() -> None:
    error = Problem(code="no_plan", message="neither actions nor a goal", file="a.yaml")
    assert printed(replace(plan(agent="scout"), problems=(error,))) == (
        "scout\nno actions\n\na.yaml: neither actions nor a goal\n"
    )


def test_problems_come_last_errors_first() -> None:
    problems = (
        Problem(severity=Severity.NOTE, code="n", message="a note"),
        Problem(code="e", message="an error"),
    )
    shown = printed(replace(research_assistant(), problems=problems))
    assert shown.endswith("\n\nan error\nnote: a note\n1 error, 1 note\n")


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the naughty strings are not here")
@pytest.mark.parametrize("theme", [Theme(), IN_ASCII], ids=["unicode", "ascii"])
def test_naughty_names_neither_break_lines_nor_reach_the_terminal(theme: Theme) -> None:
    texts = json.loads(NAUGHTY.read_text(encoding="utf-8"))
    steps = [
        Step(id=f"{place}{text}", name=text, target=text, source=text)
        for place, text in enumerate(texts[:200])
    ]
    for width in (40, 120):
        shown = printed(plan(*steps, agent=texts[-1]), width, theme)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u200b]", shown)
        assert len(shown.splitlines()) == shown.count("\n")
        assert max(map(cell_len, shown.splitlines())) <= width
