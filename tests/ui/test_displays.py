import io
import json
from pathlib import Path
from unicodedata import category

import pytest
from inline_snapshot import snapshot

import cortex_cli.events as ev
from cortex_cli.kinds import ActionMode, ActionType, CancelReason, QueueReason, SkipReason
from cortex_cli.ui.display import Display, SilentDisplay
from cortex_cli.ui.glyphs import ASCII
from cortex_cli.ui.live import LiveDisplay
from cortex_cli.ui.ndjson import NdjsonDisplay
from cortex_cli.ui.plain import PlainDisplay
from cortex_cli.ui.theme import ColorChoice, Theme, make_console
from tests.ui.script import START_SECONDS, Script, planned

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "blns.json"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def everything() -> Script:
    """A run in which every kind of event happens."""
    script = Script().start("web", iterations=2).turn(1, of=2).think(None, "Let me see.\nFirst")
    script.at(0.1).token(None, '{"actions": ', number=1).token(None, "[]}", number=2)
    script.at(0.5).plan([planned("fetch"), planned("sum", wave=2)], {"sum": ["fetch"]})
    script.plan([planned("fetch")], complete=False).extend([planned("log")], complete=True)
    script.queue("fetch").queue("log", QueueReason.APPROVAL).ask("log", "Write to disk?")
    script.answer("log", text="yes").answer("log", approved=False)
    script.at(0.6).begin("fetch", target="http.get").say("fetch", "page 1", current=1, total=3)
    script.at(0.9).retry("fetch", "HTTP 503").queue("fetch", QueueReason.RETRY)
    script.at(1.9).begin("fetch", attempt=2, target=None).limit("slots", 5, 6, "it was idle")
    script.at(2.25).complete("fetch", "ok", seconds=1.65, attempts=2)
    script.begin("sum", kind=ActionType.AGENT, target="reader").start("reader", path="sum")
    script.turn(1, path="sum").plan([planned("read", source="default")], path="sum", scheduled=300)
    script.begin("read", path="sum", kind=ActionType.LLM, target="small")
    script.token("read", "One\nTwo", path="sum").token("read", " and three", number=2, path="sum")
    script.at(3).fail("read", "no\nroute", seconds=0.5, attempts=3, path="sum")
    script.end(ev.AgentFailed, path="sum", error="1 action failed")
    script.fail("sum", "its run failed", seconds=0.75).warn("careful", "log").warn("of it all")
    script.begin("log", mode=ActionMode.FIRE_AND_FORGET).cancel("log", CancelReason.GRACE_ENDED)
    script.patch(["x", "y"], planned("z"), why="x failed").skip("z", SkipReason.NOTHING_FAILED)
    script.complete("late", cached=True, seconds=0.0).at(4).token("late", "unfinished")
    return script.end(ev.AgentFailed, error="1 action failed")


def played(display: Display, script: Script) -> None:
    display.start()
    for event in script.events:
        display.handle(event)
        display.tick(event.seconds)
    display.close()


def test_the_end_of_a_plan_that_a_model_has_written_is_told_in_words() -> None:
    stream = io.StringIO()
    script = Script().start("web").plan([], complete=False).extend([planned("log")])
    script.extend([], complete=True)
    data = ev.PlanExtendedData(actions=(), edges=(), complete=True, answer="42")
    script.emit(ev.PlanExtended, data)
    played(PlainDisplay(stream, Theme()), script)
    said = [line.partition("web  ")[2] for line in stream.getvalue().splitlines()]
    assert said[-4:] == ["planning", "planned 1 more: log", "the plan is complete", "answered"]


