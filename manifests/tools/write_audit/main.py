"""Write the Markdown report of an audit. Output: the report, a string."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

Measures = dict[str, Any]
_TOP = 5


def write(checkout: Measures, rating: Measures, **measured: Measures | None) -> str:
    """The whole report; a section without its measures is left out."""
    parts = [*_opening(checkout, rating), *_findings(rating)]
    sections = {
        "languages": _languages,
        "tests": _tests,
        "imports": _imports,
        "history": _history,
        "large_files": _large_files,
        "dependencies": _dependencies,
        "project": _project,
    }
    for name, section in sections.items():
        if (measures := measured.get(name)) is not None:
            parts.extend(section(measures))
    if rating["not_seen"]:
        parts.append(f"*Not seen, so not judged: {', '.join(rating['not_seen'])}.*")
    return "\n\n".join(parts) + "\n"


def _opening(checkout: Measures, rating: Measures) -> Iterator[str]:
    yield f"# Audit of {checkout['name']}"
    at = f"commit {checkout['head'][:10]}" if checkout["head"] else "no commit yet"
    on = f" on {checkout['branch']}" if checkout["branch"] else ""
    changed = (
        f", {checkout['changed_files']} files changed since" if checkout["changed_files"] else ""
    )
    shallow = "; a shallow clone: its history is cut off" if checkout["shallow"] else ""
    yield (
        f"**Score {rating['score']} of 100.** {checkout['tracked_files']} tracked files,"
        f" {at}{on}{changed}{shallow}."
    )


def _findings(rating: Measures) -> Iterator[str]:
    yield "## Findings"
    rows = [[f["points"], f["title"], f["advice"]] for f in rating["findings"]]
    yield (
        _table(["points", "finding", "what to do"], rows) if rows else "Nothing to complain about."
    )


def _languages(languages: Measures) -> Iterator[str]:
    yield "## Languages"
    rows = [
        [f"{item['language']}", item["files"], f"{item['lines']:,}", f"{item['share']:.0%}"]
        for item in languages["languages"][:_TOP]
    ]
    yield _table(["language", "files", "lines", "share"], rows)


def _tests(tests: Measures) -> Iterator[str]:
    yield "## Tests"
    yield (
        f"Lines of tests: {tests['test_lines']:,}; lines of code: {tests['code_lines']:,}"
        f" (ratio {tests['ratio']}); Python test cases: {tests['test_cases']:,}."
    )


def _imports(imports: Measures) -> Iterator[str]:
    if not imports["modules"]:
        return
    yield "## Python imports"
    cycles = [f"- cycle: {_some(cycle)}" for cycle in imports["cycles"][:_TOP]]
    top = _some([f"{item['module']} ({item['importers']})" for item in imports["most_imported"]])
    yield (
        f"Modules: {imports['modules']}; imports among them: {imports['imports']}; cycles:"
        f" {len(imports['cycles'])}; packages from outside: {len(imports['external'])}."
        f" Most imported: {top or 'none'}."
    )
    if cycles:
        yield "\n".join(cycles)


def _history(history: Measures) -> Iterator[str]:
    if not history["commits"]:
        return
    yield "## History"
    yield (
        f"Commits: {history['commits']:,}, from {history['first_commit']} to"
        f" {history['last_commit']}. Changed most often in the latest {history['looked_at']:,}:"
    )
    rows = [[s["path"], s["commits"], f"{s['lines_changed']:,}"] for s in history["hot_spots"]]
    yield _table(["file", "commits", "lines changed"], rows[:_TOP])


def _large_files(large_files: Measures) -> Iterator[str]:
    yield "## Largest files"
    rows = [[item["path"], f"{item['bytes']:,}"] for item in large_files["largest"][:_TOP]]
    yield _table(["file", "bytes"], rows)


def _dependencies(dependencies: Measures) -> Iterator[str]:
    if not dependencies["declarations"]:
        return
    yield "## Dependencies"
    rows = [
        [item["path"], item["ecosystem"], len(item["dependencies"])]
        for item in dependencies["declarations"][:_TOP]
    ]
    yield _table(["declared in", "ecosystem", "dependencies"], rows)


def _project(project: Measures) -> Iterator[str]:
    yield "## Project files"
    licence = f" The licence is {project['licence']}." if project["licence"] else ""
    present = ", ".join(f"{label} (`{path}`)" for label, path in project["present"].items())
    missing = f" Missing: {', '.join(project['missing'])}." if project["missing"] else ""
    yield f"There are: {present or 'none of those looked for'}.{missing}{licence}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _TOP} more" if len(names) > _TOP else ""
    return ", ".join(names[:_TOP]) + more


def _table(head: list[str], rows: Iterable[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(write(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
