import html
import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from cortex_cli.kinds import ActionMode, ActionType, EdgeKind
from cortex_cli.ui.graph_mermaid import to_mermaid
from cortex_cli.ui.sanitise import fit, safe_line
from tests.ui.plans import Step, layered, plan, research_assistant

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "blns.json"
NODE = re.compile(r'  n0(?:\(|\[\(|\{|\[\[)"([^"\n]*)"(?:\)|\)\]|\}|\]\])')
# What a label may consist of: entities, line breaks, and characters that mean nothing anywhere.
HARMLESS = re.compile(r"(?:#(?:\d+|quot|amp|lt|gt);|<br/>|[\w ,/-])*")


def label(text: str) -> str:
    """The first line of the label that an action of this id gets."""
    lines = to_mermaid(plan(Step(id=text))).split("\n")
    assert len(lines) == 7
    match = NODE.fullmatch(lines[1])
    assert match, lines[1]
    assert HARMLESS.fullmatch(match[1]), match[1]
    return match[1].split("<br/>")[0]


def shown(text: str) -> str:
    """What a browser makes of a label: Mermaid's entities, then HTML's."""
    return html.unescape(re.sub(r"#(\d+);", r"&#\1;", re.sub(r"#([a-z]+);", r"&\1;", text)))


def test_the_example() -> None:
    assert to_mermaid(research_assistant()) == snapshot("""\
flowchart LR
  n0("fetch_wikipedia<br/>tool fetch_page<br/>30 s")
  n1("fetch_arxiv<br/>tool fetch_page<br/>30 s")
  n2("fetch_news<br/>tool fetch_page<br/>20 s")
  n3("extract_facts<br/>tool extract_facts<br/>60 s")
  n4("summarize_news<br/>llm default<br/>30 s")
  n5[["synthesize<br/>agent writer<br/>sync, 90 s"]]
  n6[("cache_results<br/>relic results<br/>fire_and_forget, 5 s")]
  n7("check_quality<br/>tool check_quality<br/>30 s")
  n8("format_citations<br/>tool citations<br/>5 s")
  n9("finalize<br/>tool write_report<br/>sync, 30 s")
  n0 -.-> n3
  n1 -.-> n3
  n2 -.-> n4
  n3 -.-> n5
  n4 --> n5
  n5 --x n6
  n5 -.-> n7
  n5 -.-> n8
  n7 --> n9
  n8 -.-> n9
  classDef tool fill:#e6f0fa,stroke:#3b78b5,color:#1f2933
  class n0,n1,n2,n3,n7,n8,n9 tool
  classDef agent fill:#efe7fa,stroke:#7b52ab,color:#1f2933
  class n5 agent
  classDef relic fill:#e6f4e1,stroke:#4d8a37,color:#1f2933
  class n6 relic
  classDef llm fill:#fff2d6,stroke:#b7791f,color:#1f2933
  class n4 llm
  classDef fire_and_forget stroke-dasharray:5 3
  class n6 fire_and_forget
  classDef critical stroke:#c2410c,stroke-width:3px
  class n0,n3,n5,n7,n9 critical
  linkStyle default stroke:#7b8794
  linkStyle 0,3,6,8 stroke:#c2410c,stroke-width:3px
""")


def test_each_kind_of_edge_has_its_own_arrow() -> None:
    text = to_mermaid(
        plan(
            Step(id="a"),
            Step(id="b", after={"a": EdgeKind.DEPENDS_ON}),
            Step(id="c", after={"a": EdgeKind.DATA}),
            Step(id="d", after={"a": EdgeKind.BARRIER}),
        )
    )
    assert "  n0 --> n1\n" in text
    assert "  n0 -.-> n2\n" in text
    assert "  n0 --x n3\n" in text


def test_each_type_has_its_class() -> None:
    text = to_mermaid(plan(*(Step(id=type_.value, type=type_) for type_ in ActionType)))
    for number, type_ in enumerate(ActionType):
        assert f"  class n{number} {type_}\n" in text
    assert '  n2[("relic<br/>relic work<br/>10 s")]\n' in text
    assert '  n5{"decision<br/>decision work<br/>10 s"}\n' in text


def test_a_plan_without_actions_is_an_empty_flowchart() -> None:
    assert to_mermaid(plan()) == "flowchart LR\n"


def test_a_plan_without_edges_styles_no_lines() -> None:
    assert "linkStyle" not in to_mermaid(plan(Step(id="a"), Step(id="b")))


def test_edges_that_are_all_off_the_critical_path_are_all_thin() -> None:
    log = Step(id="log", after=["a"], mode=ActionMode.FIRE_AND_FORGET)
    assert "stroke-width" not in to_mermaid(plan(Step(id="a"), log)).split("linkStyle", 1)[1]


def test_lines_off_the_critical_path_stay_thin() -> None:
    text = to_mermaid(plan(Step(id="a"), Step(id="b", after=["a"]), Step(id="c", after=["a"])))
    assert "  linkStyle 0 stroke:#c2410c,stroke-width:3px\n" in text


def test_a_diagram_too_large_for_github_says_so_first() -> None:
    assert to_mermaid(layered(3, 1_000)).startswith("%% 4,000 edges, ")
    assert not to_mermaid(layered(3, 10)).startswith("%%")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ('say "hi"', "say #quot;hi#quot;"),
        ("<b>", "#lt;b#gt;"),
        ("a&b;#35;", "a#amp;b#59;#35;35#59;"),
        ("`code`", "#96;code#96;"),
        ("**bold** _it_ __init__", "#42;#42;bold#42;#42; #95;it#95; #95;#95;init#95;#95;"),
        ("a_b-c", "a_b-c"),
        ("- item", "#45; item"),
        ("1. item", "1#46; item"),
        ("www.example.org", "www#46;example#46;org"),
        ("%%{init: 1}%%", "#37;#37;#123;init#58; 1#125;#37;#37;"),
        ("direction LR", "direction#32;LR"),
        ("style a fill:#f00;", "style a fill#58;#35;f00#59;"),
        ("a  b", "a #32;b"),
        ("two\nlines", "two#92;nlines"),
        ("größe 日本語", "größe 日本語"),
    ],
)
def test_what_mermaid_might_read_is_escaped(text: str, escaped: str) -> None:
    assert label(text) == escaped


@given(st.text(max_size=50))
@settings(deadline=None)
@example("\ud800")
def test_any_text_is_shown_as_it_is(text: str) -> None:
    assert shown(label(text)) == fit(safe_line(text), 60)


@given(st.text(max_size=30), st.text(max_size=30))
@settings(deadline=None)
def test_no_text_is_taken_for_a_direction(before: str, after: str) -> None:
    assert not re.search(r"direction\s+(?:TB|BT|RL|LR)", label(f"{before}direction LR{after}"))


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the naughty strings are not here")
def test_naughty_strings_stay_in_their_quotes() -> None:
    for text in json.loads(NAUGHTY.read_text(encoding="utf-8")):
        label(text)
