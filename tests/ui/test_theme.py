import io
from typing import Any

import pytest

from cortex_cli.kinds import ActionState, ActionType, Severity
from cortex_cli.ui.glyphs import ASCII, UNICODE, Glyphs
from cortex_cli.ui.theme import (
    SEVERITY_STYLES,
    STATE_STYLES,
    STATE_WORDS,
    TYPE_STYLES,
    ColorChoice,
    Theme,
    make_console,
    theme_for,
    wants_color,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "environ", "is_terminal", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, False, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour_follows_the_flag_then_the_environment_then_the_stream(
    choice: str, environ: dict[str, str], *, is_terminal: bool, expected: bool
) -> None:
    assert wants_color(ColorChoice(choice), environ, is_terminal=is_terminal) is expected


def test_every_state_type_and_severity_has_its_look() -> None:
    assert set(STATE_STYLES) == set(STATE_WORDS) == set(ActionState)
    assert set(UNICODE.states) == set(ASCII.states) == set(ActionState)
    assert set(TYPE_STYLES) == set(ActionType)
    assert set(SEVERITY_STYLES) == set(Severity)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_glyphs_keep_their_columns(glyphs: Glyphs) -> None:
    assert {len(sign) for sign in glyphs.states.values()} == {1}
    assert {len(part) for part in (glyphs.branch, glyphs.last, glyphs.pipe, glyphs.blank)} == {3}


def test_ascii_glyphs_are_ascii() -> None:
    signs = [*ASCII.states.values(), *(str(getattr(ASCII, n)) for n in ("bar", "branch", "last"))]
    assert all(sign.isascii() for sign in signs)


@pytest.mark.parametrize(
    ("encoding", "environ", "glyphs", "ascii_only"),
    [
        ("utf-8", {}, UNICODE, False),
        ("utf-8", {"TERM": "dumb"}, ASCII, False),
        ("ascii", {}, ASCII, True),
        ("iso-8859-1", {}, ASCII, True),
    ],
)
def test_a_narrow_encoding_or_a_dumb_terminal_gets_plain_glyphs(
    encoding: str, environ: dict[str, str], *, glyphs: Glyphs, ascii_only: bool
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert theme_for(stream, environ) == Theme(glyphs=glyphs, ascii_only=ascii_only)
    assert theme_for(io.StringIO(), {}) == Theme()


def test_themed_text_is_safe_cut_and_encodable() -> None:
    theme = Theme(glyphs=ASCII, ascii_only=True)
    assert theme.line("näh\x1b") == "n\\xe4h\\x1b"
    assert theme.line("a long name", 6) == "a l..."
    assert theme.line("x" * 3_000).endswith("... (+1,021 characters)")
    assert theme.text("a\nü") == "a\n\\xfc"
    assert Theme().cell("ab", 4) == "ab  "
    assert Theme().text("ü\x07") == "ü\\x07"


def test_the_spinner_turns_with_the_time() -> None:
    assert [Theme().spinner(n / 8) for n in range(3)] == ["⠋", "⠙", "⠹"]
    assert Theme().glyph(ActionState.COMPLETED) == "✓"


@pytest.mark.parametrize(
    ("environ", "width", "expected"),
    [
        ({"COLUMNS": "40", "LINES": "12"}, None, (40, 12)),
        ({"COLUMNS": "40", "LINES": "12"}, 99, (99, 12)),
        ({"TERM": "dumb"}, None, (80, 24)),
        ({"TERM": "dumb", "COLUMNS": "60"}, None, (60, 24)),
        ({"TERM": "dumb", "COLUMNS": "wide", "LINES": "0"}, None, (80, 24)),
    ],
)
def test_a_console_has_the_size_that_it_is_told(
    environ: dict[str, str], width: int | None, expected: tuple[int, int]
) -> None:
    assert make_console(Terminal(), environ, width=width).size == expected


def test_a_console_takes_user_text_as_it_is() -> None:
    stream = Terminal()
    make_console(stream, {}, ColorChoice.NEVER).print("[bold]x[/] :smile: 12 'a'")
    assert stream.getvalue() == "[bold]x[/] :smile: 12 'a'\n"


@pytest.mark.parametrize(
    ("stream", "options", "shown"),
    [
        (Terminal(), {}, "\x1b[32mok\x1b[0m\n"),
        (io.StringIO(), {}, "ok\n"),
        (io.StringIO(), {"color": ColorChoice.ALWAYS}, "\x1b[32mok\x1b[0m\n"),
        (Terminal(), {"color": ColorChoice.NEVER}, "ok\n"),
    ],
)
def test_a_console_colours_where_that_is_wanted(
    stream: io.StringIO, options: dict[str, Any], shown: str
) -> None:
    make_console(stream, {"NO_COLOR": ""}, **options).print("ok", style="green")
    assert stream.getvalue() == shown


def test_colour_that_was_asked_for_overrides_no_color() -> None:
    stream = io.StringIO()
    make_console(stream, {"NO_COLOR": "1"}, ColorChoice.ALWAYS).print("ok", style="green")
    assert stream.getvalue() == "\x1b[32mok\x1b[0m\n"
