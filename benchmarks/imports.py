"""What it costs to import a contestant."""

import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.contest import Contest
from benchmarks.contestants import FLOOR, Contestant


def import_figures(
    contestants: Sequence[Contestant], contest: Contest, rounds: int
) -> dict[str, Any]:
    """CPU time in ms to import each one in a fresh interpreter, over that of the interpreter.

    `ready_ms` is that of a whole process, from its start until ten actions have been run.
    """
    taken: dict[str, list[float]] = {one.name: [] for one in contestants}
    for _ in range(rounds):
        bare = _cpu_seconds("pass")
        for one in contestants:
            taken[one.name].append(_cpu_seconds(one.statement) - bare)
    figures: dict[str, Any] = {}
    for one in contestants:
        ready = [
            cell.ready_cpu
            for (name, _), cell in contest.cells.items()
            if name == one.name and cell.ready_cpu
        ]
        figures[one.name] = {
            "import_ms": _with_ratio(taken, one.name),
            "ready_ms": {"value": median(ready) * 1000} if ready else None,
        }
    return figures


def _with_ratio(taken: Mapping[str, Sequence[float]], name: str) -> dict[str, float]:
    value = {"value": median(taken[name]) * 1000}
    if FLOOR in taken:
        value["ratio"] = median(taken[name]) / median(taken[FLOOR])
    return value


def _cpu_seconds(statement: str) -> float:
    """The CPU time of a Python process that runs a statement."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
