"""Figures from what was measured: medians over rounds, and ratios to the floor of the same run.

For each contestant and workload: `cpu_us`, microseconds of CPU per action to run it; `whole_us`,
that with what prepares the plan; `peak_mb`, the most memory its process held in megabytes, of
which `growth_mb` is more than it held before; `makespan`, seconds over the lower bound.
"""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from statistics import mean, median
from typing import Any

from benchmarks.contest import Cell, Contest
from benchmarks.contestants import FLOOR, Contestant
from benchmarks.workloads import Workload

Round = dict[str, Any]


def about(contestants: Sequence[Contestant]) -> dict[str, Any]:
    """Where and with what it was measured."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "versions": {one.name: one.version for one in contestants if one.version},
    }


def of_workload(contest: Contest, workload: Workload) -> dict[str, Any]:
    """The figures of everyone on a workload, or why there are none."""
    cells = {one.name: contest.cells[one.name, workload.name] for one in contest.contestants}
    floor = cells.get(FLOOR)
    return {
        "name": workload.name,
        "title": workload.title,
        "actions": len(workload),
        "slots": workload.slots,
        "lower_bound_seconds": workload.lower_bound,
        "results": {name: _figures(cell, floor, workload) for name, cell in cells.items()},
    }


def _figures(cell: Cell, floor: Cell | None, workload: Workload) -> dict[str, Any]:
    if cell.failure is not None:
        return {"failure": cell.failure}
    found: dict[str, Any] = {"rounds": len(cell.rounds)}
    for measure, value in _values(workload).items():
        own = [value(cell, one) for one in cell.rounds]
        found[measure] = {"value": median(own)}
        if floor is not None and floor.rounds:
            found[measure]["ratio"] = _ratio(own, [value(floor, one) for one in floor.rounds])
    return found


def _ratio(own: Sequence[float], floor: Sequence[float]) -> float | None:
    """The median of the ratios within rounds; None where the floor is nothing."""
    pairs = [(mine, theirs) for mine, theirs in zip(own, floor, strict=False) if theirs]
    return median(mine / theirs for mine, theirs in pairs) if pairs else None


def _values(workload: Workload) -> Mapping[str, Callable[[Cell, Round], float]]:
    def per_action(*keys: str) -> Callable[[Cell, Round], float]:
        def value(_cell: Cell, one: Round) -> float:
            seconds = mean(sum(sample[key] for key in keys) for sample in one["samples"])
            return seconds * 1e6 / len(workload)

        return value

    def makespan(_cell: Cell, one: Round) -> float:
        return mean(sample["run_wall"] for sample in one["samples"]) / workload.lower_bound

    def peak(cell: Cell, _one: Round) -> float:
        return cell.rounds[0]["peak_bytes"] / 1e6

    def growth(cell: Cell, _one: Round) -> float:
        return (cell.rounds[0]["peak_bytes"] - cell.idle_bytes) / 1e6

    values = {
        "cpu_us": per_action("run_cpu"),
        "whole_us": per_action("prepare_cpu", "run_cpu"),
        "peak_mb": peak,
        "growth_mb": growth,
    }
    return {**values, "makespan": makespan} if workload.is_timed else values
