"""Turn what the probes of an audit measured into findings and a score.

Output: `{score, findings, not_seen}`. The score is 100 less the points of all findings, at least
0. Each finding is `{points, title, advice}`, the costliest first; `not_seen` names the probes that
gave nothing, about which the score says nothing.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Measures = dict[str, Any]


class Finding(NamedTuple):
    """Something to look at, what it costs, and what to do about it."""

    points: int
    title: str
    advice: str


def rate_secrets(secrets: Measures) -> Iterator[Finding]:
    """Suspects outside tests weigh heavily, those in tests hardly."""
    serious = [suspect for suspect in secrets["suspects"] if not suspect["in_tests"]]
    if serious:
        first = serious[0]
        place = f"{first['path']}:{first['line']} ({first['kind']})"
        title = f"strings that look like secrets: {len(serious)}, first {place}"
        yield Finding(min(30, 15 + 3 * len(serious)), title, "Revoke them, then remove them.")
    elif secrets["found"]:
        title = f"strings like secrets in tests, docs or examples: {secrets['found']}"
        yield Finding(2, title, "Make sure that they are invented.")


def rate_tests(tests: Measures) -> Iterator[Finding]:
    """A ratio of 0.8 or more is fine."""
    ratio = tests["ratio"]
    if ratio == 0:
        yield Finding(25, "there are no tests", "Start with the code that changes most.")
    elif ratio is not None and ratio < 0.8:
        title = f"{ratio} lines of test for a line of code"
        yield Finding(round(15 * (1 - ratio / 0.8)) + 1, title, "Test what is not tested yet.")


def rate_imports(imports: Measures) -> Iterator[Finding]:
    """Each cycle costs by the number of modules in it."""
    if cycles := imports["cycles"]:
        names = ", ".join(cycles[0][:4]) + (", …" if len(cycles[0]) > 4 else "")
        title = f"import cycles: {len(cycles)}, the largest of {len(cycles[0])} modules: {names}"
        yield Finding(
            min(15, 3 + sum(map(len, cycles))), title, "Move what both need into a module below."
        )
    if imports["unparsed"]:
        title = f"Python files that can't be parsed: {imports['unparsed']}"
        yield Finding(min(10, 2 * imports["unparsed"]), title, "Fix or remove them.")


def rate_project(project: Measures) -> Iterator[Finding]:
    """What a visitor looks for first costs most."""
    weights = {"readme": 12, "licence": 10, "CI": 10, "changelog": 3, "ignore file": 2}
    weights |= {"contributing guide": 1, "security policy": 2}
    for label, points in weights.items():
        if label in project["missing"]:
            yield Finding(points, f"there is no {label}", "Add one.")
    if "readme" in project["present"] and project["readme_words"] < 100:
        title = f"the readme has only {project['readme_words']} words"
        yield Finding(4, title, "Say what it is for, how to install it and how to start.")


def rate_markers(markers: Measures) -> Iterator[Finding]:
    """A handful is normal."""
    if markers["total"] > 5:
        top = markers["files"][0]
        title = f"markers of unfinished work: {markers['total']}, {top['count']} in {top['path']}"
        points = min(8, 1 + markers["total"] // 20)
        yield Finding(points, title, "Do them, or turn them into issues.")


def rate_large_files(large_files: Measures) -> Iterator[Finding]:
    """Every clone pays for them."""
    if count := large_files["too_large"]:
        top = large_files["largest"][0]
        title = f"very large files: {count}, the largest {top['path']} ({top['bytes']:,} bytes)"
        yield Finding(min(8, 2 + count), title, "Keep them outside, or in Git LFS.")


def rate_dependencies(dependencies: Measures) -> Iterator[Finding]:
    """Without bounds or a lock file, tomorrow's build is another one."""
    if free := dependencies["unbounded"]:
        names = ", ".join(free[:5]) + (", …" if len(free) > 5 else "")
        title = f"dependencies without a version: {len(free)}, {names}"
        yield Finding(min(6, 2 + len(free) // 5), title, "Give each a lower bound at least.")
    if dependencies["dependencies"] and not dependencies["lock_files"]:
        yield Finding(3, "no lock or constraints file", "Add one, for builds that repeat.")


def rate_history(history: Measures) -> Iterator[Finding]:
    """Nothing is bad about a young history, but a single author is a risk."""
    if not history["commits"]:
        yield Finding(5, "there are no commits", "Commit what is there.")
    elif len(history["authors"]) == 1 and history["commits"] > 50:
        yield Finding(3, "one author made all the commits", "Have somebody else know the code.")


def rate_languages(languages: Measures) -> Iterator[Finding]:
    """Only emptiness is judged."""
    if not languages["files"]:
        yield Finding(50, "no files are tracked", "Add what belongs to the project.")


_RULES: dict[str, Callable[[Measures], Iterator[Finding]]] = {
    "languages": rate_languages,
    "large_files": rate_large_files,
    "history": rate_history,
    "markers": rate_markers,
    "imports": rate_imports,
    "tests": rate_tests,
    "project": rate_project,
    "dependencies": rate_dependencies,
    "secrets": rate_secrets,
}


def rate(measured: dict[str, Measures | None]) -> dict[str, Any]:
    """Findings and score; a probe that is missing or null is named, not judged."""
    findings: list[Finding] = []
    not_seen: list[str] = []
    for probe, rule in _RULES.items():
        measures = measured.get(probe)
        if measures is None:
            not_seen.append(probe)
        else:
            findings.extend(rule(measures))
    findings.sort(key=lambda finding: -finding.points)
    return {
        "score": max(0, 100 - sum(finding.points for finding in findings)),
        "findings": [finding._asdict() for finding in findings],
        "not_seen": not_seen,
    }


def main() -> None:
    """Answer one call: parameters in, output out."""
    json.dump(rate(json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())), sys.stdout)


if __name__ == "__main__":
    main()
