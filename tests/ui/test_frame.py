import random
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from rich.cells import cell_len

from cortex_cli.kinds import ActionMode, ActionState, ActionType, QueueReason, SkipReason
from cortex_cli.ui.frame import frame
from cortex_cli.ui.glyphs import ASCII
from cortex_cli.ui.line import print_lines
from cortex_cli.ui.theme import ColorChoice, Theme, make_console
from tests.ui.script import Script, planned

PLAIN = Theme(glyphs=ASCII, ascii_only=True)
WORDS = "The papers agree that sparse attention scales, but differ on where the cost goes. "


def shown(script: Script, width: int, height: int, theme: Theme | None = None) -> str:
    lines = frame(script.view, theme or Theme(), script.now, width, height)
    return "\n" + "\n".join(line.plain.rstrip() for line in lines) + "\n"


def three() -> Script:
    script = (
        Script()
        .start("web")
        .plan(
            [
                planned("fetch", seconds=4),
                planned("sum", wave=2, kind=ActionType.LLM),
                planned("log"),
            ],
            {"sum": ["fetch"]},
        )
    )
    script.at(0.1).begin("fetch", target="http.get").begin("log").say("fetch", "page 3", current=3)
    return script.at(0.5).complete("log", {"lines": 3}, seconds=0.4).at(2)


def busy() -> Script:
    script = Script().start("research_agent", iterations=3).turn(1, of=3)
    script.plan(
        [
            planned("fetch_arxiv", seconds=2),
            planned("fetch_news", seconds=2),
            planned("read_all", kind=ActionType.AGENT, wave=2, seconds=5),
            planned("notify", mode=ActionMode.FIRE_AND_FORGET),
            planned("ask", kind=ActionType.LLM),
            planned("rank", wave=3),
            planned("publish", wave=4),
        ],
        {"read_all": ["fetch_arxiv"], "rank": ["read_all", "fetch_news"], "publish": ["rank"]},
    )
    script.at(0.1).begin("fetch_arxiv").begin("fetch_news", target="rss")
    script.at(1).retry("fetch_news", "HTTP 503 Service Unavailable", delay=1.5)
    script.at(1.5).complete("fetch_arxiv", [1, 2], seconds=1.4).begin("read_all", target="reader")
    script.start("reader", path="read_all").plan(
        [planned("read", kind=ActionType.LLM), planned("check", wave=2)],
        {"check": ["read"]},
        path="read_all",
    )
    script.begin("notify", mode=ActionMode.FIRE_AND_FORGET, target="slack")
    script.at(1.8).begin("read", target="small", path="read_all").say("notify", fraction=0.5)
    script.queue("ask", QueueReason.APPROVAL).ask("ask", "Send 3 pages to the model?")
    for number, word in enumerate(WORDS.split(" ")):
        script.token("read", word + " ", number=number + 1, path="read_all")
    return script.at(2.2).say("notify", "connecting to hooks.slack.example")


def many() -> Script:
    script = (
        Script()
        .start("crawler")
        .plan(
            [planned(f"crawl_{number:04}", seconds=0.5) for number in range(3_000)],
            scheduled=300.0,
        )
    )
    for number in range(600):
        script.at(number / 10).begin(f"crawl_{number:04}", target="http.get")
        if number % 100 == 57:
            script.fail(f"crawl_{number:04}", "HTTP 404 Not Found", seconds=0.1)
        elif number < 592:
            script.at(number / 10 + 0.05).complete(f"crawl_{number:04}", "ok", seconds=0.05)
    return script.at(61)


def test_three_actions_at_80_columns() -> None:
    assert shown(three(), 80, 23) == snapshot("""\

web  wave 1/2  run-7f3a                                      about 2s left  2.0s
━━━━━━━━━━━━━━━─────────────────  1/3  1 running

⠦ fetch     running      1.9s  3  page 3
· sum       waiting            after fetch
✓ log       completed   0.40s  lines: 3

│ fetch  page 3
""")


def test_three_actions_at_40_columns() -> None:
    assert shown(three(), 40, 23) == snapshot("""\

web                            ~2s  2.0s
━━━━━━━━━━━━━━━━╸──────────────────  1/3

⠦ fetch     running      1.9s  3  page 3
· sum       waiting            after fe…
✓ log       completed   0.40s  lines: 3

│ fetch  page 3
""")


def test_three_actions_at_200_columns() -> None:
    assert shown(three(), 200, 49) == snapshot("""\

web  wave 1/2  run-7f3a                                                                                                                                                              about 2s left  2.0s
━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸─────────────────────────────────────────  1/3  1 running

⠦ fetch     running    tool        1.9s  3  page 3
· sum       waiting    llm               after fetch
✓ log       completed  tool       0.40s  lines: 3

│ fetch  page 3
""")


