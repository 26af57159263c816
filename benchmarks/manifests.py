"""Large manifests, from the file to the last event: `python -m benchmarks.manifests [--quick]`.

Each is opened, checked, planned and run in a process of its own: `--actions N` is that process.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.child import memory
from benchmarks.page import publish
from benchmarks.tables import manifests
from benchmarks.workloads import layered
from cortex_cli.session.session import Request, Session

SIZES = (1_000, 10_000, 100_000)
LAYERS = 100

_HEAD = """kind: Agent
name: large
protocol: {max_parallel_actions: 8}
actions:
"""


def lines(count: int) -> Iterator[str]:
    """A manifest of so many actions that do nothing, a multiple of 100, in a hundred layers.

    Each waits for two of the layer before.
    """
    yield _HEAD
    for number, waits in enumerate(layered(LAYERS, count // LAYERS)):
        parents = ", ".join(f"a{parent}" for parent in waits)
        yield f"  - {{id: a{number}, type: internal, depends_on: [{parents}]}}\n"


def through_cortex(path: Path) -> dict[str, float]:
    """Seconds on the clock and of CPU to open and plan the manifest, and to run it."""
    figures: dict[str, float] = {}

    def timed(name: str, act: Callable[[], Any]) -> Any:
        began, used = time.perf_counter(), time.process_time()
        result = act()
        figures[f"{name}_cpu"] = time.process_time() - used
        figures[name] = time.perf_counter() - began
        return result

    def opened() -> Session:
        request = Request(source=path, cwd=path.parent, environ=dict(os.environ))
        session = Session.open(request)
        assert session.report.actions
        return session

    session = timed("plan", opened)
    last = timed("run", lambda: asyncio.run(_run(session)))
    if last != "agent_completed":
        message = f"the run ended with {last}"
        raise RuntimeError(message)
    return figures


async def _run(session: Session) -> str:
    last = ""
    async with session.run({}) as events:
        async for event in events:
            last = event.event_type
    return last


def alone(count: int) -> dict[str, float]:
    """The figures of one manifest, and the bytes that this process held at most."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "agent.yaml")
        with path.open("w", encoding="utf-8") as file:
            file.writelines(lines(count))
        figures = through_cortex(path)
    return {"actions": count, **figures, "peak_bytes": memory()[1]}


def measure(sizes: Sequence[int]) -> list[dict[str, float]]:
    """The figures of each size, measured in a process of its own."""
    found: list[dict[str, float]] = []
    for size in sizes:
        words = [sys.executable, "-m", "benchmarks.manifests", "--actions", str(size)]
        answer = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(answer.stdout))
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write down what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.manifests", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the largest")
    parser.add_argument("--publish", action="store_true", help="renew results.json and the docs")
    parser.add_argument("--actions", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.actions is not None:
        sys.stdout.write(json.dumps(alone(given.actions)))
        return
    results = measure(SIZES[:-1] if given.quick else SIZES)
    sys.stdout.write(f"{manifests(results)}\n")
    if given.publish:
        publish({"manifests": results})


if __name__ == "__main__":
    main()
