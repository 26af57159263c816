import json
import sys
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cortex_cli.ui.sanitise import fit, in_ascii, pad, safe_line, safe_text

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "blns.json"
ODD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("a1é\n\r\t\x1b\x07\u202e\u200d\ufe0f\u20e3\u0301\u0489\U000e0041😀\ud800 "),
    )
)
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b]8;;http://x\x1b\\link", "\\x1b]8;;http://x\\x1b\\link"),
        ("\x9b31m", "\\x9b31m"),
        ("50 %\r100 %", "50 %\\r100 %".replace("\\r", "\\x0d")),
        ("a\x7f\x00", "a\\x7f\\x00"),
        ("one\ntwo\n", "one\\ntwo"),
        ("dos\r\n", "dos"),
        ("a\tb", "a    b"),
        ("user\u202egpj.exe", "user\\u202egpj.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("soft\xadhyphen", "soft\\xadhyphen"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("tag\U000e0041", "tag\\u{e0041}"),
        ("half \ud83d", "half \\ud83d"),
        ("filler\u3164\uffa0", "filler\\u3164\\uffa0"),
        ("never\uffff", "never\\uffff"),
        ("[/INST] [bold]x[/] :smile:", "[/INST] [bold]x[/] :smile:"),
        ("naïve 日本語 한국어 العربية עברית", "naïve 日本語 한국어 العربية עברית"),
        ("😀 \U0001f1e9\U0001f1ea ½ ✓ \ue0b0", "😀 \U0001f1e9\U0001f1ea ½ ✓ \ue0b0"),
    ],
)
def test_what_steers_a_terminal_or_hides_becomes_a_visible_escape(text: str, shown: str) -> None:
    assert safe_line(text) == shown


def test_every_hidden_character_of_unicode_is_escaped() -> None:
    missed = [
        hex(point)
        for point in range(sys.maxunicode + 1)
        if category(chr(point)) in HIDDEN
        and chr(point) not in "\t\n\r"
        and chr(point) in safe_line(f"a{chr(point)}b")
    ]
    assert missed == []


def test_every_visible_letter_and_symbol_stays() -> None:
    lost = [
        hex(point)
        for point in range(sys.maxunicode + 1)
        if category(chr(point)) in {"Lu", "Ll", "Lt", "Nd", "Nl", "Sm", "Sc", "So", "Po", "Pd"}
        and safe_line(f"a{chr(point)}b") != f"a{chr(point)}b"
    ]
    assert lost == []


def test_one_selector_stays_after_what_can_have_it() -> None:
    assert safe_line("❤\ufe0f 1\ufe0f\u20e3") == "❤\ufe0f 1\ufe0f\u20e3"
    assert safe_line("a\ufe0f") == "a\\ufe0f"
    assert safe_line("\ufe0f") == "\\ufe0f"
    assert safe_line("❤\ufe0f\ufe0f\U000e0100") == "❤\ufe0f\\ufe0f\\u{e0100}"


def test_marks_are_cut_to_a_few_and_counted() -> None:
    zalgo = "o" + "\u0301" * 1_000 + "k"
    assert safe_line(zalgo) == "o" + "\u0301" * 4 + "…(+996 marks)k"
    assert safe_line("e\u0301e\u0323\u0302") == "e\u0301e\u0323\u0302"


def test_a_mark_with_nothing_to_sit_on_is_escaped() -> None:
    assert safe_text("\u0301a\n\u0301") == "\\u0301a\n\\u0301"
    assert safe_line("\x1b\u0301") == "\\x1b\\u0301"


def test_text_keeps_its_lines() -> None:
    assert safe_text("one\r\ntwo\n\tthree\rfour\x1b[0m") == "one\ntwo\n    three\\x0dfour\\x1b[0m"


def test_a_long_line_is_cut_with_the_number_of_characters_that_are_missing() -> None:
    assert safe_line("x" * 1_000_000, 60) == "x" * 35 + "… (+999,965 characters)"
    assert safe_text("y" * 50, 40) == "y" * 22 + "… (+28 characters)"
    assert safe_line("z" * 60, 60) == "z" * 60


def test_a_cut_never_leaves_a_selector_that_lost_its_keycap() -> None:
    assert safe_line("x" * 20 + "1\ufe0f\u20e3" * 20, 40) == ("x" * 20 + "1… (+59 characters)")


@given(ODD, st.integers(40, 60))
def test_making_text_safe_twice_changes_nothing_more(text: str, limit: int) -> None:
    line = safe_line(text, limit)
    assert safe_line(line, limit) == line
    assert len(line) <= limit
    lines = safe_text(text, limit)
    assert safe_text(lines, limit) == lines
    assert len(lines) <= limit


@given(ODD)
def test_safe_text_holds_nothing_hidden(text: str) -> None:
    assert not {category(character) for character in safe_line(text)} & HIDDEN
    assert not {category(character) for character in safe_text(text).replace("\n", "")} & HIDDEN
    safe_line(text).encode()


@given(ODD, st.integers(0, 30))
def test_fitted_text_takes_no_more_columns_than_it_may(text: str, cells: int) -> None:
    safe = safe_line(text)
    assert cell_len(fit(safe, cells)) <= cells
    assert cell_len(pad(safe, cells)) == cells
    assert cell_len(fit(safe, cells, "...")) <= cells


def test_fitted_text_shows_its_cut() -> None:
    assert fit("fetch_arxiv", 11) == "fetch_arxiv"
    assert fit("fetch_arxiv", 8) == "fetch_a…"
    assert fit("日本語日本語", 6) == "日本…"
    assert pad("日本語日本語", 6) == "日本… "
    assert fit("long word here", 6) == "long…"
    assert (fit("abc", 1), fit("abc", 0), fit("abc", 2, "...")) == ("…", "", "..")


def test_ascii_text_escapes_what_the_stream_cannot_encode() -> None:
    assert in_ascii("plain") == "plain"
    assert in_ascii("naïve 日本 😀") == "na\\xefve \\u65e5\\u672c \\u{1f600}"


def test_a_megabyte_of_controls_is_shown_quickly() -> None:
    assert len(safe_line("\x1b" * 1_000_000)) <= 2_000
    assert len(safe_text("\x1b" * 1_000_000)) <= 1_000_000


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the list of naughty strings is not here")
def test_naughty_strings_are_shown_safely() -> None:
    strings: list[str] = json.loads(NAUGHTY.read_text("utf-8"))
    for text in strings:
        line = safe_line(text)
        assert "\n" not in line
        assert not {category(character) for character in line} & HIDDEN
        assert in_ascii(line).isascii()
        assert safe_line(line) == line
