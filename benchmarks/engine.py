"""cortex beside others: `python -m benchmarks.engine [--quick]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import figures, tables
from benchmarks.contest import Contest
from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.imports import import_figures
from benchmarks.page import publish
from benchmarks.workloads import Workload, names, workload


def measure(
    contestants: Sequence[Contestant], chosen: Sequence[Workload], *, quick: bool
) -> dict[str, Any]:
    """Run everything; the results as they are written down."""
    contest = Contest(contestants, _say, quick=quick)
    for one in chosen:
        contest.run(one)
    _say("imports")
    return {
        "about": figures.about(contestants),
        "contestants": [one.name for one in contestants],
        "workloads": [figures.of_workload(contest, one) for one in chosen],
        "imports": import_figures(contestants, contest, rounds=1 if quick else 3),
    }


def present(wanted: Sequence[Contestant]) -> list[Contestant]:
    """Those that are installed; for each that is not a line on stderr says so."""
    for one in wanted:
        if one.is_absent:
            _say(f"skipped: {one.name}, because {one.distribution} is not installed")
    return [one for one in wanted if not one.is_absent]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller, in about a minute")
    parser.add_argument(
        "--contestant", action="append", default=[], choices=[one.name for one in CONTESTANTS]
    )
    parser.add_argument("--workload", action="append", default=[], choices=names())
    parser.add_argument("--output", type=Path, help="write the results here, as JSON")
    parser.add_argument("--publish", action="store_true", help="renew results.json and the docs")
    given = parser.parse_args(words)
    if given.publish and (given.quick or given.contestant or given.workload):
        parser.error("only a whole run is published")
    return given


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write down what is asked for."""
    given = _arguments(words)
    known = names(quick=given.quick)
    chosen = [workload(name, quick=given.quick) for name in given.workload or known]
    wanted = [one for one in CONTESTANTS if not given.contestant or one.name in given.contestant]
    results = measure(present(wanted), chosen, quick=given.quick)
    for title, text in tables.sections(results):
        sys.stdout.write(f"\n{title}\n\n{text}\n")
    if given.output:
        given.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if given.publish:
        publish({"engine": results})


if __name__ == "__main__":
    main()
