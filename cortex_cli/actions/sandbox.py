"""`sandbox: bwrap`: what a tool in a sandbox can see and change.

The whole file system can be read and not changed; `/tmp` is the call's own and goes with it. What
the action names as its `cwd` can be changed, and the run's own folder. There is no network, and
no other process to be seen. What you can read, the tool can.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from cortex_cli.errors import SetupError

PROGRAM = "bwrap"

_NAMESPACES = ("--unshare-user-try", "--unshare-pid", "--unshare-net", "--unshare-ipc")
_VIEW = ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp")
_PROBE_SECONDS = 10.0


def find_sandbox() -> str:
    """The path of bwrap, tried; SetupError if it is missing, or may not make a sandbox here."""
    path = shutil.which(PROGRAM)
    if path is None:
        message = "'sandbox: bwrap' needs the program bwrap, which is not on PATH"
        raise SetupError(message, hint="install bubblewrap")
    reason = _why_not(path)
    if reason:
        message = f"'sandbox: bwrap' cannot be had here: {reason}"
        raise SetupError(message, hint="bwrap needs unprivileged user namespaces")
    return path


def sandboxed(
    argv: Sequence[str], *, cwd: Path, readable: Iterable[Path], writable: Iterable[Path]
) -> list[str]:
    """The arguments that run a program in a sandbox, in the folder `cwd`.

    `readable` and `writable` are there even if they are under `/tmp`.
    """
    binds = [("--ro-bind", path) for path in (*readable, Path(sys.prefix), Path(sys.base_prefix))]
    binds += [("--bind", path) for path in writable]
    bound = [text for kind, path in binds for text in (kind, str(path), str(path))]
    return [PROGRAM, *_NAMESPACES, *_VIEW, *bound, "--chdir", str(cwd), "--", *argv]


def _why_not(bwrap: str) -> str:
    probe = [bwrap, *_NAMESPACES, *_VIEW, "--", "true"]
    try:
        ended = subprocess.run(
            probe, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if ended.returncode == 0:
        return ""
    lines = ended.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {ended.returncode}"
