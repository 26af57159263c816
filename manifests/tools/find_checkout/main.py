"""Find the git checkout that a folder belongs to.

Output: `{root, name, head, branch, tracked_files, changed_files, shallow}`; `head` and `branch`
are null in a repository without commits, `branch` also on a detached head.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def find(repo: str = ".") -> dict[str, Any]:
    """What git says of the checkout around `repo`; ends the program if there is none."""
    folder = Path(repo).expanduser()
    if not folder.is_dir():
        sys.exit(f"{repo}: no such folder (from {Path.cwd()})")
    root = _git(folder, "rev-parse", "--show-toplevel")
    if root is None:
        sys.exit(f"{folder.resolve()} is not inside a git checkout")
    top = Path(root)
    return {
        "root": root,
        "name": top.name,
        "head": _git(top, "rev-parse", "--verify", "--quiet", "HEAD"),
        "branch": _branch(top),
        "tracked_files": _count(_git(top, "ls-files", "-z")),
        "changed_files": _count(_git(top, "diff", "--name-only", "-z")),
        "shallow": _git(top, "rev-parse", "--is-shallow-repository") == "true",
    }


def _branch(top: Path) -> str | None:
    has_commits = _git(top, "rev-parse", "--verify", "--quiet", "HEAD")
    return _git(top, "symbolic-ref", "--quiet", "--short", "HEAD") if has_commits else None


def _count(names: str | None) -> int:
    return (names or "").count("\0")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, without the line end; None if it fails, with its reason on stderr."""
    done = subprocess.run(
        ["git", "-C", folder, *arguments],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=20,
    )
    text = done.stdout.decode(errors="surrogateescape").removesuffix("\n")
    return text if done.returncode == 0 else None


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(find(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
