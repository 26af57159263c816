"""What a tool has written is told apart: a value, or text."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.actions.tool_output import as_object, command_output, one_line, script_output

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}\n', {"a": 1}),
        ("42", 42),
        ("null\n", None),
        ("plain text\n", "plain text"),
        ("two\n\n", "two\n"),
        ("dos\r\n", "dos"),
        ("", ""),
        ("log\n42\n", "log\n42"),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ('"\\ud800"', '"\\ud800"'),
        ("[" * 100_000, "[" * 100_000),
        ("1" * 5_000, "1" * 5_000),
    ],
)
def test_output_of_a_command_is_json_as_a_whole_or_text(text: str, value: Any):
    assert command_output(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('starting\n{"a": 1}\n', {"a": 1}),
        ('{"a": 1}\n{"a": 2}\n\n', {"a": 2}),
        ('{"a": 1}\nfinished\n', {"a": 1}),
        ('log [1]\n{\n  "a": [\n    1\n  ]\n}\n', {"a": [1]}),
        ('log\n[\n{"a": 1},\n{"a": 2}\n]\n', [{"a": 1}, {"a": 2}]),
        ("log\n42\n", 42),
        ("42\nlog\n", "42\nlog"),
        ('[INFO] start\n[WARN] slow\n{"a": 1}\n[INFO] end', {"a": 1}),
        ('{"a": 1} is what I found', '{"a": 1} is what I found'),
        ("3 files", "3 files"),
        ('{"a": 1', '{"a": 1'),
        ("[1,\n" * 10 + "\n[2]\nend", [2]),
        ("[" * 5_000 + '\n{"a": 1}\nend', {"a": 1}),
        ("text\n[" + "1" * 5_000 + "]\nend", "text\n[" + "1" * 5_000 + "]\nend"),
        ("", ""),
    ],
)
def test_output_of_a_script_is_its_last_json_value_or_text(text: str, value: Any):
    assert script_output(text) == value


@given(json_values, st.sampled_from([None, 2]), st.sampled_from(["", "starting\n", "[1/2] go\n"]))
def test_any_json_value_is_found_behind_a_log(value: Any, indent: int | None, log: str):
    assert script_output(log + json.dumps(value, indent=indent) + "\n") == value


@given(st.text(st.sampled_from('[]{}":,1a \n'), max_size=60))
def test_any_text_has_an_output(text: str):
    json.dumps(script_output(text))


def test_text_that_never_ends_its_values_takes_no_quadratic_time():
    text = "[1,\n" * 200_000 + "end"
    start = time.process_time()
    assert script_output(text) == text
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("line", "fields"),
    [('{"a": 1}', {"a": 1}), ("[1]", {}), ("{oops", {}), ("text", {}), ("{" * 100_000, {})],
)
def test_line_is_an_object_or_has_no_fields(line: str, fields: dict[str, Any]):
    assert as_object(line) == fields


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("one\n  two\r\n\nthree", "one two three"),
        ({"code": 3}, '{"code":3}'),
        ("x" * 3_000, "x" * 2_000 + " … [cut]"),
    ],
)
def test_reason_fits_on_one_line(reason: object, line: str):
    assert one_line(reason) == line
