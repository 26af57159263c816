"""Budgets: what they limit, and how a resumed run is given other limits."""

import pytest

from cortex_cli.protocol.agent_loop import Budget


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, {"tokens": 250.0, "cost_usd": 0.5}),
        ({"tokens": 400.0}, {"tokens": 400.0, "cost_usd": 0.5}),
        ({"tokens": None}, {"cost_usd": 0.5}),
        ({"tokens": None, "cost_usd": 2.0}, {"cost_usd": 2.0}),
    ],
)
def test_a_limit_is_changed_lifted_or_left(
    limits: dict[str, float | None], expected: dict[str, float]
) -> None:
    budget = Budget(tokens=250, cost_usd=0.5).changed(limits)
    assert budget.units == expected
    assert budget == Budget.model_validate(budget.model_dump())
