"""What is written down: `benchmarks/results.json`, and the tables and the picture in `docs/`."""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.contestants import CONTESTANTS
from benchmarks.picture import draw

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"

_PART = "<!-- {name}: begin -->\n.*?<!-- {name}: end -->"


def publish(parts: dict[str, Any]) -> None:
    """Put parts of the results (`engine`, `processes`, …) in place of the last, and renew the docs."""
    path = HERE / "results.json"
    results: dict[str, Any] = {}
    if path.exists():
        results = json.loads(path.read_text(encoding="utf-8"))
    results.update(parts)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = DOCS / "benchmarks.md"
    text = page.read_text(encoding="utf-8")
    for name, part in written(results).items():
        block = f"<!-- {name}: begin -->\n\n{part}\n\n<!-- {name}: end -->"
        pattern = re.compile(_PART.format(name=name), re.DOTALL)
        text = pattern.sub(lambda _match, block=block: block, text)
    page.write_text(text, encoding="utf-8")
    if "engine" in results:
        (DOCS / "pictures/benchmarks.svg").write_text(draw(results["engine"]), encoding="utf-8")


def written(results: dict[str, Any]) -> dict[str, str]:
    """The parts of the page that are made from results."""
    parts: dict[str, str] = {}
    if "engine" in results:
        found = results["engine"]
        titled = [f"### {title}\n\n{text}" for title, text in tables.sections(found)]
        parts["engine"] = "\n\n".join([_place(found["about"]), *titled])
        parts["contestants"] = _contestants(found)
        parts["failures"] = _failures(found)
    if "processes" in results:
        parts["processes"] = tables.processes(results["processes"])
    if "journals" in results:
        parts["journals"] = tables.journals(results["journals"])
    if "manifests" in results:
        parts["manifests"] = tables.manifests(results["manifests"])
    if "planner" in results:
        parts["planner"] = tables.planner(results["planner"])
    return parts


def _place(about: dict[str, Any]) -> str:
    return f"Python {about['python']}, {about['platform']}, {about['cores']} cores."


def _contestants(results: dict[str, Any]) -> str:
    versions = results["about"]["versions"]
    rows = [
        [one.name, one.distribution or "standard library", versions.get(one.name, ""), one.way]
        for one in CONTESTANTS
        if one.name in results["contestants"]
    ]
    return tables.table(["", "package", "version", "how it is used"], rows, right=False)


def _failures(results: dict[str, Any]) -> str:
    lines = [
        f"- {name}, {workload['title']}: {found['failure']}"
        for workload in results["workloads"]
        for name, found in workload["results"].items()
        if "failure" in found
    ]
    return "\n".join(lines) or "Nobody failed."
