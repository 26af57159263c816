"""Reading is total, and JSON is YAML."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cortex_cli.errors import ManifestError, Problem
from cortex_cli.manifest.yaml_reader import read_document

# What YAML 1.2 lets stand in a file as it is; the rest is written as escapes.
PRINTABLE = st.characters(
    exclude_categories=["Cs", "Cc"], exclude_characters="\x7f\x85\u2028\u2029\ufeff\ufffe\uffff"
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(PRINTABLE | st.sampled_from("\t\n\r\0\x1f"))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(PRINTABLE), inner),
    max_leaves=30,
)
# What YAML is made of; an underscore stands for a space.
SYNTAX = (
    r"a b:_ -_ ?_ :_ [ ] { } , &x_ *x !t_ !!str_ | > ' \" \ \ud800 # %TAG @ <<:_ --- ... ~ 1 .nan"
)
FRAGMENTS = st.sampled_from(
    [*SYNTAX.replace("_", " ").split(" "), *"\n\t\r \ufeff\u2028\0é😀", "\n  ", "---\n", ": "]
)


def read_or_refuse(content: bytes) -> None:
    """Read content, and hold the problems, if it is refused, against what they promise."""
    for markdown in (False, True):
        problems: tuple[Problem, ...] = ()
        try:
            document = read_document(content, "f", markdown=markdown)
            assert document.locate(()) >= (1, 1)
        except ManifestError as refusal:
            problems = refusal.problems
        for problem in problems:
            assert min(problem.line or 0, problem.column or 0) >= 1
            assert str(problem).isprintable()


@given(st.text(), st.sampled_from(["", "a: ", "---\n"]))
def test_any_text_is_read_or_refused(text: str, begin: str) -> None:
    read_or_refuse((begin + text).encode(errors="surrogatepass"))


@given(st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read_or_refuse(content)


@given(st.lists(FRAGMENTS, max_size=30).map("".join))
@example("a: &x [*x, &x 1, *x]")
@example("? &x [a]\n: *x")
def test_any_mixture_of_syntax_is_read_or_refused(text: str) -> None:
    read_or_refuse(text.encode())


@pytest.mark.no_cover
@given(st.dictionaries(st.text(PRINTABLE), VALUES), st.sampled_from([None, 2, "\t"]))
def test_json_gives_the_same_values(value: dict[str, Any], indent: int | str | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    read = read_document(text.encode(), "f").value
    assert read == value
    assert json.dumps(read, ensure_ascii=False, indent=indent) == text


@given(st.dictionaries(st.text("abc"), st.text(st.characters(max_codepoint=0xD7FF))))
def test_json_in_ascii_gives_the_same_texts(value: dict[str, str]) -> None:
    text = json.dumps(value).replace("\x7f", "\\u007f")
    assert read_document(text.encode(), "f").value == value
