"""Places: the line and column of every value, and how numbers were written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.manifest.document import Limits
from tests.manifest.reading import document_of

AGENT = """\
kind: Agent
actions:
  - id: fetch
    parameters: {url: "x", depth: 3}
    depends_on: [a,
      b]
  -
    id: sum
    text: |
      one
      two
empty: []
"""


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), (1, 1), (1, 1)),
        (("kind",), (1, 7), (1, 1)),
        (("actions",), (3, 3), (2, 1)),
        (("actions", 0), (3, 5), (3, 5)),
        (("actions", 0, "id"), (3, 9), (3, 5)),
        (("actions", 0, "parameters"), (4, 17), (4, 5)),
        (("actions", 0, "parameters", "depth"), (4, 35), (4, 28)),
        (("actions", 0, "depends_on", 1), (6, 7), (6, 7)),
        (("actions", 1), (8, 5), (8, 5)),
        (("actions", 1, "text"), (9, 11), (9, 5)),
        (("empty",), (12, 8), (12, 1)),
    ],
)
def test_values_and_keys_are_located(
    path: tuple[str | int, ...], value: tuple[int, int], key: tuple[int, int]
) -> None:
    document = document_of(AGENT)
    assert document.locate(path) == value
    assert document.locate(path, key=True) == key


@pytest.mark.parametrize(
    ("path", "ancestor"),
    [
        (("missing",), ()),
        (("actions", 7), ("actions",)),
        (("actions", -1), ("actions",)),
        (("actions", "id"), ("actions",)),
        ((0,), ()),
        (("actions", 0, "target"), ("actions", 0)),
        (("actions", 0, "id", "x", 1), ("actions", 0, "id")),
        (("empty", 0), ("empty",)),
    ],
)
@pytest.mark.parametrize("key", [False, True])
def test_a_path_beyond_the_document_has_the_place_of_its_deepest_value(
    path: tuple[str | int, ...], ancestor: tuple[str | int, ...], *, key: bool
) -> None:
    document = document_of(AGENT)
    assert document.locate(path, key=key) == document.locate(ancestor)


def test_places_are_those_of_the_file_after_a_byte_order_mark_and_with_crlf() -> None:
    document = document_of("\ufeffa: 1\r\n\r\nb:\r\n  c: ü\r\n  d: 2\r\n")
    assert document.locate(("a",)) == (1, 4)
    assert document.locate(("b", "d"), key=True) == (5, 3)


def test_columns_count_characters() -> None:
    assert document_of("{ü: 😀, b: x}").locate(("b",)) == (1, 11)


def test_large_mappings_are_located_like_small_ones() -> None:
    document = document_of("".join(f"key_{number}: {number}\n" for number in range(200)))
    lines = [document.locate((f"key_{number}",)) for number in range(200)]
    assert lines == [(number + 1, len(f"key_{number}: ") + 1) for number in range(200)]


def test_an_alias_is_where_it_stands_and_its_parts_where_they_were_written() -> None:
    document = document_of("a: &x\n  b: 1.50\nc: *x\nd: &y 1.00\ne: [*y]\n")
    assert document.locate(("c",)) == (3, 4)
    assert document.locate(("c", "b")) == (2, 6)
    assert document.raw(("c", "b")) == "1.50"
    assert document.raw(("e", 0)) == "1.00"


@pytest.mark.parametrize(
    "source", ["1.10", "010", "0x1F", "+1", "1e3", "7", "-2.5", "1_0e", "true", "null", '"1.0"']
)
def test_raw_is_how_a_number_is_written(source: str) -> None:
    document = document_of(f"a: [{source}]")
    is_number = isinstance(document.value["a"][0], float) or source in {"010", "0x1F", "+1", "7"}
    assert document.raw(("a", 0)) == (source if is_number else None)


@pytest.mark.parametrize("path", [(), ("a",), ("a", 5), ("a", 0, 1), ("b",)])
def test_there_is_no_raw_number_where_there_is_no_number(path: tuple[str | int, ...]) -> None:
    assert document_of("a: [1]").raw(path) is None


def test_a_small_file_may_write_down_fifty_thousand_values_and_a_large_one_three_million() -> None:
    assert Limits().most_values(0) == 50_000
    assert Limits().most_values(1_000_000) == 250_000
    assert Limits().most_values(2**30) == 3_000_000
    assert Limits(max_nodes=10).most_values(1_000_000) == 10


JSON = st.recursive(
    st.integers(-9, 9) | st.booleans() | st.text("abc", max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abc", max_size=3), JSON, min_size=1), st.sampled_from([None, 2]))
def test_every_value_is_found_at_its_place(value: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    document = document_of(text)
    lines = text.split("\n")
    for path, expected in _walk(value):
        for key in (False, True):
            line, column = document.locate(path, key=key)
            start = lines[line - 1][column - 1 :]
            written = path[-1] if key and path and isinstance(path[-1], str) else expected
            assert start.startswith(json.dumps(written)[:1])


def _walk(value: Any) -> list[tuple[tuple[str | int, ...], Any]]:
    found: list[tuple[tuple[str | int, ...], Any]] = []
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while waiting:
        path, current = waiting.pop()
        found.append((path, current))
        if isinstance(current, dict):
            waiting.extend(((*path, key), item) for key, item in current.items())
        elif isinstance(current, list):
            waiting.extend(((*path, index), item) for index, item in enumerate(current))
    return found
