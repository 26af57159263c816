"""Manifests for tests: from a text, or as files in a folder."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from cortex_cli.errors import ManifestError, Problem
from cortex_cli.manifest.load import LoadedManifest, load_content
from cortex_cli.manifest.open import examine, open_program
from cortex_cli.manifest.program import Program

FILE = "m.yaml"

TOOL = """
    kind: Tool
    name: {name}
    implementation: {{type: script, entrypoint: main.py}}
"""


def load(text: str) -> LoadedManifest:
    """One manifest, without its imports."""
    return load_content(dedent(text).encode(), FILE, Path("/nowhere"))


def problems_of(text: str) -> list[Problem]:
    """What loading a manifest says."""
    try:
        return list(load(text).problems)
    except ManifestError as error:
        return list(error.problems)


def told(text: str) -> list[str]:
    """What loading a manifest says, a line a problem, without the file's name."""
    return [str(problem).removeprefix(f"{FILE}:") for problem in problems_of(text)]


def agent(*actions: str, head: str = "") -> str:
    """An agent with actions in flow style, the first on line 4."""
    lines = ["kind: Agent", "name: a", "actions:", *(f"  - {action}" for action in actions)]
    return "\n".join([*lines, dedent(head)])


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files into a folder; a TOOL template gets the name of its folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text.format(name=path.parent.name) if text is TOOL else text
        path.write_text(dedent(content))
    return folder


def compiled(
    folder: Path, files: Mapping[str, str], entry: str = "m.yaml", **options: Any
) -> tuple[Program, list[Problem]]:
    """The program of an entry among files."""
    write(folder, files)
    return open_program(folder / entry, cwd=folder, **options)


def all_told(folder: Path, files: Mapping[str, str], entry: str = "m.yaml") -> list[str]:
    """What is said of an entry among files, with the names of files as seen from the folder."""
    write(folder, files)
    try:
        _, problems = examine(Path(entry), cwd=folder)
    except ManifestError as error:
        problems = list(error.problems)
    return [str(problem) for problem in problems]
