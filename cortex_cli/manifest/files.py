"""The bytes of a manifest, opened so that no path can block, flood or surprise."""

import os
import stat
from pathlib import Path

from cortex_cli.errors import ManifestError, Problem

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_bytes(path: Path, display: str, max_bytes: int) -> bytes:
    """The content of a regular file of at most `max_bytes`.

    Never waits for a pipe or a device. Raises ManifestError, with `display` for the file's name,
    where there is no such file, it cannot be read, or is too large.
    """
    try:
        _check_regular(path.stat(), display)
        descriptor = os.open(path, _FLAGS)
        with os.fdopen(descriptor, "rb") as stream:
            # Again, as the name may stand for another file by now.
            _check_regular(os.fstat(descriptor), display)
            content = stream.read(max_bytes + 1)
    except (OSError, ValueError) as exc:
        raise ManifestError([_unreadable(exc, display)]) from exc
    check_size(content, display, max_bytes)
    return content


def check_size(content: bytes, file: str, max_bytes: int) -> None:
    """Raise ManifestError if the content is larger than `max_bytes`."""
    if len(content) > max_bytes:
        allowed = f"{max_bytes:,} bytes" if max_bytes < 2**20 else f"{max_bytes / 2**20:g} MB"
        problem = Problem(
            code="yaml_size",
            message=f"the file is larger than {allowed}",
            hint="split it with 'import', or allow more with --max-size",
            file=file,
        )
        raise ManifestError([problem])


def _check_regular(status: os.stat_result, display: str) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    kinds = (name for is_kind, name in _KINDS if is_kind(status.st_mode))
    message = f"this is {next(kinds, 'a device')}, not a file"
    raise ManifestError([Problem(code="file_kind", message=message, file=display)])


def _unreadable(error: OSError | ValueError, display: str) -> Problem:
    match error:
        case FileNotFoundError():
            code, message = "file_missing", "there is no such file"
        case OSError(strerror=str(reason)):
            code, message = "file_unreadable", f"the file cannot be read: {reason.lower()}"
        case _:
            code, message = "file_missing", "this cannot be the path of a file"
    return Problem(code=code, message=message, hint="check the path", file=display)
