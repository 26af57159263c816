"""Count the markers of unfinished work in tracked text files.

Output: `{total, by_marker, files, examples}`; `files` is a list of `{path, count}`, most first and
at most ten, `examples` the first five places, each `{path, line, text}`. A marker counts where it
stands as a word of its own in capitals: whether it is meant as one is not known.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from typing import Any

_DEFAULT = ("TODO", "FIXME", "XXX", "HACK")
_OPTIONS = ("-I", "-n", "-w", "-z", "--full-name", "--no-color", "--no-column")
_FILES, _EXAMPLES, _LONGEST = 10, 5, 160


def count(root: str, *, markers: list[str] | tuple[str, ...] = _DEFAULT) -> dict[str, Any]:
    """What `git grep` finds, counted."""
    if not all(re.fullmatch(r"\w+", marker) for marker in markers):
        sys.exit("a marker is letters, digits and '_'")
    found = _grep(root, [f"-e{marker}" for marker in markers])
    word = re.compile(rf"\b({'|'.join(markers)})\b")
    by_marker: Counter[str] = Counter()
    by_file: Counter[str] = Counter()
    for path, _, text in found:
        hits: list[str] = word.findall(text)
        by_marker.update(hits)
        by_file[path] += len(hits)
    return {
        "total": by_marker.total(),
        "by_marker": dict(by_marker.most_common()),
        "files": [{"path": path, "count": n} for path, n in by_file.most_common(_FILES)],
        "examples": [
            {"path": path, "line": line, "text": text.strip()[:_LONGEST]}
            for path, line, text in found[:_EXAMPLES]
        ],
    }


def _grep(root: str, patterns: list[str]) -> list[tuple[str, int, str]]:
    """Path, line number and text of each line with one of the words."""
    command = ["git", "-C", root, "grep", *_OPTIONS, *patterns]
    done = subprocess.run(command, capture_output=True, check=False, timeout=20)
    if done.returncode > 1:  # 1: nothing was found
        sys.exit(done.stderr.decode(errors="replace").strip())
    rows = done.stdout.decode(errors="replace").split("\n")[:-1]
    return [(path, int(line), text) for path, line, text in (row.split("\0", 2) for row in rows)]


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(count(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
