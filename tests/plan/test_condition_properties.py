"""Conditions, held against CEL and Python on texts that nobody has thought of."""

from typing import Any

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_cli.plan.condition_text import Kind, read_tokens
from cortex_cli.plan.conditions import (
    ConditionError,
    ConditionSyntaxError,
    compile_condition,
    evaluate,
)
from cortex_cli.plan.references import MISSING, walk

CEL_TYPES = {"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"}

WORDS = ["a", "b", "steps", "int", "in", "true", "null", "_0", "__c__", "é", "\ud800"]
NUMBERS = ["0", "1", "1.5", "1u", "0x", "1e9", "9223372036854775807"]
TEXTS = ["'a'", '"b"', "r'\\'", "b'c'", '"""', "'''", "'", '"', "\\"]
MARKS = [*"..()()[]{},:?!+-*/%<", "==", "!=", "<=", ">", "&&", "||", "//", "\n", "`", "=", "&"]
PATHS = ["$a", "${a.b}", "$(a)", "$", "${", "a.b", "['k']", "[0]"]
CALLS = [".size()", ".map(", ".contains(", "size(", "has(", "string(", "type(", "duration("]
CEL_LIKE = (
    st.lists(st.sampled_from([*WORDS, *NUMBERS, *TEXTS, *MARKS, *PATHS, *CALLS]), max_size=14).map(
        " ".join
    )
    | st.text(alphabet="ab.([{}])'\"\\$!=<&|+-0rb_ \n", max_size=30)
    | st.text()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=5,
)


@settings(deadline=None, max_examples=400)
@given(text=CEL_LIKE, value=JSON | st.just(MISSING))
def test_no_text_and_no_value_raise_anything_but_the_two_errors(text: str, value: Any) -> None:
    outcome: bool | str
    try:
        condition = compile_condition(text)
        bound = {f"_{number}" for number in range(len(condition.paths))}
        assert set(condition.program.variables()) <= bound | CEL_TYPES
        outcome = evaluate(condition, lambda _, __: value)
    except ConditionSyntaxError as error:
        outcome = "" if 0 <= error.position <= len(text) else "\n"
    except ConditionError as error:
        outcome = str(error)
    assert isinstance(outcome, bool) or "\n" not in outcome


PREFIXES = st.sampled_from(["", "", "r", "R", "b", "B", "br", "bR"])
QUOTES = st.sampled_from(["'", '"', "'''", '"""'])
INNER = st.text(alphabet="a'\"\\nx0 \n(.", max_size=10)
QUOTED = st.tuples(PREFIXES, QUOTES, INNER).map(lambda of: f"{of[0]}{of[1]}{of[2]}{of[1]}")


@settings(deadline=None, max_examples=400)
@given(text=QUOTED | st.text(alphabet="rb'\"\\a\n", max_size=12))
def test_a_text_literal_is_one_for_cel_as_well(text: str) -> None:
    try:
        tokens = read_tokens(text)
    except ConditionSyntaxError:
        # Not closed, says cortex: then CEL must not find a whole expression here.
        with pytest.raises(ValueError, match="Failed to parse"):
            cel.compile(text)
        return
    if len(tokens) == 1 and tokens[0].kind is Kind.TEXT:
        try:
            variables = cel.compile(text).variables()
        except ValueError:
            variables = []
        assert variables == []


@settings(deadline=None)
@given(
    step=st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,9}", fullmatch=True),
    field=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=9),
    number=st.integers(-99, 99),
    limit=st.integers(-99, 99),
)
def test_a_generated_comparison_agrees_with_python(
    step: str, field: str, number: int, limit: int
) -> None:
    key = field.replace("\\", "\\\\").replace('"', '\\"')
    text = f'steps["{step}"]["{key}"] > {limit} || steps["{step}"]["{key}"] == {limit}'
    condition = compile_condition(text)
    assert condition.paths == (("steps", (step, field)),)
    context = {"steps": {step: {field: number}}}
    assert evaluate(condition, lambda root, path: walk(context[root], path)) is (number >= limit)
