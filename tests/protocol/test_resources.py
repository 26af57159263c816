"""Pools and rates, as people write them."""

import pytest

from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.protocol.resources import Rate, parse_resource, within


@pytest.mark.parametrize(
    ("written", "resource"),
    [
        (1, 1.0),
        (2.5, 2.5),
        ("60/min", Rate(60, 60)),
        ("5/s", Rate(5, 1)),
        ("5 / second", Rate(5, 1)),
        ("100/2h", Rate(100, 7200)),
        ("3 per minute", Rate(3, 60)),
        ("10/30 secs", Rate(10, 30)),
        ("7/day", Rate(7, 86_400)),
    ],
)
def test_a_number_is_a_pool_and_a_text_a_rate(written: float | str, resource: object) -> None:
    assert parse_resource(written) == resource


@pytest.mark.parametrize(
    "written", ["many", "60", "60/fortnight", "1.5/s", "0/s", "5/0s", "", 0, -1, 10_000_000]
)
def test_what_is_neither_is_refused(written: float | str) -> None:
    with pytest.raises(ValueError, match=r"rate|units"):
        parse_resource(written)


def test_a_protocol_gives_its_resources_parsed_and_refuses_what_is_none() -> None:
    protocol = AgentLoopProtocol.model_validate({"resources": {"gpu": 1, "llm": "60/min"}})
    assert protocol.shared == {"gpu": 1.0, "llm": Rate(60, 60)}
    with pytest.raises(ValueError, match="is no rate"):
        AgentLoopProtocol.model_validate({"resources": {"llm": "often"}})


def test_of_one_name_the_run_with_fewer_units_decides() -> None:
    outer = {"a": 1.0, "b": 5.0, "c": 3.0}
    inner = {"b": Rate(2, 60), "c": 4.0, "d": 1.0}
    assert within(outer, inner) == {"a": 1.0, "b": Rate(2, 60), "c": 3.0, "d": 1.0}
