import json
import re
from pathlib import Path

import pytest
from inline_snapshot import snapshot
from rich.cells import cell_len

from cortex_cli.kinds import ActionMode, EdgeKind
from cortex_cli.report import PlanReport
from cortex_cli.ui.glyphs import ASCII
from cortex_cli.ui.graph_ascii import to_ascii
from cortex_cli.ui.theme import Theme
from tests.ui.plans import Step, chain, layered, plan, research_assistant

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "blns.json"
IN_ASCII = Theme(glyphs=ASCII, ascii_only=True)


def fan(width: int) -> PlanReport:
    middle = [f"fetch_page_{number}" for number in range(1, width + 1)]
    return plan(
        Step(id="start"),
        *(Step(id=name, after=["start"]) for name in middle),
        Step(id="join", after=middle),
    )


def test_the_example_in_80_columns() -> None:
    assert to_ascii(research_assistant(), 80) == snapshot("""\
┏━━━━━━━━━━━━━━━━━┓  ┌─────────────┐  ┌─────────────┐
┃ fetch_wikipedia ┃  │ fetch_arxiv │  │ fetch_news  │
┃    tool 30 s    ┃  │  tool 30 s  │  │  tool 20 s  │
┗━━━━━━━━┯━━━━━━━━┛  └──────┬──────┘  └──────┬──────┘
         ╰────────╮         │                │
                  ▽         ▽                ▽
             ┏━━━━━━━━━━━━━━━┓  ┌─────────────────┐
             ┃ extract_facts ┃  │ summarize_news  │
             ┃   tool 60 s   ┃  │    llm 30 s     │
             ┗━━━━━━━┯━━━━━━━┛  └────────┬────────┘
                     ╰──────╮     ╭──────╯
                            ▽     ▼
                        ┏━━━━━━━━━━━━━┓
                        ┃ synthesize  ┃
                        ┃ agent 90 s  ┃
                        ┗━━━━━━┯━━━━━━┛
                  ╭────────────┼────────────────────╮
                  ◇            ▽                    ▽
       ┌───────────────┐  ┏━━━━━━━━━━━━━━━┓  ┌───────────────────┐
       │ cache_results │  ┃ check_quality ┃  │ format_citations  │
       │   relic 5 s   │  ┃   tool 30 s   ┃  │     tool 5 s      │
       └───────────────┘  ┗━━━━━━━┯━━━━━━━┛  └─────────┬─────────┘
                                  ╰───────╮     ╭──────╯
                                          ▼     ▽
                                       ┏━━━━━━━━━━━┓
                                       ┃ finalize  ┃
                                       ┃ tool 30 s ┃
                                       ┗━━━━━━━━━━━┛

▼ depends_on   ▽ data   ◇ barrier   ━━ critical path
""")


def test_the_example_in_40_columns_does_without_borders() -> None:
    assert to_ascii(research_assistant(), 40) == snapshot("""\
fetch_wiki…  fetch_arxiv  fetch_news
tool 30 s *   tool 30 s    tool 20 s
     ╰─────╮      │            │
           ▽      ▽            ▽
         extract_fa…  summarize_…
         tool 60 s *   llm 30 s
              ╰───╮     ╭──╯
                  ▽     ▼
                synthesize
               agent 90 s *
           ╭─────────┼─────────╮
           ◇         ▽         ▽
   cache_resu…  check_qual…  format_cit…
    relic 5 s   tool 30 s *   tool 5 s
                     ╰──╮     ╭───╯
                        ▼     ▽
                       finalize
                      tool 30 s *

▼ depends_on
▽ data
◇ barrier
* critical path
""")


def test_the_example_in_ascii() -> None:
    shown = to_ascii(research_assistant(), 80, IN_ASCII)
    assert shown.isascii()
    assert shown == snapshot("""\
###################  +-------------+  +-------------+
# fetch_wikipedia #  | fetch_arxiv |  | fetch_news  |
#    tool 30 s    #  |  tool 30 s  |  |  tool 20 s  |
#########+#########  +------+------+  +------+------+
         +--------+         |                |
                  V         V                V
             #################  +-----------------+
             # extract_facts #  | summarize_news  |
             #   tool 60 s   #  |    llm 30 s     |
             ########+########  +--------+--------+
                     +------+     +------+
                            V     v
                        ###############
                        # synthesize  #
                        # agent 90 s  #
                        #######+#######
                  +------------+--------------------+
                  x            V                    V
       +---------------+  #################  +-------------------+
       | cache_results |  # check_quality #  | format_citations  |
       |   relic 5 s   |  #   tool 30 s   #  |     tool 5 s      |
       +---------------+  ########+########  +---------+---------+
                                  +-------+     +------+
                                          v     V
                                       #############
                                       # finalize  #
                                       # tool 30 s #
                                       #############

v depends_on   V data   x barrier   ## critical path
""")


