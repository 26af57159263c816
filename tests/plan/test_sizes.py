"""The bound on what references put together."""

from typing import Any

import pytest

from cortex_cli.errors import ActionError
from cortex_cli.plan.references import Lookup, resolve
from cortex_cli.plan.sizes import LARGEST, Room


def _gives(value: Any) -> Lookup:
    return lambda _root, _path: value


@pytest.mark.parametrize(
    "template",
    [
        "$(prev)$(prev)",
        "a $(prev), b $(prev)",
        ["$(prev)", "$(prev)"],
        {"a": "$(prev)", "b": {"c": ["$(prev)"]}},
    ],
)
def test_what_doubles_at_each_step_is_refused_in_time(template: Any) -> None:
    def doubled() -> None:
        value: Any = "ten digits"
        for _ in range(30):
            value = resolve(template, _gives(value))

    with pytest.raises(ActionError, match="larger than 16 MiB") as raised:
        doubled()
    assert raised.value.error_type == "too_large"
    assert not raised.value.retryable


def test_a_part_of_a_part_counts_each_time_it_occurs() -> None:
    value: Any = []
    for _ in range(60):
        value = [value, {"again": value}]
    with pytest.raises(ActionError, match="larger than 16 MiB"):
        resolve("$x", _gives(value))
    with pytest.raises(ActionError, match="larger than 16 MiB"):
        resolve("all of $x", _gives(value))


@pytest.mark.parametrize(
    "value",
    ["x" * LARGEST, {"text": "x" * LARGEST}, ["é" * (LARGEST // 2)]],
    ids=["text", "field", "wide"],
)
def test_the_largest_output_can_be_passed_on_once(value: Any) -> None:
    assert resolve({"v": "$x"}, _gives(value)) == {"v": value}
    with pytest.raises(ActionError, match="larger than 16 MiB"):
        resolve({"v": "$x", "w": "$x"}, _gives(value))


@pytest.mark.parametrize("value", ["x" * 2 * LARGEST, ["x" * 2 * LARGEST]], ids=["text", "list"])
def test_a_value_without_a_reference_is_not_measured(value: Any) -> None:
    assert resolve(value, _gives(None)) is value


@pytest.mark.parametrize("value", [1 << (4 * LARGEST), [1.5] * 9_000_000], ids=["one", "many"])
def test_large_numbers_and_many_small_ones_count_too(value: Any) -> None:
    with pytest.raises(ActionError, match="larger than 16 MiB"):
        resolve(["$x"], _gives(value))


def test_many_parts_count_although_each_is_small() -> None:
    with pytest.raises(ActionError, match="larger than 16 MiB"):
        resolve("$x", _gives([["text" * 1024] * 64] * 100))


def test_no_depth_is_too_much() -> None:
    value: Any = None
    for _ in range(100_000):
        value = [value]
    assert resolve("$x", _gives(value)) is value


def test_a_value_that_holds_itself_ends_the_count() -> None:
    value: list[Any] = ["\ud800"]
    value.append(value)
    Room().take(value)
    with pytest.raises(ActionError, match="cannot be written as JSON"):
        resolve("all of $x", _gives(value))
