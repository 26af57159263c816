"""What does not fit into a prompt is shortened, the oldest first, and says so."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.llm.excerpts import Entry, bounded, cut
from cortex_cli.protocol.sealed import Sealed


def entry(number: int, value: Any) -> Entry:
    about = {"action": {"id": f"a{number}", "parameters": {"x": "y" * 50}}}
    return Entry(about, {"id": f"a{number}"}, "output", value)


def test_what_fits_stays_whole() -> None:
    lines = bounded([entry(1, {"b": [1, None]}), entry(2, "c")], 1_000)
    assert [json.loads(line)["output"] for line in lines] == [{"b": [1, None]}, "c"]
    assert bounded([], 10) == []


def test_the_oldest_are_shortened_first_with_a_mark_and_their_length() -> None:
    lines = bounded([entry(number, "x" * 2_000) for number in (1, 2, 3)], 5_000)
    first, second, third = map(json.loads, lines)
    assert first["output"].endswith("… (shortened: it has 2,000 characters)")
    assert set(first) == {"id", "output"}
    assert len(second["output"]) == len(third["output"]) == 2_000
    assert sum(map(len, lines)) < 5_100


def test_where_that_is_not_enough_the_oldest_are_left_out_and_counted() -> None:
    lines = bounded([entry(number, "x" * 5_000) for number in range(50)], 3_000)
    left_out = int(json.loads(lines[0])["left_out"].split()[1])
    assert left_out + len(lines) - 1 == 50
    assert json.loads(lines[-1])["id"] == "a49"
    assert sum(map(len, lines)) < 3_300


def test_the_last_one_stays_however_long_it_is() -> None:
    [line] = bounded([entry(1, {"text": "x" * 10_000})], 10)
    assert json.loads(line)["output"].startswith('{"text":"xxx')
    assert len(line) < 400


def test_nothing_grows_by_being_shortened() -> None:
    tiny = [Entry({}, {"id": "a1"}, "output", "x"), Entry({}, {"id": "a2"}, "output", "y")]
    assert bounded(tiny, 20) == ['{"left_out":"the 1 oldest"}', '{"output":"y"}']


def test_a_secret_shows_its_mask() -> None:
    [line] = bounded([entry(1, [Sealed("***", "sk-0123456789")])], 1_000)
    assert json.loads(line)["output"] == ["***"]
    [line] = bounded([entry(1, Sealed("***", "sk-0123456789" * 100))], 10)
    assert json.loads(line)["output"] == "***"


def test_a_text_is_cut_only_if_it_is_too_long() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "abc… (shortened: it has 4 characters)"


@given(st.lists(st.text(max_size=400), max_size=12), st.integers(0, 3_000))
def test_every_line_is_json_and_the_order_is_kept(texts: list[str], room: int) -> None:
    lines = bounded([entry(number, text) for number, text in enumerate(texts)], room)
    found = [json.loads(line) for line in lines]
    ids = [one.get("id") or one["action"]["id"] for one in found if "left_out" not in one]
    expected = [f"a{number}" for number in range(len(texts))]
    assert ids == expected[len(expected) - len(ids) :]
    assert (len(ids) < len(texts)) == any("left_out" in one for one in found)
