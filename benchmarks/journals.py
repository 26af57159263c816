"""What it costs to write a run down: `python -m benchmarks.journals [--quick] [--publish]`."""

import argparse
import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.page import publish
from benchmarks.tables import journals
from benchmarks.workloads import idle, layered
from cortex_cli import Action, ActionType, AgentLoopExecutor, AgentLoopProtocol
from cortex_cli.store.journal import MemoryJournal
from cortex_cli.store.journal_file import Durability, JournalFile, create_journal_file
from cortex_cli.store.sqlite_journal import SqliteJournal

SLOTS = 8


async def perform(number: int) -> int:
    """Suspend once."""
    await asyncio.sleep(0)
    return number


def executor(layers: int, width: int) -> AgentLoopExecutor:
    """A plan in which each action waits for two of the layer before."""
    workload = idle("journals", "journals", layered(layers, width))
    plan = [
        Action(
            id=f"a{number}",
            type=ActionType.TOOL,
            target="act",
            parameters={"number": number},
            depends_on=tuple(f"a{parent}" for parent in waits),
        )
        for number, waits in enumerate(workload.waits)
    ]
    return AgentLoopExecutor(
        agent_name="journals",
        plan=plan,
        protocol=AgentLoopProtocol(max_parallel_actions=SLOTS),
        tool_executor={"act": perform},
    )


async def in_memory(runs: AgentLoopExecutor) -> float:
    """The seconds of CPU of a run whose journal is in memory."""
    runs.journal = MemoryJournal()
    return await _spent(runs)


async def on_disk(runs: AgentLoopExecutor, durability: Durability) -> float:
    """The seconds of CPU of a run whose journal is a file of SQLite, its writer's included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        create_journal_file(folder, {})
        journal = runs.journal = SqliteJournal(JournalFile(folder, durability))
        taken = await _spent(runs)
        began = time.process_time()
        journal.close()
        return taken + time.process_time() - began


async def _spent(runs: AgentLoopExecutor) -> float:
    gc.collect()
    began = time.process_time()
    async for _event in runs.execute_agent_loop():
        pass
    return time.process_time() - began


async def measure(layers: int, width: int, rounds: int) -> dict[str, Any]:
    """Microseconds of CPU an action, each way in turns; the cost of a file is that in a round."""
    runs, count = executor(layers, width), layers * width
    await in_memory(runs)
    taken: dict[str, list[float]] = {"memory": [], "process": [], "power": []}
    for _ in range(rounds):
        taken["memory"].append(await in_memory(runs))
        taken["process"].append(await on_disk(runs, "process"))
        taken["power"].append(await on_disk(runs, "power"))
    return {
        "actions": count,
        "slots": SLOTS,
        "rounds": rounds,
        "results": {
            name: {
                "cpu_us": median(seconds) / count * 1e6,
                "more_us": median(
                    mine - theirs for mine, theirs in zip(seconds, taken["memory"], strict=True)
                )
                / count
                * 1e6,
            }
            for name, seconds in taken.items()
        },
    }


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write down what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.journals", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer actions")
    parser.add_argument("--publish", action="store_true", help="renew results.json and the docs")
    given = parser.parse_args(words)
    size = (20, 50, 2) if given.quick else (100, 100, 5)
    results = asyncio.run(measure(*size))
    sys.stdout.write(f"{journals(results)}\n")
    if given.publish:
        publish({"journals": results})


if __name__ == "__main__":
    main()
