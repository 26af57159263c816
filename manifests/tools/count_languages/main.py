"""Count the tracked files of a checkout by language.

Output: `{files, lines, bytes, languages, not_counted}`. `languages` is a list of `{language,
files, lines, bytes, share}`, most lines first, `share` of all lines from 0 to 1. Binary files,
and files of over 2 MB, are in `files` and `bytes` only; `not_counted` says how many they are.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_LARGEST = 2_000_000
_LANGUAGES = {
    "C": ".c .h",
    "C++": ".cc .cpp .cxx .hh .hpp",
    "C#": ".cs",
    "CSS": ".css .scss .less",
    "Go": ".go",
    "HTML": ".html .htm",
    "Java": ".java",
    "JavaScript": ".js .mjs .cjs .jsx",
    "JSON": ".json",
    "Kotlin": ".kt .kts",
    "Markdown": ".md .markdown",
    "PHP": ".php",
    "Python": ".py .pyi",
    "reStructuredText": ".rst",
    "Ruby": ".rb",
    "Rust": ".rs",
    "Shell": ".sh .bash .zsh",
    "SQL": ".sql",
    "Swift": ".swift",
    "TOML": ".toml",
    "TypeScript": ".ts .tsx",
    "XML": ".xml",
    "YAML": ".yaml .yml",
}
_BY_ENDING = {
    ending: language for language, endings in _LANGUAGES.items() for ending in endings.split()
}
_BY_NAME = {"Dockerfile": "Dockerfile", "Makefile": "Make"}


@dataclass(slots=True)
class Tally:
    """What was counted of one language."""

    files: int = 0
    lines: int = 0
    bytes: int = 0


def count(root: str) -> dict[str, Any]:
    """The tally of each language, and the sums."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    not_counted = 0
    for path in _tracked(Path(root)):
        size = path.stat().st_size
        content = path.read_bytes() if size <= _LARGEST else b"\0"
        tally = tallies[_language(path)]
        tally.files += 1
        tally.bytes += size
        if b"\0" in content:
            not_counted += 1
        else:
            tally.lines += len(content.splitlines())
    lines = sum(tally.lines for tally in tallies.values())
    ranked = sorted(tallies.items(), key=lambda item: (-item[1].lines, item[0]))
    return {
        "files": sum(tally.files for tally in tallies.values()),
        "lines": lines,
        "bytes": sum(tally.bytes for tally in tallies.values()),
        "languages": [
            {"language": name, **asdict(tally), "share": round(tally.lines / max(1, lines), 4)}
            for name, tally in ranked
        ],
        "not_counted": not_counted,
    }


def _language(path: Path) -> str:
    return _BY_NAME.get(path.name) or _BY_ENDING.get(path.suffix.lower()) or "other"


def _tracked(root: Path) -> Iterator[Path]:
    """The tracked files that are on disk as plain files: no links, no submodules."""
    listing = subprocess.run(
        ["git", "-C", root, "ls-files", "-z"], capture_output=True, check=False, timeout=20
    )
    if listing.returncode:
        sys.exit(listing.stderr.decode(errors="replace").strip())
    for name in listing.stdout.decode(errors="surrogateescape").split("\0")[:-1]:
        path = root / name
        if path.is_file() and not path.is_symlink():
            yield path


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(count(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
