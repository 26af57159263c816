"""Look for strings in tracked files that look like secrets.

Output: `{suspects, found}`. `suspects` is a list of `{path, line, kind, in_tests}`, at most fifty,
those outside tests first; `found` counts them all. What was found is never shown. Not looked at:
binary files, lines of over 2,000 characters, and what only earlier commits hold. A suspect may be
an example, and a secret may look like nothing known.
"""

import json
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

_LONGEST = 2_000
_SHOWN = 50
_TEST_FOLDERS = frozenset({"test", "tests", "testing", "fixtures", "examples", "docs"})
_KNOWN = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"),
    "Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    "OpenAI-style key": re.compile(r"\bsk-[A-Za-z0-9_-]{32,}"),
    "Google API key": re.compile(r"\bAIza[\w-]{35}\b"),
    "password in a URL": re.compile(r"\b[a-z][a-z+]+://[^\s:/@$<{]+:[^\s:/@$<{]{4,}@[\w.-]+"),
}
_ANY = (  # what each of the patterns needs, for git grep to find the few lines worth a look
    "BEGIN .*PRIVATE KEY|AKIA|ASIA|gh[pousr]_|xox[abprs]-|sk-|AIza|://[^ ]*:[^ ]*@"
    "|secret|token|passw|api_?key|private_?key"
)
_ASSIGNED = re.compile(
    r"(?:secret|token|passw(?:or)?d|api_?key|private_?key)\w*[\"']?\s*[:=]+\s*"
    r"[\"']([A-Za-z0-9+/_=.-]{16,})[\"']",
    re.IGNORECASE,
)
_RANDOM = 3.5  # bits a character: above it lie generated strings, below it words


def scan(root: str) -> dict[str, Any]:
    """Where something looks like a secret."""
    suspects = [
        {"path": path, "line": line, "kind": kind, "in_tests": _in_tests(path)}
        for path, line, text in _grep(root)
        if len(text) <= _LONGEST and (kind := _kind(text))
    ]
    suspects.sort(key=lambda suspect: suspect["in_tests"])
    return {"suspects": suspects[:_SHOWN], "found": len(suspects)}


def _in_tests(path: str) -> bool:
    return bool(_TEST_FOLDERS & set(PurePosixPath(path).parts[:-1]))


def _kind(text: str) -> str | None:
    """What kind of secret a line seems to hold, if any."""
    for kind, pattern in _KNOWN.items():
        if pattern.search(text):
            return kind
    values: list[str] = _ASSIGNED.findall(text)
    return "assigned string" if any(map(_looks_generated, values)) else None


def _looks_generated(value: str) -> bool:
    mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
    return bool(mixed) and _randomness(value) > _RANDOM


def _randomness(text: str) -> float:
    """The Shannon entropy of a text in bits a character."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


def _grep(root: str) -> Iterator[tuple[str, int, str]]:
    """Path, line number and text of each line that may hold a secret."""
    options = ("-I", "-i", "-n", "-z", "-E", "--full-name", "--no-color", "--no-column")
    command = ["git", "-C", root, "grep", *options, "-e", _ANY]
    done = subprocess.run(command, capture_output=True, check=False, timeout=20)
    if done.returncode > 1:  # 1: nothing was found
        sys.exit(done.stderr.decode(errors="replace").strip())
    for row in done.stdout.decode(errors="replace").split("\n")[:-1]:
        path, line, text = row.split("\0", 2)
        yield path, int(line), text


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(scan(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
