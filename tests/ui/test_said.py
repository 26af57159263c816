import io
from collections.abc import Callable

import msgspec
import pytest
from inline_snapshot import snapshot

import cortex_cli.events as ev
from cortex_cli.errors import UsageError
from cortex_cli.ui.line import print_lines
from cortex_cli.ui.logs import log_lines
from cortex_cli.ui.naming import named, the_one
from cortex_cli.ui.said import Kind, Saying, said
from cortex_cli.ui.theme import Theme, make_console
from tests.ui.past_runs import NAUGHTY, build, naughty_runs, study
from tests.ui.script import Script, planned

LABELS = ["fetch", "fetch_more", "read", "read/skim", "read/sum", "each", "each[0]", "sum"]


def everything(_label: str) -> bool:
    return True


def sayings(script: Script, wants: Callable[[str], bool] = everything) -> list[Saying]:
    return list(said(script.events, wants))


def spoken(script: Script) -> list[tuple[str, Kind, str]]:
    return [(one.action, one.kind, one.text) for one in sayings(script)]


def printed(script: Script) -> str:
    stream = io.StringIO()
    lines = log_lines(said(script.events, everything), "web", Theme())
    print_lines(make_console(stream, {}, width=80), lines)
    return "\n" + stream.getvalue()


def test_what_was_said_is_told_line_by_line() -> None:
    assert printed(build()) == snapshot("""\

    2.00s  unit  40%: 40 of 100 passed
    4.00s  upload  attempt 1 failed: HTTP 503
    5.00s  upload  attempt 2 failed: HTTP 503
    7.00s  deploy  failed: no route to host
    7.00s  deploy          at all
    7.00s  web  warning: the disk is nearly full
    7.00s  unit  warning: it was slow
    7.00s  web  failed: action 'deploy' failed: no route to host
""")
    assert printed(study()) == snapshot("""\

    0.50s  read/skim  thinks: Let me see
    0.50s  read/skim  says: It says so.
""")


def test_pieces_of_a_text_are_one_text_again() -> None:
    assert spoken(study())[:2] == [
        ("read/skim", Kind.THOUGHT, "Let me see"),
        ("read/skim", Kind.TEXT, "It says so."),
    ]


def test_texts_of_several_models_at_once_are_kept_apart() -> None:
    script = Script().start()
    for number, piece in enumerate(["One ", "two"], start=1):
        script.token("a", piece, number=number).token("b", piece.upper(), number=number)
    assert spoken(script) == [("a", Kind.TEXT, "One two"), ("b", Kind.TEXT, "ONE TWO")]


def test_an_answer_that_begins_anew_is_a_text_of_its_own() -> None:
    script = Script().start().token("a", "no").token("a", "yes").think("a", "hm").token("a", "or")
    assert spoken(script) == [
        ("a", Kind.TEXT, "no"),
        ("a", Kind.TEXT, "yes"),
        ("a", Kind.THOUGHT, "hm"),
        ("a", Kind.TEXT, "or"),
    ]


def test_a_text_without_end_comes_in_pieces() -> None:
    script = Script().start()
    for number in range(25):
        script.token("a", "x" * 10_000, number=number + 1)
    assert [len(one.text) for one in sayings(script)] == [100_000, 100_000, 50_000]


def test_nothing_is_told_of_states_and_empty_words() -> None:
    script = Script().start().plan([planned("a")]).queue("a").begin("a").say("a", fraction=0.5)
    script.say("a").say("a", " ").complete("a").end(ev.AgentFailed)
    assert spoken(script) == [("a", Kind.PROGRESS, "50%")]


def test_a_nested_failure_is_told_once() -> None:
    script = Script().start().begin("a").start(path="a").end(ev.AgentFailed, path="a", error="x")
    script.fail("a", "x").end(ev.AgentFailed, error="y")
    assert spoken(script) == [("a", Kind.ERROR, "x"), ("", Kind.ERROR, "y")]


def test_only_what_is_wanted_is_told() -> None:
    assert {one.action for one in sayings(build(), lambda label: label == "upload")} == {"upload"}


def test_a_saying_is_one_line_of_json() -> None:
    first = sayings(build())[0]
    assert msgspec.json.encode(first) == snapshot(
        b'{"sequence":9,"timestamp":"2026-01-02T03:04:07.000Z","seconds":2.0,"action":"unit","iteration":1,"kind":"progress","text":"40%: 40 of 100 passed"}'
    )


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the shared test data are not here")
def test_naughty_strings_keep_to_their_lines() -> None:
    for script in naughty_runs():
        for line in printed(script).splitlines():
            assert "\x1b" not in line
            assert "\u202e" not in line


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("fetch", ["fetch"]),
        ("read", ["read", "read/skim", "read/sum"]),
        ("read/sum", ["read/sum"]),
        ("each", ["each", "each[0]"]),
        ("skim", ["read/skim"]),
        ("sum", ["sum"]),
        ("fetch_", ["fetch_more"]),
        ("sk", ["read/skim"]),
    ],
)
def test_an_action_is_named_by_its_ids_or_their_beginning(wanted: str, found: list[str]) -> None:
    assert named(LABELS, wanted) == found


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("fetchh", "the run has no action 'fetchh'; did you mean 'fetch'?"),
        ("skimm", "the run has no action 'skimm'; did you mean 'skim'?"),
        ("zzz", "the run has no action 'zzz'"),
        ("", "the run has no action ''"),
    ],
)
def test_an_unknown_action_names_the_nearest(wanted: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        named(LABELS, wanted)
    assert str(raised.value) == message


def test_one_action_is_meant_or_the_choice_is_told() -> None:
    assert the_one(LABELS, "read") == "read"
    assert the_one(LABELS, "skim") == "read/skim"
    with pytest.raises(UsageError, match="'fet' may be fetch, fetch_more; write one of them whole"):
        the_one(LABELS, "fet")
