"""How values and places are called in messages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.manifest.wording import has, listed, quoted, shown, subject, where

_DOCUMENT: dict[str, Any] = {
    "name": "a",
    "actions": [{"id": "x", "retry": {}}, {"name": "Read it"}, 5, {"id": 3}],
}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        ("x", "'x'"),
        (3, "3"),
        (1.5, "1.5"),
        ([1], "a list"),
        ((1,), "a list"),
        ({}, "a mapping"),
        ("a\x1b[2J\n\u202eb", r"'a\x1b[2J\n\u202eb'"),
    ],
)
def test_values_are_shown_on_one_line(value: object, words: str) -> None:
    assert shown(value) == words


def test_numbers_are_shown_as_they_are_written() -> None:
    assert shown(1.1, "1.10") == "1.10"


@given(st.text(max_size=200))
def test_any_text_is_quoted_short_and_printable(text: str) -> None:
    words = quoted(text)
    assert words.isprintable()
    assert len(words) <= 60 * len("\\U0010ffff") + 3


@pytest.mark.parametrize(
    ("words", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")],
)
def test_words_are_listed(words: list[str], text: str) -> None:
    assert listed(words) == text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ((), "the manifest"),
        (("name",), "'name'"),
        (("actions",), "'actions'"),
        (("actions", 0), "action 'x'"),
        (("actions", 0, "retry", "jitter"), "'retry.jitter' of action 'x'"),
        (("actions", 1, "depends_on", 2), "'depends_on[2]' of action 'Read it'"),
        (("actions", 2), "'actions[2]'"),
        (("actions", 3, "id"), "'id' of 'actions[3]'"),
        (("import", "tools", 0), "'import.tools[0]'"),
    ],
)
def test_places_are_called_by_their_action(path: tuple[str | int, ...], words: str) -> None:
    assert subject(_DOCUMENT, path) == words


def test_what_is_in_a_place_says_so() -> None:
    assert where(_DOCUMENT, ("actions", 0)) == " in action 'x'"
    assert where(_DOCUMENT, ()) == ""


@pytest.mark.parametrize(
    ("node", "step", "found"),
    [
        ({"a": None}, "a", True),
        ({"a": 1}, "b", False),
        ({"0": 1}, 0, False),
        ([1], 0, True),
        ([1], 1, False),
        ([1], -1, False),
        ([1], "0", False),
        (5, "a", False),
        (None, 0, False),
    ],
)
def test_a_step_leads_on_or_not(node: object, step: str | int, *, found: bool) -> None:
    assert has(node, step) is found
