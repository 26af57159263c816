"""Plans against what is known of their optima: `python -m benchmarks.schedules [--write]`.

Reads solved task graphs (Standard Task Graph Set) and traces of scientific workflows (WfCommons)
from `../shared/data`, prints two tables, and puts them into `docs/scheduling.md` if that is asked.
What is absent is skipped, and said so. Times are of this process's CPU.
"""

import argparse
import gzip
import heapq
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from cortex_cli.kinds import ActionType, EdgeKind
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.search import Found, default_passes, search
from cortex_cli.protocol.action import Action

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared/data"
SOLVED = DATA / "stg-50.json.gz"
TRACES = DATA / "wfinstances.jsonl.gz"
PAGE = ROOT / "docs/scheduling.md"

_TRACE_SLOTS = (4, 16)


@dataclass(frozen=True, slots=True)
class Case:
    """A plan and what is known of it; `optima` are in seconds, by the number of slots."""

    name: str
    graph: Graph
    durations: Sequence[float]
    optima: dict[int, float] = field(default_factory=dict[int, float])

    @property
    def family(self) -> str:
        """The first two parts of a trace's path."""
        return "/".join(self.name.split("/")[:2]).removesuffix(".json")


def graph_of(parents: Sequence[Sequence[int]]) -> Graph:
    """Tools that wait for those of the given numbers, each in a slot."""
    graph = Graph(
        [
            Action(id=f"t{number}", type=ActionType.TOOL, target="t")
            for number in range(len(parents))
        ]
    )
    for number, before in enumerate(parents):
        for parent in before:
            graph.add(parent, number, EdgeKind.DEPENDS_ON)
    return graph


def solved() -> list[Case]:
    """The solved task graphs; FileNotFoundError if they are absent."""
    graphs = json.loads(gzip.decompress(SOLVED.read_bytes()))
    return [
        Case(
            name,
            graph_of(graph["parents"]),
            graph["duration"],
            {int(slots): optimum for slots, optimum in graph["optimum"].items()},
        )
        for name, graph in sorted(graphs.items())
    ]


def traces() -> list[Case]:
    """The traces, with the times that were measured; FileNotFoundError if they are absent."""
    lines = gzip.decompress(TRACES.read_bytes()).splitlines()
    found = [json.loads(line) for line in lines]
    return [Case(one["path"], graph_of(one["parents"]), one["runtime"]) for one in found]


def wave_order(case: Case, slots: int) -> float:
    """Seconds for wave after wave, the longest actions of each first."""
    waves: defaultdict[int, list[float]] = defaultdict(list)
    for wave, seconds in zip(case.graph.waves(), case.durations, strict=True):
        waves[wave].append(seconds)
    return sum(_side_by_side(wave, slots) for wave in waves.values())


def _side_by_side(durations: Sequence[float], slots: int) -> float:
    ends = [0.0] * slots
    for seconds in sorted(durations, reverse=True):
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


@dataclass(slots=True)
class Score:
    """How near many plans came to what is known to be the least; both as ratios."""

    run: list[float] = field(default_factory=list[float])
    met: list[float] = field(default_factory=list[float])
    proved: int = 0
    passes: int = 0
    seconds: float = 0.0

    def add(self, found: Found, least: float) -> None:
        """Take in one plan."""
        self.run.append(found.makespan / least)
        self.met.append(found.shortest / least)
        self.proved += found.proved
        self.passes += found.passes_used


def optimal(ratios: Sequence[float]) -> float:
    """How many of them are at their optimum, as a part of 1."""
    return fmean(ratio <= 1 for ratio in ratios)


def score_solved(cases: Sequence[Case], passes: int | None) -> Score:
    """Search all solved graphs in so many passes, by default as many as a plan takes unasked."""
    score = Score()
    began = time.process_time()
    for case in cases:
        most = default_passes(len(case.graph)) if passes is None else passes
        for slots, optimum in case.optima.items():
            score.add(search(case.graph, case.durations, slots, passes=most), optimum)
    score.seconds = time.process_time() - began
    return score


def solved_table(cases: Sequence[Case]) -> Iterator[str]:
    """How near to the proven optima plans come, by the number of orders tried."""
    yield (
        "| orders | mean ÷ optimum | worst | optimal | proved | shortest met: mean | optimal "
        "| orders tried, mean | ms a plan |"
    )
    yield "| --- " * 9 + "|"
    for passes in (0, None, 1_000):
        score = score_solved(cases, passes)
        count = len(score.run)
        label = "by default" if passes is None else f"up to {passes:,}" if passes else "the first"
        yield (
            f"| {label} | {fmean(score.run):.6f} | {max(score.run):.4f} | {optimal(score.run):.2%} "
            f"| {score.proved / count:.2%} | {fmean(score.met):.6f} | {optimal(score.met):.2%} "
            f"| {score.passes / count:.1f} | {1_000 * score.seconds / count:.1f} |"
        )


def traces_table(cases: Sequence[Case]) -> Iterator[str]:
    """How near to their bounds the plans of each family come, against the first order and waves."""
    yield "| family | plans | actions | slots | waves | first order | found | worst | proved |"
    yield "| --- " * 9 + "|"
    families: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        families[case.family].append(case)
    for family, members in sorted(families.items()):
        size = sum(len(case.durations) for case in members)
        for slots in _TRACE_SLOTS:
            yield f"| {family} | {len(members)} | {size:,} | {slots} | {_family_row(members, slots)} |"


def _family_row(members: Sequence[Case], slots: int) -> str:
    """The mean ratios to the bounds, and how many plans are proved."""
    waves: list[float] = []
    first: list[float] = []
    score = Score()
    for case in members:
        plain = search(case.graph, case.durations, slots, passes=0)
        passes = default_passes(len(case.graph))
        found = search(case.graph, case.durations, slots, passes=passes)
        score.add(found, found.bound)
        first.append(plain.makespan / found.bound)
        waves.append(wave_order(case, slots) / found.bound)
    means = (fmean(ratios) for ratios in (waves, first, score.run))
    return " | ".join(
        [*(f"{mean:.4f}" for mean in means), f"{max(score.run):.4f}", str(score.proved)]
    )


def tables() -> dict[str, str]:
    """Both tables by name, as Markdown; those whose data is absent are left out."""
    found: dict[str, str] = {}
    for name, path, rows in (
        ("solved", SOLVED, lambda: solved_table(solved())),
        ("traces", TRACES, lambda: traces_table(traces())),
    ):
        if path.exists():
            found[name] = "\n".join(rows())
        else:
            sys.stderr.write(f"skipped: {name}, because {path.name} is absent\n")
    return found


def write(found: dict[str, str]) -> None:
    """Put the tables in place of the last ones on the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in found.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        part = re.compile(f"{begin}\n.*?{end}", re.DOTALL)
        block = f"{begin}\n\n{table}\n\n{end}"
        text = part.sub(lambda _match, block=block: block, text)
    PAGE.write_text(text, encoding="utf-8")


def main(words: Sequence[str] | None = None) -> None:
    """Print the tables, and write them down if that is asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedules", description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew the tables in the docs")
    arguments = parser.parse_args(words)
    found = tables()
    sys.stdout.write("\n\n".join(found.values()) + "\n")
    if arguments.write:
        write(found)


if __name__ == "__main__":
    main()
