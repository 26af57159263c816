"""Mistakes of syntax: the place to look at, a sentence without jargon, and the way out."""

import pytest
from yaml.error import MarkedYAMLError

from cortex_cli.manifest.syntax import problem_of
from tests.manifest.reading import FILE, problems_of

TABS = ["a:\n\tb: 1", "a:\n  b: 1\n\tc: 2", "a:\n  - x\n\t- y", "a: |\n\tx", "a: 'x'\n\tb: 1"]


@pytest.mark.parametrize("text", TABS)
def test_a_tab_that_indents_is_told_with_line_and_column(text: str) -> None:
    [problem] = problems_of(text)
    before = text[: text.index("\t")]
    assert (problem.code, problem.line, problem.column) == (
        "yaml_syntax",
        before.count("\n") + 1,
        1,
    )
    assert problem.message == "a tab stands where only spaces may indent"
    assert problem.hint == "indent with spaces"


def test_a_tab_after_spaces_is_told_at_the_tab() -> None:
    [problem] = problems_of("ü:\n  b: x\n  \tc: y\n")
    assert (problem.line, problem.column) == (3, 3)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: b: c", (1, 5), "a ':' is not expected here"),
        ("a: ? b", (1, 4), "a '?' is not expected here"),
        ("a: - b", (1, 4), "a '-' is not expected here"),
        ("a\nb: 1", (2, 2), "a ':' is not expected here"),
        ("a: x\nkey value\nc: 1", (3, 1), "the key before this has no ':'"),
        ("a: 'it's'", (1, 8), "a key is expected here"),
        ("a:\n  - b\n  c: 1", (3, 3), "a '-' is expected here, as the items above begin with one"),
        ("a: [b: c: d]", (1, 9), "a ',' or ']' is expected here"),
        (
            "a: [b,\nc: d\n",
            (3, 1),
            "a ',' or ']' is expected here, as the '[' on line 1 is still open",
        ),
        (
            "a: {b: 1\nc: 2",
            (2, 2),
            "a ',' or '}' is expected here, as the '{' on line 1 is still open",
        ),
        ("a: ]", (1, 4), "a value is expected here"),
        ("a: *.txt", (1, 5), "after '*' or '&' the name of an alias is expected"),
        ("  a: 1\nb: 2", (2, 1), "this does not belong to the mapping that the file begins with"),
        ("a: | text", (1, 6), "the line should end here"),
        ("a: @b", (1, 4), "a value cannot begin with this character"),
        ("a: `b`", (1, 4), "a value cannot begin with this character"),
        (r'a: "C:\dir"', (1, 7), "this escape means nothing within double quotes"),
        (r'a: "\xZZ"', (1, 7), "this escape lacks hexadecimal digits"),
        (r'a: "\ud800"', (1, 7), "this escape stands for half a character, or for none"),
        (r'a: "\U00110000"', (1, 7), "this escape stands for half a character, or for none"),
        ("a: 1\nb: 'x\nc: 2", (2, 4), "the quote that opens here is not closed"),
        ('a: "x\n---\ny"', (1, 4), "the quote that opens here is not closed"),
        ("%YAML 2.0\n---\na: 1", (1, 1), "only YAML 1.1 and 1.2 can be read"),
        ("%FOO\n---\na: 1", (1, 5), "found unknown directive name"),
    ],
)
def test_a_mistake_is_told_in_plain_words(text: str, place: tuple[int, int], message: str) -> None:
    [problem] = problems_of(text)
    assert (problem.code, problem.message) == ("yaml_syntax", message)
    assert (problem.line, problem.column) == place


@pytest.mark.parametrize("text", ["a: !x!y b", "a: !<x b", "a: !%zz b"])
def test_a_tag_that_is_none_is_still_a_tag(text: str) -> None:
    [problem] = problems_of(text)
    assert (problem.code, problem.message) == ("yaml_tag", "a tag is not allowed")
    assert problem.hint == "put the text in quotes if it begins with '!'"


def test_a_key_longer_than_the_parser_allows_is_refused() -> None:
    [problem] = problems_of(f"{'k' * 1_025}: 1")
    assert problem.code == "yaml_syntax"


def test_what_came_before_a_mistake_is_told_too() -> None:
    duplicate, syntax = problems_of("a: 1\na: 2\nb: [\n")
    assert (duplicate.code, syntax.code) == ("yaml_duplicate_key", "yaml_syntax")


def test_an_objection_without_words_or_place_is_a_problem_of_the_file() -> None:
    problem = problem_of(MarkedYAMLError(), "", FILE)
    assert (problem.code, problem.message) == ("yaml_syntax", "this is not YAML")
    assert (problem.file, problem.line, problem.column) == (FILE, None, None)