def test_plain_output_is_a_line_an_event() -> None:
    stream = io.StringIO()
    played(PlainDisplay(stream, Theme()), everything())
    assert stream.getvalue() == snapshot("""\
  0.00s  web  started run run-7f3a
  0.00s  web  iteration 1 of 2 started
  0.00s  web  thinks: Let me see.
  0.10s  web  thinks: First
  0.50s  web  says: {"actions": []}
  0.50s  web  planned 2 actions in 2 waves, estimated 10.0s
  0.50s  web  planning, 1 action so far
  0.50s  web  planned 1 more: log
  0.50s  fetch  queued, waits for a slot
  0.50s  log  asks: Write to disk?
  0.50s  log  approved by ada: yes
  0.50s  log  denied by ada
  0.60s  fetch  started (tool http.get)
  0.60s  fetch  progress 1/3: page 1
  0.90s  fetch  attempt 1 failed, again in 1.00s: HTTP 503
  1.90s  fetch  started, attempt 2 (tool)
  1.90s  web  slots changed from 5 to 6: it was idle
  2.25s  fetch  completed in 1.65s, 2 attempts
  2.25s  sum  started (agent reader)
  2.25s  sum  runs reader
  2.25s  sum  planned 1 action in 1 wave, at most 5m00s
  2.25s  sum/read  started (llm small)
  2.25s  sum/read  says: One
  3.00s  sum/read  says: Two and three
  3.00s  sum/read  failed after 0.50s, 3 attempts: no\\nroute
  3.00s  sum  its run failed after 3.00s, no actions: 1 action failed
  3.00s  sum  failed after 0.75s: its run failed
  3.00s  log  warning: careful
  3.00s  web  warning: of it all
  3.00s  log  started (tool python)
  3.00s  log  cancelled after 1.00s: grace_ended
  3.00s  web  plan changed, x, y replaced by z: x failed
  3.00s  z  skipped: nothing_failed
  3.00s  late  completed in 0.00s, from the cache
  4.00s  web  iteration 1 ended: no actions
  4.00s  web  failed after 4.00s, no actions: 1 action failed
  4.00s  late  says: unfinished
""")


def test_plain_output_gathers_tokens_into_lines_of_bounded_length() -> None:
    stream = io.StringIO()
    script = Script().start("web")
    for number in range(1_000):
        script.token("a", "ab", number=number + 1)
    display = PlainDisplay(stream, Theme())
    for event in script.events:
        display.handle(event)
    assert [len(line) for line in stream.getvalue().splitlines()] == snapshot([34, 520, 520, 520])
    display.close()
    display.close()
    assert stream.getvalue().count("ab") == 1_000


def test_plain_output_keeps_what_several_models_write_apart() -> None:
    stream = io.StringIO()
    script = Script().start("web")
    for number, word in enumerate(("one ", "two ", "three")):
        script.token("a", word, number=number + 1).token("b", word.upper(), number=number + 1)
    played(PlainDisplay(stream, Theme()), script.complete("b"))
    assert stream.getvalue().splitlines()[1:] == [
        "  0.00s  b  says: ONE TWO THREE",
        "  0.00s  b  completed in 1.00s",
        "  0.00s  a  says: one two three",
    ]


def test_plain_output_leaves_empty_lines_of_a_model_out() -> None:
    stream = io.StringIO()
    script = Script().start("web").token("a", "one\n\n \ntwo\n\n")
    played(PlainDisplay(stream, Theme()), script)
    assert [line.split("  ")[-1] for line in stream.getvalue().splitlines()[1:]] == [
        "says: one",
        "says: two",
    ]


def test_plain_output_in_ascii_is_ascii() -> None:
    stream = io.StringIO()
    script = Script().start("wéb\x1b[2J").warn("日本")
    played(PlainDisplay(stream, Theme(glyphs=ASCII, ascii_only=True)), script)
    assert stream.getvalue().splitlines() == [
        "  0.00s  w\\xe9b\\x1b[2J  started run run-7f3a",
        "  0.00s  w\\xe9b\\x1b[2J  warning: \\u65e5\\u672c",
    ]


def test_ndjson_loses_nothing() -> None:
    stream = io.BytesIO()
    script = everything()
    played(NdjsonDisplay(stream), script)
    assert [ev.decode(line) for line in stream.getvalue().splitlines()] == script.events


def test_ndjson_goes_out_with_every_tick() -> None:
    raw = io.BytesIO()
    stream = io.BufferedWriter(raw)
    display = NdjsonDisplay(stream)
    for event in Script().start().warn("one").warn("two").events:
        display.handle(event)
    assert raw.getvalue() == b""
    display.tick(0.0)
    assert raw.getvalue().count(b"\n") == 3
    display.close()
    assert not stream.closed


