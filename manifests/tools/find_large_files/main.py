"""Find the largest tracked files of a checkout, as they are on disk.

Output: `{largest, too_large}`. `largest` is a list of `{path, bytes}`, largest first; `too_large`
counts all files above the limit. What only earlier commits hold is not seen.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from heapq import nlargest
from pathlib import Path
from typing import Any


def find(root: str, *, most: int = 10, too_large_bytes: int = 1_000_000) -> dict[str, Any]:
    """The `most` largest files."""
    sizes = [(path.stat().st_size, name) for name, path in _tracked(Path(root))]
    return {
        "largest": [{"path": _shown(name), "bytes": size} for size, name in nlargest(most, sizes)],
        "too_large": sum(size > too_large_bytes for size, _ in sizes),
    }


def _shown(name: str) -> str:
    """A name that can be written: bytes that are not UTF-8 become U+FFFD."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _tracked(root: Path) -> Iterator[tuple[str, Path]]:
    """The tracked files that are on disk as plain files: no links, no submodules."""
    listing = subprocess.run(
        ["git", "-C", root, "ls-files", "-z"], capture_output=True, check=False, timeout=20
    )
    if listing.returncode:
        sys.exit(listing.stderr.decode(errors="replace").strip())
    for name in listing.stdout.decode(errors="surrogateescape").split("\0")[:-1]:
        path = root / name
        if path.is_file() and not path.is_symlink():
            yield name, path


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(find(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
