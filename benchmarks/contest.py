"""The contest: on each workload the contestants take turns, round by round."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from benchmarks.child import MOST_CPU_SECONDS
from benchmarks.contestants import Contestant
from benchmarks.player import Player, PlayerError, playing
from benchmarks.workloads import Workload

ENOUGH_SECONDS = 15.0
CLEARLY = 1.25


@dataclass(slots=True)
class Cell:
    """What became of one contestant on one workload: its answer in each round, or why not.

    `ready_cpu` is the CPU time of the process, in seconds, when it had imported the contestant
    and warmed up, `idle_bytes` its memory then; `spent` the seconds of all its turns, `slowest` the
    CPU time of its slowest run, preparation included.
    """

    rounds: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    ready_cpu: float = 0.0
    idle_bytes: int = 0
    spent: float = 0.0
    slowest: float = 0.0
    failure: str | None = None

    @property
    def is_out(self) -> bool:
        """Whether it takes no more turns."""
        return self.failure is not None or self.spent > ENOUGH_SECONDS


class Contest:
    """All contestants on all workloads; `cells` has what became of each, by names."""

    def __init__(
        self, contestants: Sequence[Contestant], say: Callable[[str], None], *, quick: bool = False
    ) -> None:
        """`say` is told of each turn before it is taken."""
        self.contestants = contestants
        self.cells: dict[tuple[str, str], Cell] = {}
        self._say = say
        self._quick = quick

    def run(self, workload: Workload) -> None:
        """Have everyone take turns on a workload."""
        with ExitStack() as stack:
            players: dict[str, Player] = {}
            for turn, contestant in product(range(1, workload.rounds + 1), self.contestants):
                name = contestant.name
                cell = self._cell(name, workload)
                if cell.is_out:
                    continue
                self._say(f"{workload.title}: {name}, round {turn} of {workload.rounds}")
                if name not in players:
                    process = playing(name, workload.name, quick=self._quick)
                    players[name] = stack.enter_context(process)
                _take_turn(players[name], cell)
                if turn == workload.rounds:
                    players[name].end()

    def _cell(self, name: str, workload: Workload) -> Cell:
        cell = self.cells.get((name, workload.name))
        if cell is None:
            smaller = self.cells.get((name, workload.smaller or ""))
            cell = self.cells[name, workload.name] = Cell()
            if smaller is not None:
                cell.failure = smaller.failure
                seconds = smaller.slowest * workload.times_smaller
                if smaller.failure is None and seconds > CLEARLY * MOST_CPU_SECONDS:
                    reason = f"about {seconds:.0f} s of CPU time, to judge by a tenth of the size"
                    cell.failure = f"over {MOST_CPU_SECONDS} s: {reason}"
        return cell


def _take_turn(player: Player, cell: Cell) -> None:
    try:
        if not cell.rounds:
            ready = player.hear()
            cell.ready_cpu, cell.idle_bytes = ready["ready_cpu"], ready["idle_bytes"]
        began = time.perf_counter()
        answer = player.play()
    except PlayerError as error:
        cell.failure = str(error)
        return
    cell.spent += time.perf_counter() - began
    used = (one["prepare_cpu"] + one["run_cpu"] for one in answer["samples"])
    cell.slowest = max(cell.slowest, *used)
    cell.rounds.append(answer)
