"""What tells one version of a tool from another: a digest of its files."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from cortex_cli.engine.cache import NotCacheableError

MOST_FILES = 2_000
MOST_BYTES = 64_000_000

_NOT_LOOKED_AT = frozenset({"__pycache__", ".git"})
_CHUNK = 1_000_000


def folder_digest(folder: Path) -> str:
    """The SHA-256 of all regular files below a folder, with their names.

    Without compiled Python and git's own files; links to folders are not followed.
    NotCacheableError where they are more than MOST_FILES or MOST_BYTES, or can't be read.
    """
    whole = sha256()
    left = MOST_BYTES
    try:
        for number, path in enumerate(_files(folder)):
            left -= path.stat().st_size
            if number >= MOST_FILES or left < 0:
                message = f"its folder holds over {MOST_FILES:,} files, or {MOST_BYTES:,} bytes"
                raise NotCacheableError(message)
            name = os.fsencode(path.relative_to(folder))
            whole.update(b"%d:%b" % (len(name), name))
            whole.update(_content(path))
    except OSError as error:
        message = f"its files can't be read: {error}"
        raise NotCacheableError(message) from error
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(set(folders) - _NOT_LOOKED_AT)
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file():
                yield path


def _content(path: Path) -> bytes:
    content = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            content.update(chunk)
    return content.digest()
