"""What is given to a run against what it declares."""

from typing import Any

import pytest

from cortex_cli.errors import ManifestError
from cortex_cli.manifest.inputs import DeclaredInputs
from cortex_cli.manifest.parameters import InputDeclaration


def _inputs(**declared: dict[str, Any]) -> DeclaredInputs:
    return DeclaredInputs(
        {name: InputDeclaration.model_validate(one) for name, one in declared.items()}
    )


def _refused(inputs: DeclaredInputs, given: dict[str, Any], *, strict: bool = False) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        inputs.accept(given, strict=strict)
    return [str(problem) for problem in caught.value.problems]


def test_defaults_are_filled_in_and_what_is_optional_is_null() -> None:
    inputs = _inputs(a={}, b={"default": "x"}, c={"required": False}, d={"type": "integer"})
    values, warnings = inputs.accept({"a": "1", "d": 4})
    assert values == {"a": "1", "b": "x", "c": None, "d": 4}
    assert warnings == []


def test_null_is_fine_for_what_is_optional() -> None:
    values, _ = _inputs(a={"required": False, "type": "integer"}).accept({"a": None})
    assert values == {"a": None}


def test_all_misfits_are_told_at_once() -> None:
    inputs = _inputs(
        a={"description": "What to read"}, b={"type": "integer"}, c={"enum": ["x", "y"]}, d={}
    )
    assert _refused(inputs, {"b": "3", "c": "z", "d": None}) == [
        "the input 'a' is missing; What to read",
        "the input 'b' must be an integer, not a string",
        "the input 'c' must be one of 'x', 'y', not 'z'",
        "the input 'd' must be a string, not null",
    ]


def test_what_is_not_declared_is_passed_on_with_a_warning() -> None:
    values, warnings = _inputs(page={"default": "p"}).accept({"pge": "x"})
    assert values == {"page": "p", "pge": "x"}
    assert warnings == ["there is no input 'pge'; did you mean 'page'?"]


@pytest.mark.parametrize(
    ("declared", "hint"),
    [
        ({}, "it takes no inputs"),
        ({"page": {"default": "p"}}, "did you mean 'page'?"),
        ({"a": {"default": ""}, "b": {"default": ""}}, "the inputs are a and b"),
    ],
)
def test_what_is_not_declared_is_refused_on_the_command_line(
    declared: dict[str, Any], hint: str
) -> None:
    inputs = _inputs(**declared)
    assert _refused(inputs, {"pge": "x"}, strict=True) == [f"there is no input 'pge'; {hint}"]


def test_of_many_inputs_no_list_is_made() -> None:
    inputs = _inputs(**{f"a{number}": {"default": ""} for number in range(20)})
    assert _refused(inputs, {"zzz": 1}, strict=True) == ["there is no input 'zzz'"]


def test_a_number_for_a_string_shows_how_to_quote_it() -> None:
    [line] = _refused(_inputs(version={}), {"version": 2}, strict=True)
    assert line.endswith("not an integer; quote it twice: --set 'version=\"2\"'")
    [line] = _refused(_inputs(dry={}), {"dry": True}, strict=True)
    assert line.endswith("not a boolean; quote it twice: --set 'dry=\"true\"'")


def test_a_number_that_a_calling_action_gives_is_not_said_to_be_an_option() -> None:
    [line] = _refused(_inputs(version={}), {"version": 2})
    assert line.endswith('not an integer; put it in quotes where it is written: "2"')


@pytest.mark.parametrize("strict", [True, False])
def test_what_declares_nothing_takes_anything(*, strict: bool) -> None:
    assert DeclaredInputs(None).accept({"x": [1]}, strict=strict) == ({"x": [1]}, [])