def test_a_silent_display_keeps_the_view() -> None:
    display = SilentDisplay()
    played(display, everything())
    assert display.view.end is not None


def live(environ: dict[str, str] | None = None) -> tuple[LiveDisplay, Terminal]:
    stream = Terminal()
    environ = environ or {"COLUMNS": "60", "LINES": "12"}
    return LiveDisplay(make_console(stream, environ, ColorChoice.NEVER), Theme()), stream


def test_the_live_display_draws_at_most_eight_frames_a_second() -> None:
    display, stream = live()
    display.start()
    for event in Script().start().plan([planned("a")]).begin("a").events:
        display.handle(event)
    assert "\x1b[?2026h" not in stream.getvalue()
    for tick in range(100):
        display.tick(START_SECONDS + tick / 100)
    display.close()
    assert stream.getvalue().count("\x1b[?2026h") == 8
    assert stream.getvalue().count("\x1b[?2026l") == 8


def test_the_live_display_goes_on_when_the_clock_is_set_back() -> None:
    display, stream = live()
    display.start()
    display.tick(START_SECONDS)
    display.tick(START_SECONDS - 3_600)
    display.close()
    assert stream.getvalue().count("\x1b[?2026h") == 2


def test_the_live_display_fits_the_screen_and_leaves_nothing_behind() -> None:
    display, stream = live({"COLUMNS": "44", "LINES": "9"})
    script = Script().start().plan([planned(f"a{number}") for number in range(50)]).begin("a0")
    display.start()
    for event in script.events:
        display.handle(event)
    display.tick(script.now)
    frame = stream.getvalue()
    assert frame.count("\n") == 7
    assert "a0" in frame
    display.close()
    display.close()
    gone = stream.getvalue()[len(frame) :]
    assert "\x1b[?25h" in gone
    assert gone.endswith("\r" + "\x1b[1A\x1b[2K" * 8)


def test_the_live_display_goes_on_beneath_what_was_asked_meanwhile() -> None:
    display, stream = live()
    display.start()
    display.tick(START_SECONDS)
    display.close()
    asked = len(stream.getvalue())
    stream.write("May 'a' call tool 'pay'? y\n")
    display.start()
    display.tick(START_SECONDS + 1)
    drawn = stream.getvalue()[asked:]
    assert "\x1b[1A" not in drawn
    display.close()


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"TERM": "xterm", "COLUMNS": "20"}])
def test_every_kind_of_event_can_be_shown_live(environ: dict[str, str]) -> None:
    display, _ = live(environ)
    script = everything()
    display.start()
    for number, event in enumerate(script.events):
        display.handle(event)
        display.tick(START_SECONDS + number)
    display.close()
    assert display.view.end is not None


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the list of naughty strings is not here")
def test_naughty_strings_break_no_display() -> None:
    strings = [text for text in json.loads(NAUGHTY.read_text("utf-8")) if text]
    script = Script().start("web").plan([planned(f"a{n}") for n in range(len(strings))])
    for number, text in enumerate(strings):
        name = f"a{number}"
        script.begin(name, target=text).say(name, text).token(name, text).complete(name, text)
        script.warn(text, name)
    plain = io.StringIO()
    display, terminal = live()
    display.start()
    lines = PlainDisplay(plain, Theme())
    for number, event in enumerate(script.events):
        lines.handle(event)
        display.handle(event)
        if number % 5 == 0:
            display.tick(START_SECONDS + number)
    lines.close()
    display.close()
    for line in plain.getvalue().split("\n")[:-1]:
        assert line[6:9] == "s  " or line[7:10] == "s  "
        assert not {category(character) for character in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert "\x07" not in terminal.getvalue()


def test_all_displays_are_driven_alike() -> None:
    displays: list[Display] = [
        live()[0],
        PlainDisplay(io.StringIO(), Theme()),
        NdjsonDisplay(io.BytesIO()),
        SilentDisplay(),
    ]
    for display in displays:
        played(display, everything())
