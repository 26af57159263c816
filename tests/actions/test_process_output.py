"""What a child writes is kept within bounds, and split into lines."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.actions.process_output import KeptBytes, ProgressLines
from cortex_cli.engine.masking import Masker

chunked = st.lists(st.binary(max_size=40), max_size=30)


def lines_of(*chunks: bytes, longest: int = 100, most: int = 100) -> list[str]:
    heard: list[str] = []
    lines = ProgressLines(heard.append, longest=longest, most=most)
    for chunk in chunks:
        lines.feed(chunk)
    lines.finish()
    return heard


@given(chunked)
def test_short_output_is_kept_as_it_is(chunks: list[bytes]):
    kept = KeptBytes(2_000)
    for chunk in chunks:
        kept.feed(chunk)
    assert kept.value() == b"".join(chunks)
    assert not kept.is_cut


@given(chunked)
def test_long_output_keeps_its_beginning_and_its_end(chunks: list[bytes]):
    kept = KeptBytes(32)
    for chunk in chunks:
        kept.feed(chunk)
    whole = b"".join(chunks)
    assert kept.size == len(whole)
    assert kept.is_cut == (len(whole) > 32)
    if kept.is_cut:
        mark = f"\n… [{len(whole) - 32:,} bytes cut] …\n".encode()
        assert kept.value() == whole[:30] + mark + whole[-2:]


def test_a_cut_leaves_no_part_of_a_secret():
    secret = "sk-Ab12_Cd34"
    for before in range(40):
        kept = KeptBytes(6_400, Masker([secret]))
        kept.feed(b"." * (5_980 + before) + secret.encode() + b"." * 20_000)
        kept.feed(secret[6:].encode() + b"." * 394)
        shown = kept.value().decode()
        assert "sk-A" not in shown
        assert "Cd34" not in shown
        assert "bytes cut" in shown


def test_endless_output_takes_no_more_memory_than_the_limit():
    kept = KeptBytes(1_600)
    for _ in range(1_000):
        kept.feed(b"x" * 1_000)
    assert kept.size == 1_000_000
    assert len(kept._head) + len(kept._tail) <= 2 * 1_600


def test_line_ends_at_a_line_feed_or_a_carriage_return():
    assert lines_of(b"one\ntwo\r", b"\nthree\r50 %\r") == ["one", "two", "three", "50 %"]


def test_blank_lines_are_left_out_and_indentation_is_kept():
    assert lines_of(b"\n  \n  deep  \n\n") == ["  deep"]


def test_last_line_needs_no_end():
    assert lines_of(b"one\ntw", b"o") == ["one", "two"]


def test_half_a_character_waits_for_its_other_half():
    assert lines_of(*(bytes([byte]) for byte in "é€😀\n".encode())) == ["é€😀"]


def test_what_is_not_utf_8_is_replaced():
    assert lines_of(b"caf\xe9!\n", b"\xf0\x9f") == ["caf\N{REPLACEMENT CHARACTER}!", "\ufffd"]


@given(st.lists(st.integers(0, 2_000)), st.text(alphabet="aé€😀\n\r ", max_size=500))
def test_lines_do_not_depend_on_how_the_stream_is_cut(cuts: list[int], text: str):
    stream = text.encode()
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert lines_of(*pieces) == lines_of(stream)


def test_long_line_is_cut_with_a_mark():
    assert lines_of(b"x" * 10 + b"\n", longest=10) == ["x" * 10]
    assert lines_of(b"x" * 6, b"x" * 6 + b"\nnext", longest=10) == ["x" * 10 + " … [cut]", "next"]


def test_lines_past_the_limit_are_not_passed_on():
    mark = "… [further lines on standard error are not shown]"
    assert lines_of(b"a\nb\n", b"c\nd\n", b"e", most=3) == ["a", "b", "c", mark]


def test_last_line_is_known_past_the_limit():
    lines = ProgressLines([].append, longest=10, most=1)
    lines.feed(b"a\nb\n")
    lines.feed(b"the reason for it\n\n")
    assert lines.last_line() == "the reason" + " … [cut]"


@pytest.mark.parametrize("stream", [b"", b"\n \r\n"])
def test_stream_without_text_has_no_last_line(stream: bytes):
    lines = ProgressLines([].append, longest=10, most=1)
    lines.feed(stream)
    assert lines.last_line() == ""


def test_tail_is_the_end_of_the_stream():
    lines = ProgressLines([].append, longest=10, most=1)
    for _ in range(100):
        lines.feed(b"x" * 1_000)
    lines.feed(b"end")
    assert len(lines.tail()) == 16 * 1024
    assert lines.tail().endswith("xend")