def test_actions_with_the_same_neighbours_share_a_box_where_room_is_scarce() -> None:
    assert to_ascii(fan(12), 60) == snapshot("""\
           ┏━━━━━━━━━━━┓
           ┃   start   ┃
           ┃ tool 10 s ┃
           ┗━━━━━┯━━━━━┛
                 ▼
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
┃           12 actions            ┃
┃ fetch_page_1, fetch_page_2, fe… ┃
┃           up to 10 s            ┃
┗━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━┛
                 ▼
           ┏━━━━━━━━━━━┓
           ┃   join    ┃
           ┃ tool 10 s ┃
           ┗━━━━━━━━━━━┛

▼ depends_on   ━━ critical path
""")


def test_parallel_chains_are_drawn_as_one_where_room_is_scarce() -> None:
    chains = [
        step
        for number in range(10)
        for step in (
            Step(id=f"dump_{number}", target="dump"),
            Step(id=f"align_{number}", target="align", after=[f"dump_{number}", "index"]),
        )
    ]
    merge = Step(id="merge", after=[f"align_{number}" for number in range(10)])
    assert to_ascii(plan(Step(id="index"), *chains, merge), 80) == snapshot("""\
┌───────────┐  ┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
│   index   │  ┃           10 actions            ┃
│ tool 10 s │  ┃ dump_0, dump_1, dump_2, dump_3… ┃
│           │  ┃           up to 10 s            ┃
└─────┬─────┘  ┗━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━┛
      ▼                         ▼
  ┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
  ┃           10 actions            ┃
  ┃ align_0, align_1, align_2, ali… ┃
  ┃           up to 10 s            ┃
  ┗━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━┛
                   ▼
             ┏━━━━━━━━━━━┓
             ┃   merge   ┃
             ┃ tool 10 s ┃
             ┗━━━━━━━━━━━┛

▼ depends_on   ━━ critical path
""")


def test_what_can_be_told_apart_only_from_afar_shares_a_box() -> None:
    first = [Step(id=f"a{n}") for n in range(30)]
    second = [Step(id=f"b{n}", after=[f"a{n}", f"a{n + 1}"]) for n in range(29)]
    shown = to_ascii(plan(*first, *second), 200)
    assert " 20 actions " in shown
    assert "too many" not in shown


def test_actions_have_a_box_each_where_there_is_room() -> None:
    shown = to_ascii(fan(12), 250)
    assert all(f" fetch_page_{number} " in shown for number in range(1, 13))


def test_labels_are_cut_only_as_far_as_the_room_demands() -> None:
    report = plan(Step(id="a" * 20), Step(id="b" * 20))
    assert "a" * 20 in to_ascii(report, 60)
    assert f" {'a' * 14}… " in to_ascii(report, 40)


def tangle(width: int) -> PlanReport:
    """Three waves in which no two actions are alike, as each runs something else."""
    first = [Step(id=f"a{n}", target=f"a{n}") for n in range(width)]
    second = [Step(id=f"b{n}", after=[f"a{n}"], target=f"b{n}") for n in range(width)]
    third = [Step(id=f"c{n}", after=[f"b{n}"], target=f"c{n}") for n in range(width)]
    return plan(*first, *second, *third)


def test_three_thousand_actions_are_an_outline_of_waves() -> None:
    assert to_ascii(tangle(1_000), 60) == snapshot("""\
3,000 actions in 3 waves, too many to draw here:
wave 1: 1,000 actions
  a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a1…
  │
  ▼ 1,000 edges
wave 2: 1,000 actions
  b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b1…
  │
  ▼ 1,000 edges
wave 3: 1,000 actions
  c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c1…
""")


def test_an_outline_of_many_waves_is_cut_and_says_so() -> None:
    shown = to_ascii(chain(3_000), 60).splitlines()
    assert shown[0] == "3,000 actions in 3,000 waves, too many to draw here:"
    assert shown[-1] == "… 2,970 more waves, 2,970 actions"
    assert "  ▼ 1 edge" in shown


def test_the_legend_explains_only_what_is_there() -> None:
    background = Step(id="a", mode=ActionMode.FIRE_AND_FORGET)
    assert to_ascii(plan(background), 80).endswith("┘\n\n\n")
    barrier = plan(Step(id="a"), Step(id="b", after={"a": EdgeKind.BARRIER}))
    assert to_ascii(barrier, 80).endswith("\n\n◇ barrier   ━━ critical path\n")


def test_a_plan_without_actions_is_an_empty_drawing() -> None:
    assert to_ascii(plan(), 80) == ""


@pytest.mark.parametrize("theme", [Theme(), IN_ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize(
    "report",
    [research_assistant(), chain(20), layered(6, 6), layered(300, 10), fan(50), plan(Step(id="a"))],
    ids=["example", "chain", "dense", "large", "fan", "one"],
)
def test_no_line_is_wider_than_the_screen(report: PlanReport, width: int, theme: Theme) -> None:
    lines = to_ascii(report, width, theme).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the naughty strings are not here")
def test_naughty_ids_are_shown_safely() -> None:
    texts = [f"{place}{text}" for place, text in enumerate(json.loads(NAUGHTY.read_text("utf-8")))]
    for start in range(0, len(texts), 5):
        some = texts[start : start + 5]
        shown = to_ascii(plan(Step(id="a"), *(Step(id=text, after=["a"]) for text in some)), 80)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u200b]", shown)
        lines = shown.splitlines()
        assert len(lines) == shown.count("\n")
        assert max(map(cell_len, lines)) <= 80
