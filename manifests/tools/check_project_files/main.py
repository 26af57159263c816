"""Look for the files that a project should have.

Output: `{present, missing, licence, readme_words}`. `present` maps what was found to its path,
`missing` lists the rest; `licence` is the licence's usual name, null if it is not recognised.
Only tracked files count; whether the CI passes is not known.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_WANTED = {
    "readme": r"readme(\.\w+)?",
    "licence": r"(licen[cs]e|copying|unlicense)([.-].+)?",
    "changelog": r"(docs/)?(change(s|log)|history|news|releases)(\.\w+)?",
    "contributing guide": r"(docs/|\.github/)?contributing(\.\w+)?",
    "security policy": r"(docs/|\.github/)?security(\.\w+)?",
    "ignore file": r"\.gitignore",
    "editor configuration": r"\.editorconfig",
    "CI": r"\.github/workflows/.+\.ya?ml|\.gitlab-ci\.yml|\.circleci/config\.yml|\.ci/.+"
    r"|\.travis\.yml|jenkinsfile|azure-pipelines\.yml"
    r"|\.woodpecker(/.+)?\.ya?ml|tox\.ini|noxfile\.py",
    "list of code owners": r"(docs/|\.github/)?codeowners",
}
_LICENCES = {
    "MIT": "Permission is hereby granted, free of charge",
    "Apache-2.0": "Apache License Version 2.0",
    "MPL-2.0": "Mozilla Public License Version 2.0",
    "AGPL": "GNU AFFERO GENERAL PUBLIC LICENSE",
    "LGPL": "GNU LESSER GENERAL PUBLIC LICENSE",
    "GPL": "GNU GENERAL PUBLIC LICENSE",
    "BSD-3-Clause": "Neither the name of",
    "BSD-2-Clause": "Redistribution and use in source and binary forms",
    "ISC": "Permission to use, copy, modify, and/or distribute",
    "Unlicense": "This is free and unencumbered software",
}
_READ = 100_000


def check(root: str) -> dict[str, Any]:
    """What is there, and what is not."""
    names = _tracked(root)
    present: dict[str, str] = {}
    for label, pattern in _WANTED.items():
        wanted = re.compile(pattern, re.IGNORECASE)
        if found := next(filter(wanted.fullmatch, names), None):
            present[label] = found
    return {
        "present": present,
        "missing": [label for label in _WANTED if label not in present],
        "licence": _licence(_text(root, present.get("licence"))),
        "readme_words": len(_text(root, present.get("readme")).split()),
    }


def _licence(text: str) -> str | None:
    plain = " ".join(text.split())
    return next((name for name, phrase in _LICENCES.items() if phrase in plain), None)


def _text(root: str, name: str | None) -> str:
    path = Path(root) / name if name else None
    if path is None or path.is_symlink() or not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_READ)


def _tracked(root: str) -> list[str]:
    command = ["git", "-C", root, "ls-files", "-z"]
    listing = subprocess.run(command, capture_output=True, check=False, timeout=20)
    if listing.returncode:
        sys.exit(listing.stderr.decode(errors="replace").strip())
    return listing.stdout.decode(errors="replace").split("\0")[:-1]


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(check(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