def test_three_actions_in_ascii() -> None:
    assert shown(three(), 60, 11, PLAIN) == snapshot("""\

web                                      about 2s left  2.0s
############------------  1/3  1 running
| fetch     running      1.9s  3  page 3
. sum       waiting            after fetch
+ log       completed   0.40s  lines: 3
""")


def test_nested_runs_retries_questions_and_a_stream() -> None:
    assert shown(busy(), 80, 23) == snapshot("""\

research_agent  iteration 1/3  wave 2/4  run-7f3a            about 8s left  2.2s
━━━━━━━─────────────────────────  1/9  3 running  2 queued

✓ fetch_arxiv  completed   1.40s  2 items
○ fetch_news   queued             attempt 2 in 0.3s  HTTP 503 Service Unavailab…
⠧ read_all     running      0.7s  0/2 actions
⠧   read       running      0.4s  tool small
·   check      waiting            after read
⠧ notify       running      0.7s  connecting to hooks.slack.example
○ ask          queued             Send 3 pages to the model?
· rank         waiting            after read_all and 1 more
· publish      waiting            after rank

│ notify  connecting to hooks.slack.example
│ read_all/read  small  15 tokens
│ The papers agree that sparse attention scales, but differ on where the cost
│ goes.
""")


def test_a_low_screen_keeps_to_the_actions() -> None:
    assert shown(busy(), 40, 8) == snapshot("""\

research_agent  1/3            ~8s  2.2s
━━━━━━━╸───────────────────────────  1/9
✓ fetch_arxiv  completed   1.40s
○ fetch_news   queued
⠧ read_all     running      0.7s
⠧   read       running      0.4s
⠧ notify       running      0.7s
  … 4 more: 3 waiting, 1 queued
""")


def test_three_thousand_actions_at_80_columns() -> None:
    assert shown(many(), 80, 20) == snapshot("""\

crawler  run-7f3a                                        about 4m00s left  1m01s
━━━━━━──────────────────────────  592/3,000  8 running  6 failed

✗ crawl_0257  failed      0.10s  HTTP 404 Not Found
✗ crawl_0357  failed      0.10s  HTTP 404 Not Found
✗ crawl_0457  failed      0.10s  HTTP 404 Not Found
✗ crawl_0557  failed      0.10s  HTTP 404 Not Found
⠇ crawl_0592  running      1.8s  tool http.get
⠇ crawl_0593  running      1.7s  tool http.get
⠇ crawl_0594  running      1.6s  tool http.get
⠇ crawl_0595  running      1.5s  tool http.get
⠇ crawl_0596  running      1.4s  tool http.get
⠇ crawl_0597  running      1.3s  tool http.get
⠇ crawl_0598  running      1.2s  tool http.get
⠇ crawl_0599  running      1.1s  tool http.get
· crawl_0600  waiting
· crawl_0601  waiting
· crawl_0602  waiting
· crawl_0603  waiting
  … 2,984 more: 2,396 waiting, 586 completed, 2 failed
""")


def test_three_thousand_actions_at_40_columns() -> None:
    assert shown(many(), 40, 11) == snapshot("""\

crawler                    ~4m00s  1m01s
━━━╸───────────────  592/3,000  6 failed
✗ crawl_0457  failed      0.10s
✗ crawl_0557  failed      0.10s
⠇ crawl_0592  running      1.8s
⠇ crawl_0593  running      1.7s
⠇ crawl_0594  running      1.6s
⠇ crawl_0595  running      1.5s
⠇ crawl_0596  running      1.4s
· crawl_0600  waiting
  … 2,992 more: 2,399 waiting, 3 runnin…
""")


def test_colours_stand_beside_words() -> None:
    stream = StringIO()
    script = three().fail("fetch", "no route to host")
    console = make_console(stream, {}, ColorChoice.ALWAYS, width=60)
    print_lines(console, frame(script.view, Theme(), script.now, 60, 8))
    assert stream.getvalue() == snapshot("""\
\x1b[1mweb\x1b[0m                                      \x1b[2mabout 1s left  \x1b[0m\x1b[1m2.0s\x1b[0m
\x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m\x1b[2m────\x1b[0m  \x1b[1m2/3\x1b[0m  \x1b[1;31m1 failed\x1b[0m
\x1b[1;31m✗\x1b[0m \x1b[1mfetch\x1b[0m     \x1b[1;31mfailed\x1b[0m      \x1b[2m1.00s\x1b[0m  \x1b[31mno route to host\x1b[0m
\x1b[2m·\x1b[0m \x1b[2msum\x1b[0m       \x1b[2mwaiting\x1b[0m            \n\
\x1b[32m✓\x1b[0m log       \x1b[32mcompleted\x1b[0m   \x1b[2m0.40s\x1b[0m  \x1b[2mlines: 3\x1b[0m
""")


