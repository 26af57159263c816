import re
from datetime import UTC
from html.parser import HTMLParser
from itertools import pairwise

import pytest

import cortex_cli.events as ev
from cortex_cli.kinds import ActionType, EdgeKind, QueueReason
from cortex_cli.report import PlannedEdge
from cortex_cli.ui.about_run import AboutRun
from cortex_cli.ui.html_actions import MOST_OF_ONE, MOST_ROWS, Budget
from cortex_cli.ui.html_bars import Axis, scale
from cortex_cli.ui.html_css import CSS
from cortex_cli.ui.html_graph import LEAST_WIDTHS, MOST_BOXES
from cortex_cli.ui.html_page import MOST_NESTED, html_page
from cortex_cli.ui.html_tables import MOST_LINKS
from cortex_cli.ui.html_text import block
from cortex_cli.ui.run_story import tell
from tests.ui.past_runs import ABOUT, NAUGHTY, build, cut_short, naughty_runs, study, two_turns
from tests.ui.script import Script, planned

VOID = {"meta", "input", "br", "link", "img"}


class Page(HTMLParser):
    """The elements of a page; an AssertionError where one is not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page_of(script: Script, about: AboutRun = ABOUT) -> str:
    return html_page(tell(script.events), about, UTC)


@pytest.mark.parametrize("script", [build(), study(), two_turns(), Script(), Script().start()])
def test_a_page_is_well_formed_and_refers_to_nothing(script: Script) -> None:
    page = Page(page_of(script))
    assert page.tags.count("script") == 1
    assert not set(page.tags) & {"img", "link", "iframe", "object", "a", "form"}
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "href", "style", "srcdoc", "action"}
    assert not [name for name in names if name.startswith("on")]


def test_a_page_tells_the_run() -> None:
    text = " ".join(Page(page_of(build())).texts)
    for told in (
        "build",
        "run-7f3a",
        "2026-01-02 03:04:05",
        "cortex resume run-7f3a --retry-failed",
        "no route to host\nat all",
        "6 of 9",
        "1 failed, 2 skipped",
        "Attempt 2: HTTP 503",
        "It was skipped because announce, which it comes after, was skipped (upstream failed).",
        "waited for a slot",
        "the disk is nearly full",
        "estimate_seconds",
    ):
        assert told in text, told
    nested = " ".join(Page(page_of(study())).texts)
    for told in ("read/skim", "its output was taken from the cache", "$0.0200", "a nested run"):
        assert told.lower() in nested.lower(), told


def test_the_policy_allows_its_own_style_and_script_only() -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page_of(build()))
    assert "default-src &#x27;none&#x27;" in policy
    assert "unsafe" not in policy
    assert policy.count("sha256-") == 2


def test_an_interrupted_run_has_bars_to_its_last_event() -> None:
    script = build()
    script.events = cut_short(script, 12)
    page = page_of(script)
    assert "interrupted" in page
    assert 'class="run running"' in page
    assert "cortex resume run-7f3a" in page


@pytest.mark.parametrize("reason", QueueReason)
def test_a_wait_of_every_cause_is_drawn_and_explained(reason: QueueReason) -> None:
    script = Script().start().plan([planned("a")]).queue("a", reason).at(2).begin("a")
    page = page_of(script.at(4).complete("a").end())
    assert f'<rect class="wait {reason.value}" x="0.0%" y="42%" width="50.0%"' in page
    assert '<p class="legend"><span class="hot">' in page


@pytest.mark.no_cover
def test_ten_thousand_actions_make_a_page_of_bounded_size() -> None:
    names = [f"a{number}" for number in range(10_000)]
    script = Script().start().plan([planned(n, wave=1 + k // 100) for k, n in enumerate(names)])
    for number, name in enumerate(names):
        script.begin(name).at(number / 100)
        if number % 3:
            script.complete(name, "x" * 3_000, seconds=0.01)
        else:
            script.fail(name, "broke " * 50, seconds=0.01)
    page = page_of(script.end(outputs=dict.fromkeys(names[:500], "y" * 9_000)))
    assert len(page) < 3_500_000
    assert page.count('<details class="row') == MOST_ROWS
    assert "9,600 more actions, shorter, not shown" in page
    assert "Too large to draw" in page
    assert "60 more waves" in page
    assert "60 more" in page
    assert "cut here:" in page


def test_a_long_path_shows_both_ends() -> None:
    names = [f"a{number}" for number in range(MOST_LINKS + 10)]
    after = {later: [earlier] for earlier, later in pairwise(names)}
    script = Script().start().plan([planned(name) for name in names], after)
    for number, name in enumerate(names):
        script.begin(name).at(number + 1).complete(name)
    assert '<li class="gap">10 more</li>' in page_of(script.end())


def test_long_texts_are_cut_with_a_mark() -> None:
    script = Script().start().plan([planned("a")]).begin("a")
    page = page_of(script.complete("a", "x" * (MOST_OF_ONE + 5)))
    assert "cut here: 5 more characters" in page
    assert block("x") == "<pre>x</pre>"


def test_when_the_budget_is_spent_only_the_mark_is_left() -> None:
    budget = Budget(3)
    story = tell(Script().start().begin("a", parameters={"k": "v"}).events)
    (action,) = story
    assert action.parameters is not None
    assert budget.take(action.parameters).startswith("<pre>{\n </pre>")
    assert budget.take(action.parameters).startswith("<pre></pre>")


def graph_of(script: Script) -> str:
    return page_of(script.end()).partition("<h2>Graph</h2>")[2]


def test_a_graph_has_its_boxes_edges_and_path() -> None:
    graph = graph_of(build())
    assert graph.count("<rect") == 9
    assert graph.count('class="head') == 10
    assert graph.count('class="edge depends_on hot"') >= 4
    assert "depends on</span>" in graph
    assert "uses its output" not in graph


def test_edges_of_every_kind_look_apart_also_where_they_pass_a_layer() -> None:
    script = Script().start()
    actions = [planned("a"), planned("b", wave=2), planned("c", wave=3), planned("d", wave=4)]
    edges = [
        PlannedEdge(source=source, target=target, kind=kind)
        for source, target, kind in [
            ("a", "b", EdgeKind.DEPENDS_ON),
            ("b", "c", EdgeKind.BARRIER),
            ("c", "d", EdgeKind.DEPENDS_ON),
            ("a", "d", EdgeKind.DATA),
        ]
    ]
    data = ev.PlanExtendedData(actions=tuple(actions), edges=tuple(edges))
    graph = graph_of(script.emit(ev.PlanExtended, data))
    assert graph.count('class="edge data"') == 6
    assert graph.count('class="edge barrier"') == 2


def test_graphs_of_many_nested_runs_are_counted() -> None:
    names = [f"n{number}" for number in range(MOST_NESTED + 3)]
    script = Script().start().plan([planned(name, kind=ActionType.AGENT) for name in names])
    for name in names:
        script.begin(name).start(path=name).plan([planned("x")], path=name)
    graph = graph_of(script)
    assert graph.count("a nested run") == MOST_NESTED
    assert "3 more nested runs, not drawn" in graph


def test_a_graph_too_wide_to_draw_is_a_list_of_its_waves() -> None:
    names = ["a" * 20 + str(number) for number in range(MOST_BOXES)]
    assert "Too large to draw" in graph_of(Script().start().plan([planned(n) for n in names]))
    crowded = [planned(f"a{number}") for number in range(50)]
    assert "90 more</span>" in graph_of(Script().start().plan([*crowded, *map(planned, names)]))
    unplanned = graph_of(Script().start().begin("late"))
    assert "<title>late: running</title>" in unplanned


def test_a_wide_graph_is_never_drawn_too_small_to_read() -> None:
    for width in LEAST_WIDTHS:
        assert f".m{width}{{min-width:{width}px}}" in CSS
    small = graph_of(Script().start().plan([planned("a")]))
    assert '<svg class="graph " ' in small
    wide = graph_of(Script().start().plan([planned(f"action_{n}") for n in range(12)]))
    assert re.search(r'<svg class="graph m\d+" ', wide)


def test_the_axis_has_round_times_inside_its_bounds() -> None:
    axis = Axis(100.0, 10.0)
    assert axis.marks[0] == (0.0, "0s")
    assert (axis.part(105.0), axis.part(0.0), axis.part(1e9)) == (50.0, 0.0, 100.0)
    marks = scale(axis)
    assert 'text-anchor="start">0s' in marks
    assert 'text-anchor="end">10s' in marks


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the shared test data are not here")
def test_naughty_strings_are_text() -> None:
    for script in naughty_runs():
        page = Page(page_of(script))
        assert page.tags.count("script") == 1
        assert not set(page.tags) & {"img", "iframe", "a", "b0", "marquee", "object", "embed"}
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        assert "\x1b" not in "".join(page.texts)
        assert "\u202e" not in "".join(page.texts)
