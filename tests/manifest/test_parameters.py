"""Declared values: what fits them, and what is said of what does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cortex_cli.manifest.parameters import (
    InputDeclaration,
    ToolParameter,
    Validation,
    ValueDeclaration,
    name_of_type,
)
from cortex_cli.manifest.tool_models import memory_size

_OF_TYPE: dict[str, list[Any]] = {
    "string": ["", "no", "$x"],
    "integer": [0, -3, 10**30],
    "number": [-1.5, 2.0],
    "boolean": [True, False],
    "array": [[], [1]],
    "object": [{}, {"a": 1}],
}


@pytest.mark.parametrize("type_name", _OF_TYPE)
def test_values_of_a_type_fit_it_and_no_other(type_name: str) -> None:
    declared = ValueDeclaration.model_validate({"type": type_name})
    for other, values in _OF_TYPE.items():
        is_fine = other == type_name or (type_name, other) == ("number", "integer")
        for value in values:
            assert (declared.misfit(value) is None) is is_fine
    assert declared.misfit(None) is not None
    assert declared.misfit(float("nan")) is not None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "an integer"),
        (1.0, "a number"),
        ("x", "a string"),
        ([], "an array"),
        ((), "an array"),
        ({}, "an object"),
    ],
)
def test_types_are_named_with_their_article(value: object, name: str) -> None:
    assert name_of_type(value) == name


@pytest.mark.parametrize(
    ("declared", "value", "misfit"),
    [
        ({"type": "string"}, 3, "must be a string, not an integer"),
        ({"type": "boolean"}, "yes", "must be true or false, not a string"),
        ({"enum": ["a", "b"]}, "c", "must be one of 'a', 'b', not 'c'"),
        (
            {"validation": {"min_length": 2}},
            "a",
            "must have a length of at least 2, not 1",
        ),
        (
            {"type": "array", "validation": {"max_length": 1}},
            [1, 2],
            "must have a length of at most 1, not 2",
        ),
        ({"validation": {"pattern": "^u_"}}, "x", "must match the pattern ^u_"),
        ({"type": "integer", "validation": {"min": 1}}, 0, "must be at least 1, not 0"),
        ({"type": "number", "validation": {"maximum": 1.5}}, 2, "must be at most 1.5, not 2"),
        ({"type": "boolean", "validation": {"min": 1}}, False, None),
        ({"type": "object", "validation": {"min_length": 1}}, {}, None),
        ({"type": "integer", "validation": {"min": 1, "max": 3}}, 2, None),
        ({"validation": {"min_length": 1, "max_length": 3, "pattern": "b"}}, "abc", None),
    ],
)
def test_a_value_out_of_bounds_is_a_misfit(
    declared: dict[str, Any], value: object, misfit: str | None
) -> None:
    assert ValueDeclaration.model_validate(declared).misfit(value) == misfit


@pytest.mark.parametrize(
    ("declared", "is_required"),
    [
        ({}, True),
        ({"required": True}, True),
        ({"required": False}, False),
        ({"default": "x"}, False),
        ({"default": None}, False),
        ({"required": True, "default": "x"}, False),
    ],
)
def test_an_input_is_required_unless_it_says_otherwise(
    declared: dict[str, Any], *, is_required: bool
) -> None:
    assert InputDeclaration.model_validate(declared).is_required is is_required


@pytest.mark.parametrize(
    ("declared", "is_required"),
    [({}, False), ({"required": True}, True), ({"required": True, "default": "x"}, False)],
)
def test_a_parameter_of_a_tool_is_required_only_if_it_says_so(
    declared: dict[str, Any], *, is_required: bool
) -> None:
    assert ToolParameter.model_validate({"name": "n", **declared}).is_required is is_required


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"default": 3}, "the 'default' must be a string, not an integer"),
        ({"type": "integer", "enum": [1, "b"]}, "'enum' holds a string, which no integer is"),
        ({"enum": ["a"], "default": "b"}, "the 'default' must be one of 'a', not 'b'"),
        (
            {"validation": {"min": 2, "max": 1.5}},
            "no value is allowed: 'minimum' is 2, and 'maximum' 1.5",
        ),
        (
            {"validation": {"min_length": 3_000_000, "max_length": 1}},
            "no value is allowed: 'min_length' is 3000000, and 'max_length' 1",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_an_error(
    declared: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        ValueDeclaration.model_validate(declared)


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "(" * 2_000 + ")" * 2_000])
def test_a_pattern_that_is_none_is_an_error(pattern: str) -> None:
    with pytest.raises(ValidationError, match="must be a regular expression"):
        ValueDeclaration.model_validate({"validation": {"pattern": pattern}})


def test_a_pattern_may_be_left_open() -> None:
    assert Validation.model_validate({"pattern": None}).misfit("x") is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256MB", 256 * 1024**2),
        ("512M", 512 * 1024**2),
        ("1.5Gi", 1536 * 1024**2),
        ("2 gb", 2 * 1024**3),
        ("100", 100),
        (101, 101),
        ("1KiB", 1024),
        ("0", 0),
        ("lots", None),
        ("-5M", None),
        ("5X", None),
        ("", None),
    ],
)
def test_sizes_are_read_in_powers_of_1024(text: str | int, size: int | None) -> None:
    assert memory_size(text) == size


@given(st.text(max_size=20))
def test_any_text_is_a_size_or_none(text: str) -> None:
    size = memory_size(text)
    assert size is None or size >= 0
