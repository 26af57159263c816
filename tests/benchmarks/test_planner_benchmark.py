"""Running a plan while it is written comes up to the optimum, on a clock that jumps."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planner import ORDERS, measure, virtual_seconds
from benchmarks.questions import optimum, plan_for, waves
from benchmarks.tables import planner

SHARED = Path(__file__).parents[3] / "shared/data/parallelqa-40.json"
MADE_UP: list[dict[str, Any]] = [
    {"id": str(number), "branch": 2 + number % 4} for number in range(1, 9)
]


def questions() -> list[dict[str, Any]]:
    return json.loads(SHARED.read_text()) if SHARED.is_file() else MADE_UP


@pytest.fixture(scope="module")
def figures() -> dict[str, object]:
    return measure(questions(), on_real_clock=False)


def test_it_saves_the_writing_time_that_can_be_overlapped(figures: dict[str, float]) -> None:
    assert figures["saved"] >= 0.9


def test_no_question_takes_much_longer_than_the_optimum(figures: dict[str, float]) -> None:
    assert 1.0 <= figures["worst"] + 1e-6 <= 1.03


def test_every_other_order_takes_longer(figures: dict[str, dict[str, float]]) -> None:
    streaming, then_run, in_waves, one_by_one = figures["orders"].values()
    assert streaming < then_run < in_waves < one_by_one
    assert "| streaming" in planner(figures)


def test_the_optimum_of_a_plan_is_what_one_works_out_by_hand() -> None:
    steps = plan_for({"id": "1", "branch": 2})
    assert [[step.number for step in wave] for wave in waves(steps)] == [[0, 1], [2, 3], [4]]
    # The last look-up takes 0.5 s to the first word and 19 words more; then the rest follows.
    assert optimum(steps) == pytest.approx(virtual_seconds(steps, ORDERS[0][1], is_read=True))
