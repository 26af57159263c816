"""Read the history of a checkout.

Output: `{commits, authors, first_commit, last_commit, hot_spots, looked_at}`. `authors` is a list
of `{name, commits}` and `hot_spots` a list of `{path, commits, lines_changed}`, both highest first
and at most ten, both counted over the latest `looked_at` commits without merges. Dates are
`YYYY-MM-DD`; without commits they are null. A renamed file counts under both its names.
"""

import json
import subprocess
import sys
from collections import Counter
from typing import Any

_SHOWN = 10
_NO_SUCH_COMMIT = 1  # anything worse is 128
_NOTHING: dict[str, Any] = {
    "commits": 0,
    "authors": [],
    "first_commit": None,
    "last_commit": None,
    "hot_spots": [],
    "looked_at": 0,
}


def read(root: str, *, most_commits: int = 1_000) -> dict[str, Any]:
    """The history behind HEAD; all zero and empty in a repository without commits."""
    if _call_git(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode == _NO_SUCH_COMMIT:
        return dict(_NOTHING)
    log = _git(
        root,
        "log",
        "--no-show-signature",
        f"--max-count={most_commits}",
        "--no-merges",
        "--no-renames",
        "--numstat",
        "-z",
        "--format=%x01%aN",
    )
    authors, touches, churn = _tally(log)
    dates = ("log", "--no-show-signature", "--format=%cs")
    return {
        "commits": int(_git(root, "rev-list", "--count", "HEAD")),
        "authors": [{"name": name, "commits": n} for name, n in authors.most_common(_SHOWN)],
        "first_commit": min(_git(root, *dates, "--max-parents=0", "HEAD").split()),
        "last_commit": _git(root, *dates, "--max-count=1", "HEAD").strip(),
        "hot_spots": _hot_spots(touches, churn),
        "looked_at": authors.total(),
    }


def _tally(log: str) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Commits by author, commits by path, and lines changed by path."""
    authors: Counter[str] = Counter()
    touches: Counter[str] = Counter()
    churn: Counter[str] = Counter()
    for commit in log.split("\x01")[1:]:
        author, *changes = commit.split("\0")
        authors[author.strip()] += 1
        for change in filter(None, changes):
            added, removed, path = change.strip("\n").split("\t", 2)
            touches[path] += 1
            churn[path] += sum(int(number) for number in (added, removed) if number != "-")
    return authors, touches, churn


def _hot_spots(touches: Counter[str], churn: Counter[str]) -> list[dict[str, Any]]:
    ranked = sorted(touches, key=lambda path: (-touches[path], -churn[path], path))
    return [
        {"path": path, "commits": touches[path], "lines_changed": churn[path]}
        for path in ranked[:_SHOWN]
    ]


def _git(root: str, *arguments: str) -> str:
    done = _call_git(root, *arguments)
    if done.returncode:
        sys.exit(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode(errors="replace")


def _call_git(root: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", root, *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=50)


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(read(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
