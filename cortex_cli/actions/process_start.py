"""What a child process is started with, and why it could not be started."""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from cortex_cli.errors import ActionError

_INHERITED = frozenset({"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "TZ", "TMPDIR"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a child process is started with: `env` is its whole environment."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    stdin: bytes = b""


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """A clean environment: the few variables that any program needs, and `extra` over them."""
    # Only the names are gone through: each value that is read is decoded.
    kept = [name for name in os.environ if name in _INHERITED or name.startswith("LC_")]
    return {**{name: os.environ[name] for name in kept}, **extra}


def check_launch(launch: Launch) -> None:
    """Raise ActionError if no process can be given these arguments, variables or this folder."""
    if not launch.argv or not launch.argv[0]:
        _refuse("there is no program to run", "not_found")
    if not _is_fit("".join((*launch.argv, *launch.env, *launch.env.values(), launch.cwd))):
        _check_texts(launch)
    for name in launch.env:
        if not name or "=" in name:
            _refuse(f"no variable can be called '{name}'", "arguments")
    if not Path(launch.cwd).is_dir():
        _refuse(f"the working folder '{launch.cwd}' does not exist", "not_found")


def start_error(error: OSError, launch: Launch) -> ActionError:
    """The error for a program that the system did not start."""
    program = launch.argv[0]
    match error.errno:
        case errno.EMFILE | errno.ENFILE | errno.EAGAIN | errno.ENOMEM:
            return ActionError(
                f"'{program}' could not be started: {os.strerror(error.errno)}",
                error_type="resources",
                hint="run fewer actions at once, or raise the limit",
            )
        case errno.E2BIG:
            message = f"the arguments of '{program}' are too long for a process"
            return ActionError(message, error_type="arguments", retryable=False)
        case errno.ENOENT:
            return _missing(program, launch.env.get("PATH"))
        case _:
            message = f"'{program}' could not be started: {error.strerror}"
            return ActionError(message, error_type="not_executable", retryable=False)


def _missing(program: str, path: str | None) -> ActionError:
    message, hint = f"program '{program}' was not found", "install it, or put it on PATH"
    if shutil.which(program, path=path):
        message, hint = f"the program that runs '{program}' was not found", "see its first line"
    return ActionError(message, error_type="not_found", retryable=False, hint=hint)


def _check_texts(launch: Launch) -> None:
    for what, text in _texts(launch):
        if "\0" in text:
            _refuse(f"{what} holds a NUL character", "arguments")
        if not _is_encodable(text):
            _refuse(f"{what} holds half a character (a lone surrogate)", "arguments")


def _texts(launch: Launch) -> Iterator[tuple[str, str]]:
    for place, text in enumerate(launch.argv):
        yield f"argument {place} of '{launch.argv[0]}'", text
    for name, value in launch.env.items():
        yield "the name of a variable", name
        yield f"variable '{name}'", value
    yield "the working folder", launch.cwd


def _is_fit(text: str) -> bool:
    """Whether a process can be given this text."""
    return "\0" not in text and _is_encodable(text)


def _is_encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _refuse(message: str, error_type: str) -> NoReturn:
    raise ActionError(message, error_type=error_type, retryable=False)
