"""Figures as tables, in Markdown that also reads well on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

Results = dict[str, Any]
Rows = Sequence[Sequence[str]]


def table(head: Sequence[str], rows: Rows, *, right: bool = True) -> str:
    """A Markdown table with columns of even width; `right`: all but the first are set right."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(3, *map(len, column)) for column in columns]
    last = ":" if right else "-"
    rule = ["-" * widths[0], *("-" * (width - 1) + last for width in widths[1:])]
    return "\n".join(_line(cells, widths, right=right) for cells in (head, rule, *rows))


def _line(cells: Sequence[str], widths: Sequence[int], *, right: bool) -> str:
    first, *rest = zip(cells, widths, strict=True)
    others = [cell.rjust(width) if right else cell.ljust(width) for cell, width in rest]
    return f"| {' | '.join([first[0].ljust(first[1]), *others])} |"


def figure(found: dict[str, float | None] | None) -> str:
    """A figure of three digits, and its ratio to the floor."""
    if found is None or found["value"] is None:
        return "-"
    ratio = found.get("ratio")
    times = "" if ratio is None else f" ({_digits(ratio)}x)"
    return f"{_digits(found['value'])}{times}"


def _digits(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def short(failure: str) -> str:
    """Why there is no figure, in a word or two: the type of an error without its module."""
    return "over 4 GiB" if "MemoryError" in failure else failure.split(":")[0].split(".")[-1]


def by_workload(results: Results, measure: str, *, timed: bool | None = None) -> str:
    """A row for each contestant, a column for each workload; `timed` chooses the workloads."""
    chosen = [
        one
        for one in results["workloads"]
        if timed is None or timed == (one["lower_bound_seconds"] > 0)
    ]
    rows = [
        [name, *(_cell(one["results"][name], measure) for one in chosen)]
        for name in results["contestants"]
    ]
    return table(["", *(one["title"] for one in chosen)], rows)


def _cell(found: dict[str, Any], measure: str) -> str:
    return short(found["failure"]) if "failure" in found else figure(found.get(measure))


def imports(results: Results) -> str:
    """What importing costs each contestant."""
    rows = [
        [name, figure(one["import_ms"]), figure(one["ready_ms"])]
        for name, one in results["imports"].items()
    ]
    return table(["", "import", "ten actions done"], rows)


def processes(results: Results) -> str:
    """How fast processes are started and ended, by cortex and without it."""
    head = ["", "a second", "CPU each, ms", "rate ÷ bare asyncio's"]
    rows = [
        [name, _digits(one["rate"]), _digits(one["cpu_ms"]), _digits(one["ratio"])]
        for name, one in results["results"].items()
    ]
    return table(head, rows)


def journals(results: Results) -> str:
    """What an action costs without a file and with one."""
    head = ["journal", "CPU an action, μs", "more than in memory, μs"]
    titles = {"memory": "in memory", "process": "SQLite, durability `process`"}
    rows = [
        [
            titles.get(name, f"SQLite, durability `{name}`"),
            _digits(one["cpu_us"]),
            "" if name == "memory" else _digits(one["more_us"]),
        ]
        for name, one in results["results"].items()
    ]
    return table(head, rows)


def manifests(results: Sequence[Mapping[str, float]]) -> str:
    """What large manifests cost, from the file to the last event."""
    head = ["", "load, check and plan", "run", "together", "on the clock", "peak memory, MB"]
    rows = [
        [
            f"{one['actions']:,} actions",
            _digits(one["plan_cpu"]),
            _digits(one["run_cpu"]),
            _digits(one["plan_cpu"] + one["run_cpu"]),
            _digits(one["plan"] + one["run"]),
            _digits(one["peak_bytes"] / 1e6),
        ]
        for one in results
    ]
    return table(head, rows)


def planner(results: Mapping[str, Any]) -> str:
    """What it brings to run a plan while it is written, beside other orders."""
    orders: Mapping[str, float] = results["orders"]
    real: Mapping[str, float] = results.get("real", {})
    best, plain = results["optimum"], orders["plan, then run"]
    head = ["", "seconds", "÷ optimum", "speed-up"]
    rows = [
        [name, _digits(seconds), _digits(seconds / best), _digits(plain / seconds)]
        for name, seconds in orders.items()
    ]
    rows.append(["the optimum", _digits(best), _digits(1.0), _digits(plain / best)])
    if real:
        head.append("on the real clock")
        rows = [[*row, _digits(real[row[0]]) if row[0] in real else ""] for row in rows]
    told = (
        f"{results['questions']} questions, {results['steps']} actions. Of the writing time that"
        f" can be overlapped, streaming saves {100 * results['saved']:.1f} %; at worst it takes"
        f" {results['worst']:.3f} of the optimum."
    )
    return f"{table(head, rows)}\n\n{told}"


def sections(results: Results) -> list[tuple[str, str]]:
    """The titles and tables of a whole run."""
    parts = [("CPU per action, μs", by_workload(results, "cpu_us", timed=False))]
    if any(one["lower_bound_seconds"] > 0 for one in results["workloads"]):
        parts.append(("Makespan ÷ lower bound", by_workload(results, "makespan", timed=True)))
    return [
        *parts,
        ("Peak memory, MB", by_workload(results, "peak_mb", timed=False)),
        (
            "CPU per action with what prepares the plan, μs",
            by_workload(results, "whole_us", timed=False),
        ),
        ("CPU of a new process, ms", imports(results)),
    ]
