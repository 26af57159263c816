"""Inputs as the command line gives them: `--set key=value` and `--inputs FILE`."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cortex_cli.errors import UsageError
from cortex_cli.manifest.yaml_reader import read_document, read_file

Accept = Callable[[Mapping[str, Any]], dict[str, Any]]


def given_inputs(assignments: Sequence[str], file: str | None, accept: Accept) -> dict[str, Any]:
    """The inputs of a run; what `--set` says goes before what the file says.

    `accept` checks them against their declarations. Raises UsageError for an assignment that is
    none or that gives what JSON can't hold, ManifestError for a file that can't be read or inputs that don't fit.
    """
    given = {} if file is None else _read(file)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            message = f"--set {assignment!r:.80} is not of the form KEY=VALUE"
            raise UsageError(message, hint="for example --set topic='agent loops'")
        given[key] = _value(text)
        _check_encodable(key, given[key])
    return accept(given)


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text


def _check_encodable(key: str, value: Any) -> None:
    """Refuse halves of characters and numbers out of range: events could not carry them."""
    try:
        json.dumps({key: value}, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        message = f"--set {key!r:.80} gives half a character, or bytes that are not UTF-8"
        raise UsageError(message, hint="write the character itself") from error
    except ValueError as error:
        message = f"--set {key!r:.80} gives a number that is too large"
        raise UsageError(message, hint="for text, put it in quotes") from error


def _refuse_constant(name: str) -> Any:
    """Numbers that JSON does not have stay text."""
    raise ValueError(name)


def _read(file: str) -> dict[str, Any]:
    if file == "-":
        document = read_document(sys.stdin.buffer.read(), "<stdin>")
    else:
        document = read_file(Path(file), file)
    return dict(document.value)


def given_names(texts: Sequence[str] | None) -> tuple[str, ...]:
    """The names that an option has given, several in one text with commas between them."""
    names = (name.strip() for text in texts or () for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))
