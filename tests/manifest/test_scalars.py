"""Plain scalars: the core schema of YAML 1.2, not YAML 1.1."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.manifest.scalars import UnusableNumberError, quoted, resolve
from tests.manifest.reading import codes_of, problems_of, scalar_of

# Section 10.3.2 of YAML 1.2.2, as it stands there.
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


TEXTS = """
no No yes on off y n nULL tRUE 2024-02-30 2024-01-01T00:00:00Z 1:30 1_000 0b11 -0x1F 0o9 0x 1e e1
. +. 1.2.3 ١٢ = -1a +x ..inf +.nan < --
"""


@pytest.mark.parametrize("text", TEXTS.split())
def test_what_only_yaml_1_1_converts_stays_text(text: str) -> None:
    assert scalar_of(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-12", -12),
        ("+7", 7),
        ("0", 0),
        ("1.10", 1.1),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1e3", -1000.0),
        ("1E+2", 100.0),
        ("1e-400", 0.0),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("False", False),
        ("FALSE", False),
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("~", None),
        ("", None),
    ],
)
def test_core_schema_converts(text: str, value: object) -> None:
    read = scalar_of(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("text", ["010", "true", "null", "~", "1.5", "", ".nan", "<<"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_what_is_quoted_is_text(text: str, quote: str) -> None:
    assert scalar_of(f"{quote}{text}{quote}") == text


def test_block_scalars_are_text() -> None:
    assert scalar_of("|\n  010\n") == "010\n"
    assert scalar_of(">-\n  true\n") == "true"


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN", ".inf", "-.Inf", "+.INF", "1e309"])
def test_a_number_that_is_not_finite_is_refused(text: str) -> None:
    [problem] = problems_of(f"a: {text}")
    assert (problem.code, problem.line, problem.column) == ("yaml_number", 1, 4)
    assert text in problem.message
    assert problem.hint == "write a finite number, or put it in quotes if it is text"


@pytest.mark.parametrize("text", ["9" * 5_000, "1." + "0" * 5_000, "0x" + "f" * 5_000])
def test_a_number_of_thousands_of_digits_is_refused(text: str) -> None:
    [problem] = problems_of(f"a: {text}")
    assert problem.code == "yaml_number"
    assert (
        problem.message == f"a number of {len(text):,} characters is longer than the 1,000 allowed"
    )


def test_a_number_of_a_thousand_digits_is_read() -> None:
    assert scalar_of("9" * 1_000) == 10**1_000 - 1


def test_every_unusable_number_of_a_file_is_told() -> None:
    assert codes_of("a: .nan\nb: [1, 1e999]") == [("yaml_number", 1, 4), ("yaml_number", 2, 8)]


@given(st.text(alphabet="0123456789+-.eExXoO_abf:~nN ", max_size=8))
def test_numbers_are_what_the_schema_says(text: str) -> None:
    try:
        value = resolve(text)
    except UnusableNumberError:
        return
    is_number = isinstance(value, int | float)
    assert is_number == bool(INTEGER.fullmatch(text) or FLOAT.fullmatch(text))
    assert isinstance(value, int) == bool(INTEGER.fullmatch(text))


def test_text_in_messages_is_one_short_line() -> None:
    assert quoted("a\nb\x1b[2J") == r"'a\nb\x1b[2J'"
    assert len(quoted("x" * 1_000)) < 50
