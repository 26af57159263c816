import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.llm.plain_text import Block, blocks_of


def texts(text: str) -> list[str]:
    return [block.text for block in blocks_of(text) if not block.is_heading]


def headings(text: str) -> list[str]:
    return [block.text for block in blocks_of(text) if block.is_heading]


def test_wrapped_lines_are_one_paragraph_and_blank_lines_part_them() -> None:
    assert texts("One line\nand its end.\n\n  Another one.  \n") == [
        "One line and its end.",
        "Another one.",
    ]


def test_list_items_stand_alone() -> None:
    text = "It has:\n- one part that works\n  and goes on.\n* two.\n3. three.\n(4) four.\n• five."
    assert texts(text) == [
        "one part that works and goes on.",
        "two.",
        "three.",
        "four.",
        "five.",
    ]
    assert headings(text) == ["It has:"]


def test_headings_and_rows_of_tables_are_no_prose() -> None:
    text = "# Title #\nText under it.\nIntroduction\n\n| a | b |\n| --- | --- |\n| 1 |  |\n---\n=====\n"
    assert headings(text) == ["Title", "a, b", "1"]
    assert texts(text) == ["Text under it. Introduction"]
    assert headings("A Short Line\n\nThe text that follows it.") == ["A Short Line"]


def test_markup_of_markdown_is_dropped_and_its_text_kept() -> None:
    assert texts("> A **bold** `word` and [a link](https://x.org) of `__name__`.") == [
        "A bold word and a link of __name__."
    ]


def test_tags_scripts_styles_and_comments_are_not_read() -> None:
    page = (
        "<!DOCTYPE html><html><head><title>T</title></head><body><h1>Loops</h1>"
        "<script>var x = '<p>not this.</p>';</script><style>p {color: red}</style>"
        "<p class='x'>A <b>loop</b> runs &amp; ends.<!-- hidden. --></p>"
        "<ul><li>One item here.<li>Two &lt; three.</ul>Wiki<i>pedia</i> says so.<br>Next line.</body>"
    )
    assert texts(page) == [
        "A loop runs & ends.",
        "One item here.",
        "Two < three.",
        "Wikipedia says so.",
        "Next line.",
    ]
    assert headings(page) == ["Loops"]


def test_a_comparison_is_no_tag() -> None:
    assert texts("If a < b and b > c, then so be it.") == ["If a < b and b > c, then so be it."]


def test_what_opens_and_never_closes_hides_the_rest() -> None:
    assert texts("Seen before.<script>var a = 1; and all the rest.") == ["Seen before."]


def test_json_gives_its_texts_and_names_its_other_values() -> None:
    text = (
        '{"facts": ["A loop plans first.", "It ends."], "n": 3, "ok": true, "x": null, "tag": "a"}'
    )
    assert texts(text) == ["A loop plans first.", "It ends.", "n: 3", "ok: True", "tag: a"]
    assert texts('["a", 2]') == ["a", "2"]


def test_json_within_a_sentence_is_read_if_it_is_most_of_it() -> None:
    assert texts('Facts: ["One long fact to read here."] Done.') == ["One long fact to read here."]
    assert texts('The long story of an empty list, [], and of {"a": 1}.') == [
        'The long story of an empty list, [], and of {"a": 1}.'
    ]


@pytest.mark.parametrize("text", ["[broken, but it is text.", "{" * 5_000 + " and text."])
def test_what_only_looks_like_json_is_text(text: str) -> None:
    assert texts(text) == [text]


def test_json_nested_too_deep_is_cut_off() -> None:
    assert len(texts("[" * 200 + '"a text here"' + "]" * 200)) == 1


@pytest.mark.parametrize(
    "unit",
    ["<script ", "<a ", "[", "[x](", "# ", "*", "- ", "&", ".", "<!--", "|", '{"a":', "1) ", " "],
)
def test_it_takes_linear_time(unit: str) -> None:
    text = unit * (500_000 // len(unit))
    began = time.process_time()
    blocks_of(text)
    assert time.process_time() - began < 5


@given(text=st.text(alphabet=st.sampled_from('a .\n<>p/[](){}":-#|*`&;1'), max_size=200))
def test_any_text_gives_blocks_of_one_line(text: str) -> None:
    for block in blocks_of(text):
        assert isinstance(block, Block)
        assert block.text == " ".join(block.text.split())
