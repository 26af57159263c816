"""Values whose dollar signs stand for themselves."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.plan.literals import literal, read_literal
from cortex_cli.plan.offered import misfits
from cortex_cli.plan.references import MISSING, resolve

TEXTS = st.text(alphabet="$a{}()._ x")
VALUES = st.recursive(
    TEXTS | st.integers() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


def nothing(root: str, path: Any) -> Any:
    message = f"{root}{path} was looked up"
    raise AssertionError(message)


def missing(_root: str, _path: Any) -> Any:
    return MISSING


@given(VALUES)
def test_a_literal_resolves_to_the_value_and_refers_to_nothing(value: Any) -> None:
    assert resolve(literal(value), nothing) == value
    assert read_literal(literal(value)) == value


def test_texts_with_references_stay_as_they_are() -> None:
    value = {"a": ["$x costs $$5", "$$5"], "b": "${"}
    assert read_literal(value) == {"a": ["$x costs $$5", "$5"], "b": "${"}
    assert resolve(literal("$x"), missing) == "$x"


def test_a_parameter_is_held_against_its_schema_as_what_it_stands_for() -> None:
    schema = {"properties": {"price": {"enum": ["$5", "${x}"]}}}
    assert misfits({"price": "$$5"}, schema) == []
    assert misfits({"price": "$${x}"}, schema) == []
    assert misfits({"price": "$x"}, schema) == []
    assert misfits({"price": "$${y}"}, schema) != []
    assert misfits({"price": "$x"}, schema, are_values=True) != []
