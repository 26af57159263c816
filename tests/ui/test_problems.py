import io
import json
from pathlib import Path

import pytest

from cortex_cli.errors import Problem
from cortex_cli.kinds import Severity
from cortex_cli.ui.glyphs import ASCII
from cortex_cli.ui.problems import count_problems, format_problem, in_order, print_problems
from cortex_cli.ui.theme import ColorChoice, Theme, make_console

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "blns.json"


def problem(
    message: str,
    severity: Severity = Severity.ERROR,
    file: str | None = "agents/web.yaml",
    line: int | None = None,
) -> Problem:
    return Problem(
        code="test",
        message=message,
        severity=severity,
        file=file,
        line=line,
        column=None if line is None else 7,
    )


def printed(problems: list[Problem], *, color: bool = False, width: int = 80) -> str:
    stream = io.StringIO()
    choice = ColorChoice.ALWAYS if color else ColorChoice.NEVER
    print_problems(make_console(stream, {}, choice, width=width), problems)
    return stream.getvalue()


def test_a_problem_is_one_line_with_place_message_and_hint() -> None:
    found = Problem(
        code="unknown_dependency",
        message="action 'sum' depends on 'fetc', which no action defines",
        hint="did you mean 'fetch'?",
        file="agents/web.yaml",
        line=14,
        column=7,
    )
    assert format_problem(found) == str(found)
    assert format_problem(found) == (
        "agents/web.yaml:14:7: action 'sum' depends on 'fetc', which no action defines; "
        "did you mean 'fetch'?"
    )


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.NOTE])
def test_what_is_no_error_says_so(severity: Severity) -> None:
    assert format_problem(problem("x", severity, line=2)) == f"agents/web.yaml:2:7: {severity}: x"


def test_a_problem_without_a_file_has_no_place() -> None:
    assert format_problem(problem("no plan", file=None)) == "no plan"


def test_user_text_in_a_problem_is_shown_not_obeyed() -> None:
    found = Problem(
        code="x",
        message="bad\x1b[2J\nname [bold]",
        hint="try\r\u202eother",
        file="a\x07.yaml",
        line=1,
        column=1,
    )
    assert format_problem(found) == (r"a\x07.yaml:1:1: bad\x1b[2J\nname [bold]; try\x0d\u202eother")


def test_an_ascii_stream_gets_ascii() -> None:
    theme = Theme(glyphs=ASCII, ascii_only=True)
    assert format_problem(problem("größer"), theme) == r"agents/web.yaml: gr\xf6\xdfer"


def test_errors_come_first_and_each_severity_in_file_order() -> None:
    mixed = [
        problem("late", line=9),
        problem("note", Severity.NOTE, line=1),
        problem("other file", file="b.yaml", line=1),
        problem("warning", Severity.WARNING, line=5),
        problem("early", line=2),
    ]
    assert [found.message for found in in_order(mixed)] == [
        "early",
        "late",
        "other file",
        "warning",
        "note",
    ]


def test_problems_are_counted_by_severity() -> None:
    assert count_problems([problem("a"), problem("b"), problem("c", Severity.NOTE)]) == (
        "2 errors, 1 note"
    )


def test_several_problems_end_with_their_count() -> None:
    assert printed([problem("b", Severity.WARNING), problem("a")]) == (
        "agents/web.yaml: a\nagents/web.yaml: warning: b\n1 error, 1 warning\n"
    )


def test_one_problem_is_not_counted_and_none_prints_nothing() -> None:
    assert printed([problem("a")]) == "agents/web.yaml: a\n"
    assert printed([]) == ""


def test_a_long_problem_stays_one_line_on_a_narrow_screen() -> None:
    assert printed([problem("word " * 40)], width=40).count("\n") == 1


def test_place_and_severity_are_coloured() -> None:
    shown = printed([problem("a", Severity.WARNING, line=3)], color=True)
    assert "\x1b[33magents/web.yaml:3:7: \x1b[0m" in shown
    assert "\x1b[33mwarning: \x1b[0m" in shown


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the naughty strings are not here")
def test_naughty_strings_stay_on_one_line() -> None:
    for text in json.loads(NAUGHTY.read_text(encoding="utf-8")):
        shown = printed([Problem(code="x", message=text, hint=text, file=text)])
        assert shown.count("\n") == 1
        assert "\x1b" not in shown
