"""Find the git checkout that a folder belongs to.

Output: `{root, name, head, branch, tracked_files, changed_files, shallow, contents}`; `head` and
`branch` are null in a repository without commits, `branch` also on a detached head. `contents` are
digests of the tracked files as they are on disk: `all` of them, those of `python`, and `project`:
all names, and what is in the files that are not Python.
"""

import hashlib
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
        "contents": _contents(top),
        "shallow": _git(top, "rev-parse", "--is-shallow-repository") == "true",
    }


def _branch(top: Path) -> str | None:
    has_commits = _git(top, "rev-parse", "--verify", "--quiet", "HEAD")
    return _git(top, "symbolic-ref", "--quiet", "--short", "HEAD") if has_commits else None


def _contents(top: Path) -> dict[str, str]:
    listed = _names(_git(top, "ls-files", "--stage", "-z"))
    blobs = {name: blob for blob, _, name in (line.partition("\t") for line in listed)}
    for name in _names(_git(top, "diff", "--name-only", "-z")):
        blobs[name] = _on_disk(top / name)
    python = {name: blob for name, blob in blobs.items() if name.endswith(".py")}
    return {
        "all": _digest(blobs),
        "python": _digest(python),
        "project": _digest({name: blobs[name] if name not in python else "" for name in blobs}),
    }


def _on_disk(path: Path) -> str:
    if not path.is_file():
        return "gone"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(blobs: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(blobs, sort_keys=True).encode()).hexdigest()


def _names(listing: str | None) -> list[str]:
    return (listing or "").split("\0")[:-1]


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
