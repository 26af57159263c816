"""Compare the tests of a checkout with its code, by lines that are not blank.

Output: `{test_files, test_lines, code_files, code_lines, ratio, test_cases}`. `ratio` is test
lines to code lines, null without code; `test_cases` counts Python functions named `test…`. A file
is a test by its name or folder. How much the tests cover is not known: nothing is run.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

_CODE = frozenset(
    {".py", ".js", ".ts", ".tsx", ".jsx", ".go", ".rs", ".java", ".kt", ".rb", ".c", ".cc", ".cpp"}
    | {".cs", ".php", ".swift", ".scala", ".sh"}
)
_TEST_FOLDERS = frozenset({"test", "tests", "testing", "spec", "specs", "__tests__"})
_TEST_NAME = re.compile(r"^(?:test_.+|.+_test|.+_spec|.+\.test|.+\.spec|.+Tests?|conftest)$")
_TEST_CASE = re.compile(rb"^\s*(?:async )?def test", re.MULTILINE)
_LARGEST = 2_000_000


def measure(root: str) -> dict[str, Any]:
    """What tests and code amount to."""
    files = {True: 0, False: 0}
    lines = {True: 0, False: 0}
    cases = 0
    for name in _tracked(root):
        path = PurePosixPath(name)
        if path.suffix not in _CODE:
            continue
        content = _read(Path(root) / name)
        is_test = _is_test(path)
        files[is_test] += 1
        lines[is_test] += sum(bool(line.strip()) for line in content.splitlines())
        cases += len(_TEST_CASE.findall(content)) if is_test and path.suffix == ".py" else 0
    return {
        "test_files": files[True],
        "test_lines": lines[True],
        "code_files": files[False],
        "code_lines": lines[False],
        "ratio": round(lines[True] / lines[False], 2) if lines[False] else None,
        "test_cases": cases,
    }


def _is_test(path: PurePosixPath) -> bool:
    return bool(_TEST_FOLDERS & set(path.parts[:-1])) or bool(_TEST_NAME.match(path.stem))


def _read(path: Path) -> bytes:
    """The content; empty for links, for what is not on disk, and for what nobody wrote by hand."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
        return b""
    return path.read_bytes()


def _tracked(root: str) -> Iterator[str]:
    command = ["git", "-C", root, "ls-files", "-z"]
    listing = subprocess.run(command, capture_output=True, check=False, timeout=20)
    if listing.returncode:
        sys.exit(listing.stderr.decode(errors="replace").strip())
    yield from listing.stdout.decode(errors="surrogateescape").split("\0")[:-1]


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(measure(**parameters), sys.stdout)


if __name__ == "__main__":
    main()
