"""List the dependencies that a checkout declares.

Output: `{declarations, dependencies, unbounded, lock_files, unread}`. `declarations` is a list of
`{path, ecosystem, dependencies}`, `unbounded` the names of those without any version, `unread`
the files that could not be parsed. Read are pyproject.toml (PEP 621 and dependency groups),
requirements*.txt, package.json, Cargo.toml and go.mod; nothing is resolved or fetched.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

_LOCKS = frozenset(
    {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "constraints.txt"}
    | {"package-lock.json", "yarn.lock", "pnpm-lock.yaml", "Cargo.lock", "go.sum"}
)
_SKIPPED_FOLDERS = frozenset({"node_modules", "vendor", "third_party", "site-packages"})
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*([^;#]*)")
_GO = re.compile(r"^\s*(?:require\s+)?([\w.-]+\.[\w.-]+/\S+)\s+(v\S+)", re.MULTILINE)

Versions = dict[str, str]  # the name of a dependency → its version rule, empty for none


def list_dependencies(root: str) -> dict[str, Any]:
    """What the declarations in the checkout say."""
    declarations: list[dict[str, Any]] = []
    rules: Versions = {}
    unread: list[str] = []
    names = _tracked(root)
    for name in names:
        ecosystem, read = _reader(PurePosixPath(name).name)
        if read is None:
            continue
        try:
            found = read((Path(root) / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, AttributeError, TypeError):
            unread.append(name)  # not there, not text, or not in the shape that its format has
            continue
        rules |= found
        declarations.append({"path": name, "ecosystem": ecosystem, "dependencies": sorted(found)})
    return {
        "declarations": declarations,
        "dependencies": len(rules),
        "unbounded": sorted(name for name, rule in rules.items() if rule in {"", "*", "latest"}),
        "lock_files": [name for name in names if PurePosixPath(name).name in _LOCKS],
        "unread": unread,
    }


def _reader(name: str) -> tuple[str, Callable[[str], Versions] | None]:
    if re.fullmatch(r"requirements[\w.-]*\.(?:txt|in)", name):
        return "python", lambda text: _requirements(text.splitlines())
    known: dict[str, tuple[str, Callable[[str], Versions]]] = {
        "pyproject.toml": ("python", _pyproject),
        "package.json": ("node", _package_json),
        "Cargo.toml": ("rust", _cargo),
        "go.mod": ("go", lambda text: dict(_GO.findall(text))),
    }
    return known.get(name, ("", None))


def _requirements(lines: Iterable[str]) -> Versions:
    """Requirement lines as PEP 508 writes them; options, paths and comments are passed over."""
    matches = (_REQUIREMENT.match(line) for line in lines if "://" not in line or " @ " in line)
    return {match[1].lower(): match[2].strip() for match in matches if match}


def _pyproject(text: str) -> Versions:
    document = tomllib.loads(text)
    project = document.get("project", {})
    groups = [
        project.get("dependencies", []),
        *project.get("optional-dependencies", {}).values(),
        *document.get("dependency-groups", {}).values(),
    ]
    lines = (line for group in groups for line in group if isinstance(line, str))
    own = str(project.get("name", "")).lower()
    return {name: rule for name, rule in _requirements(lines).items() if name != own}


def _package_json(text: str) -> Versions:
    document = json.loads(text)
    kinds = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
    return {name: str(rule) for kind in kinds for name, rule in document.get(kind, {}).items()}


def _cargo(text: str) -> Versions:
    document = tomllib.loads(text)
    kinds = ("dependencies", "dev-dependencies", "build-dependencies")
    return {
        name: rule if isinstance(rule, str) else str(rule.get("version") or rule)
        for kind in kinds
        for name, rule in document.get(kind, {}).items()
    }


def _tracked(root: str) -> list[str]:
    command = ["git", "-C", root, "ls-files", "-z"]
    listing = subprocess.run(command, capture_output=True, check=False, timeout=20)
    if listing.returncode:
        sys.exit(listing.stderr.decode(errors="replace").strip())
    names = listing.stdout.decode(errors="replace").split("\0")[:-1]
    return [name for name in names if not _SKIPPED_FOLDERS & set(PurePosixPath(name).parts)]


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(list_dependencies(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
