"""Real processes through cortex and without it: `python -m benchmarks.processes [--quick]`."""

import argparse
import asyncio
import gc
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.page import publish
from benchmarks.tables import processes
from cortex_cli.session.session import Request, Session

SLOTS = 8
BARE = "asyncio"

_TOOL = "kind: Tool\nname: nothing\nimplementation: {type: command, command: ['true']}\n"
_AGENT = f"""kind: Agent
name: processes
import: {{tools: [./tool.yaml]}}
protocol: {{max_parallel_actions: {SLOTS}}}
actions:
"""


async def bare(count: int, *, in_sessions: bool = False) -> None:
    """Run `true` so many times on asyncio alone, and read what it prints.

    `in_sessions`: each in a session of its own, as cortex starts them.
    """
    slots = asyncio.Semaphore(SLOTS)
    pipe = asyncio.subprocess.PIPE

    async def one() -> None:
        async with slots:
            process = await asyncio.create_subprocess_exec(
                "true", stdout=pipe, stderr=pipe, start_new_session=in_sessions
            )
            await process.communicate()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(one())


def through_cortex(folder: Path, count: int) -> Callable[[], Awaitable[None]]:
    """What runs a manifest of so many actions whose tool is the command `true`."""
    (folder / "tool.yaml").write_text(_TOOL, encoding="utf-8")
    actions = (f"  - {{id: a{number}, type: tool, target: nothing}}\n" for number in range(count))
    path = folder / "agent.yaml"
    path.write_text(_AGENT + "".join(actions), encoding="utf-8")
    session = Session.open(Request(source=path, cwd=folder, environ=dict(os.environ)))

    async def run() -> None:
        last = ""
        async with session.run({}) as events:
            async for event in events:
                last = event.event_type
        if last != "agent_completed":
            message = f"the run ended with {last}"
            raise RuntimeError(message)

    return run


def measure(count: int, rounds: int) -> dict[str, Any]:
    """Rates and CPU of both, in turns; each ratio is that within a round."""
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            BARE: partial(bare, count),
            "asyncio, in sessions": partial(bare, count, in_sessions=True),
            "cortex": through_cortex(Path(folder), count),
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for run in ways.values():
            _spent(run)
        for _, (name, run) in product(range(rounds), ways.items()):
            taken[name].append(_spent(run))
    return {
        "processes": count,
        "slots": SLOTS,
        "rounds": rounds,
        "results": {name: _figures(taken, name, count) for name in taken},
    }


def _figures(
    taken: dict[str, list[tuple[float, float]]], name: str, count: int
) -> dict[str, float]:
    pairs = list(zip(taken[name], taken[BARE], strict=True))
    return {
        "rate": count / median(wall for wall, _ in taken[name]),
        "cpu_ms": median(cpu for _, cpu in taken[name]) * 1000 / count,
        "ratio": median(theirs[0] / mine[0] for mine, theirs in pairs),
    }


def _spent(run: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Seconds on the clock, and of CPU, that of the processes included."""

    async def timed() -> tuple[float, float]:
        began, used = time.perf_counter(), _cpu_seconds()
        await run()
        return time.perf_counter() - began, _cpu_seconds() - used

    gc.collect()
    return asyncio.run(timed())


def _cpu_seconds() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write down what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.processes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer processes")
    parser.add_argument("--publish", action="store_true", help="renew results.json and the docs")
    given = parser.parse_args(words)
    results = measure(100, 2) if given.quick else measure(400, 5)
    sys.stdout.write(f"{processes(results)}\n")
    if given.publish:
        publish({"processes": results})


if __name__ == "__main__":
    main()
