"""One contestant in a process of its own: `python -m benchmarks.child CONTESTANT WORKLOAD`.

It imports the contestant, lets it warm up, and says on stdout that it is ready. For each line on
stdin it then runs the workload and answers with a line of JSON; a signal ends it if that takes
more than a minute of CPU. What a peer prints goes to stderr, where also the reason stands if the
process fails.
"""

import asyncio
import gc
import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.contestants import CONTESTANTS, Prepare
from benchmarks.record import Record
from benchmarks.workloads import Workload, warm_up, workload

MOST_MEMORY_BYTES = 4 * 2**30
MOST_CPU_SECONDS = 60
ENOUGH_CPU_SECONDS = 0.15
LONGEST_SAMPLING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds of CPU to prepare it and to run it, and seconds on the clock to run it."""

    prepare_cpu: float
    run_cpu: float
    run_wall: float


async def sample(prepare: Prepare, workload: Workload) -> Sample:
    """Prepare and run a workload once; WrongRunError if that goes wrong."""
    record = Record(workload)
    gc.collect()
    before = time.process_time()
    async with prepare(workload, record.perform) as run:
        began, began_wall = time.process_time(), time.perf_counter()
        await run()
        ended, ended_wall = time.process_time(), time.perf_counter()
    record.check()
    return Sample(began - before, ended - began, ended_wall - began_wall)


def play(prepare: Prepare, workload: Workload) -> list[Sample]:
    """One round: a timed workload once, another until it has taken enough CPU to be measured."""
    samples: list[Sample] = []
    spent, began = 0.0, time.perf_counter()
    while True:
        samples.append(asyncio.run(sample(prepare, workload)))
        spent += samples[-1].run_cpu
        is_slow = time.perf_counter() - began > LONGEST_SAMPLING_SECONDS
        if workload.is_timed or is_slow or spent >= ENOUGH_CPU_SECONDS:
            return samples


def memory() -> tuple[int, int]:
    """Bytes that the process holds now, and the most it has held.

    Where the system has no /proc both are the most; that may count what the parent held.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        unit = 1 if sys.platform == "darwin" else 1024
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return most, most
    lines = (line.split() for line in status.read_text(encoding="ascii").splitlines())
    kilobytes = {name: int(words[0]) for name, *words in lines if name in {"VmRSS:", "VmHWM:"}}
    return kilobytes["VmRSS:"] * 1024, kilobytes["VmHWM:"] * 1024


def main(contestant: str, task: Workload) -> None:
    """Answer lines on stdin until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))

    def answer(values: dict[str, Any]) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    prepare = next(one for one in CONTESTANTS if one.name == contestant).load()
    asyncio.run(sample(prepare, warm_up()))
    idle, _ = memory()
    answer({"ready_cpu": time.process_time(), "idle_bytes": idle})
    for _ in sys.stdin:
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(
            resource.RLIMIT_CPU, (ceil(time.process_time()) + MOST_CPU_SECONDS, most)
        )
        samples = play(prepare, task)
        _, most = memory()
        answer({"samples": [asdict(one) for one in samples], "peak_bytes": most})


if __name__ == "__main__":
    _contestant, _workload, *_quick = sys.argv[1:]
    main(_contestant, workload(_workload, quick=bool(_quick)))