def test_several_streams_have_a_line_each() -> None:
    script = Script().start().plan([planned("one"), planned("two")]).begin("one").begin("two")
    script.token("one", "First line.\nThe last of one").think("two", "Perhaps 日本語 " * 12)
    assert shown(script, 60, 14) == snapshot("""\

research_agent                          about 10s left  0.0s
────────────────────────  0/2  2 running
⠋ one       running      0.0s  tool python
⠋ two       running      0.0s  tool python
│ one                   The last of one
│ two                   日本語 Perhaps 日本語 Perhaps 日本語
""")


def test_an_answer_stays_for_a_while_after_its_end() -> None:
    script = Script().start().plan([planned("one")]).begin("one").think("one", "Let me see.")
    script.at(1).complete("one")
    assert "Let me see." in shown(script.at(9), 60, 14)
    assert "Let me see." not in shown(script.at(12), 60, 14)


def test_a_plan_that_is_being_written_is_announced() -> None:
    script = Script().start()
    assert "planning\n" in shown(script, 80, 20)
    script.plan([planned("a")], complete=False)
    assert "planning  0/1" in shown(script, 80, 20)
    assert "planning" not in shown(script.extend([planned("b")], complete=True), 80, 20)


def test_an_empty_view_is_shown() -> None:
    assert shown(Script(), 40, 4).split() == ["cortex", "0.0s", "─" * 30, "planning"]


def test_skipped_cancelled_and_cached_actions_say_so() -> None:
    script = Script().start().plan([planned(name) for name in "abc"])
    script.skip("a", SkipReason.NOT_CHOSEN).begin("b").cancel("b").complete("c", cached=True)
    assert shown(script, 60, 8) == snapshot("""\

research_agent                                          0.0s
━━━━━━━━━━━━━━━━━━━━━━━━  3/3  1 cancelled  1 skipped
- a         skipped            not chosen
■ b         cancelled   1.00s  aborted
✓ c         completed          cached
""")


def test_queued_actions_say_what_they_wait_for() -> None:
    script = Script().start().plan([planned("a")])
    for reason in (QueueReason.SLOT, QueueReason.RATE, QueueReason.POOL, QueueReason.BUDGET):
        assert "queued" in shown(script.queue("a", reason), 80, 8)
    assert "waits for budget" in shown(script, 80, 8)


def test_what_runs_what_failed_and_what_comes_next_are_among_the_rows() -> None:
    script = many()
    for height in (6, 10, 30):
        text = shown(script, 80, height)
        assert "⠇ crawl_0592" in text
        assert "✗ crawl_0557" in text
        assert "· crawl_0600" in text
        assert "more: " in text


def test_more_that_runs_than_there_is_room_leaves_room_for_failures_and_the_next() -> None:
    script = Script().start().plan([planned(f"a{number}") for number in range(60)])
    for number in range(50):
        script.begin(f"a{number}")
    text = shown(script.fail("a7"), 80, 12)
    assert "✗ a7" in text
    assert "· a50" in text
    assert text.count("running      0.0s") == 7


@pytest.mark.parametrize("width", [36, 40, 59, 60, 80, 99, 100, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    for script in (three(), busy(), many()):
        lines = frame(script.view, Theme(), script.now, width, 24)
        assert max(cell_len(line.plain) for line in lines) <= width
        assert len(lines) <= 24
        plain = frame(script.view, PLAIN, script.now, width, 24)
        assert max(len(line.plain) for line in plain) <= width
        assert all(line.plain.isascii() for line in plain)


ODD = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "x" * 1_000_000,
            "界" * 10_000,
            "o" + "\u0301" * 1_000,
            "\x1b[2J\x1b]0;t\x07",
            "a\rb\nc\td",
            "[/INST] [link=x]",
            "\u202eabc\u200b",
            "👨‍👩‍👧 ❤\ufe0f",
        ]
    ),
)


@settings(max_examples=60, deadline=None)
@given(ODD, ODD, ODD, st.integers(10, 210), st.integers(1, 60))
def test_odd_text_leaves_the_layout_intact(
    name: str, error: str, said: str, width: int, height: int
) -> None:
    script = Script().start(name, iterations=2)
    script.plan([planned("a", name=name), planned("b"), planned("c"), planned("d")])
    script.begin("a", target=error).say("a", said, current=1.5, total=0.0)
    script.begin("b").fail("b", error).complete("c", {said: error}).ask("d", said)
    script.token("a", said, model=name).think("d", error).warn(said)
    lines = frame(script.view, Theme(), script.now, width, height)
    assert len(lines) <= max(4, height)
    for line in lines:
        assert cell_len(line.plain) <= width
        assert "\n" not in line.plain
        assert "\x1b" not in line.plain


def test_a_random_order_of_endings_never_loses_an_action() -> None:
    chance = random.Random(7)
    script = Script().start().plan([planned(f"a{number}") for number in range(200)])
    numbers = list(range(200))
    chance.shuffle(numbers)
    for number in numbers[:150]:
        script.begin(f"a{number}")
        if chance.random() < 0.8:
            script.complete(f"a{number}")
    view = script.view
    assert sum(view.count(state) for state in ActionState) == view.total == 200
