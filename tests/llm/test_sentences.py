import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.llm.sentences import sentences_of


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four…", ["One.", "Two!", "Three?", "Four…"]),
        ("Dr. Smith met Prof. J. Doe. They spoke.", ["Dr. Smith met Prof. J. Doe.", "They spoke."]),
        ("It costs 3.5 euros, e.g. today. Good.", ["It costs 3.5 euros, e.g. today.", "Good."]),
        (
            "See fig. 3 and no. 12. No. That is all.",
            ["See fig. 3 and no. 12.", "No.", "That is all."],
        ),
        ("On Dec. 5 it began. So do I. Then it ended.", None),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("It runs on cortex.example.org. Yes.", ["It runs on cortex.example.org.", "Yes."]),
        ("The U.S. is large. etc. and so on", ["The U.S. is large. etc. and so on"]),
        ("これは文です。次の文\uff01終わり", ["これは文です。", "次の文\uff01", "終わり"]),
        ("Wait... what? No", ["Wait... what?", "No"]),
        ("", []),
        ("A Title", ["A Title"]),
        ("# A Title\n\nAnd its text.", ["And its text."]),
        ("It ends (here.) And goes on.", ["It ends (here.)", "And goes on."]),
        ("Version 2. It is new.", ["Version 2.", "It is new."]),
        (" . Then.", [".", "Then."]),
    ],
)
def test_a_text_is_split_where_its_sentences_end(text: str, sentences: list[str] | None) -> None:
    if sentences is None:
        sentences = ["On Dec. 5 it began.", "So do I.", "Then it ended."]
    assert sentences_of(text) == sentences


def test_a_stretch_without_an_end_is_cut_into_pieces() -> None:
    words = sentences_of("word " * 1_000)
    assert all(len(piece.split()) <= 80 for piece in words)
    assert " ".join(words).split() == ["word"] * 1_000
    letters = sentences_of("x" * 5_000)
    assert all(len(piece) <= 800 for piece in letters)
    assert "".join(letters) == "x" * 5_000


@pytest.mark.no_cover
@pytest.mark.parametrize("unit", [".", ". ", "a.", "! ", '."', "a. B. ", "\u3002", "x "])
def test_it_takes_linear_time(unit: str) -> None:
    text = unit * (500_000 // len(unit))
    began = time.process_time()
    sentences_of(text)
    assert time.process_time() - began < 5


@given(words=st.lists(st.from_regex(r"[a-z]{3,8}", fullmatch=True), min_size=9, max_size=60))
def test_nothing_of_a_paragraph_is_lost(words: list[str]) -> None:
    text = " ".join(
        f"{word.capitalize()}." if place % 4 == 3 else word for place, word in enumerate(words)
    )
    assert " ".join(sentences_of(text)) == text
