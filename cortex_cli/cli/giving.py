"""Inputs as the command line gives them: `--set key=value` and `--inputs FILE`."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from cortex_cli.errors import ManifestError, Problem, UsageError
from cortex_cli.manifest.files import read_bytes
from cortex_cli.manifest.yaml_reader import read_document

_MOST_BYTES = 32 * 2**20

Accept = Callable[[Mapping[str, Any]], dict[str, Any]]


def given_inputs(assignments: Sequence[str], file: str | None, accept: Accept) -> dict[str, Any]:
    """The inputs of a run; what `--set` says goes before what the file says.

    `accept` checks them against their declarations. Raises UsageError for an assignment that is
    none or that gives what JSON can't hold, ManifestError for a file that can't be read or inputs
    that don't fit.
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
    name = "<stdin>" if file == "-" else file
    try:
        is_piped = file == "-"
        content = sys.stdin.buffer.read() if is_piped else read_bytes(Path(file), file, _MOST_BYTES)
        value = _json_object(content)
        return dict(read_document(content, name).value) if value is None else value
    except ManifestError as error:
        raise ManifestError(list(map(_of_inputs, error.problems))) from error


def _json_object(content: bytes) -> dict[str, Any] | None:
    """What a JSON object holds; None for anything else, of which the reader of YAML knows more.

    JSON may be indented by tabs, and write a character as two escapes, which YAML may not.
    """
    try:
        value = json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object; ValueError for a key that stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key stands twice"
        raise ValueError(message)
    return found


def _of_inputs(problem: Problem) -> Problem:
    """What is wrong with a file of inputs, which is read as a manifest is, in its own words."""
    message = _OF_INPUTS.get(problem.code)
    return problem if message is None else replace(problem, message=message, hint=_FOR_EXAMPLE)


_OF_INPUTS = {
    "yaml_root": "inputs are a mapping of names to values",
    "yaml_empty": "the file holds no inputs",
}
_FOR_EXAMPLE = "for example topic: agent loops"


def given_names(texts: Sequence[str] | None) -> tuple[str, ...]:
    """The names that an option has given, several in one text with commas between them."""
    names = (name.strip() for text in texts or () for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def chosen_names(texts: Sequence[str] | None, option: str) -> tuple[str, ...]:
    """The same of an option that chooses what to run: UsageError where it is given and has none."""
    names = given_names(texts)
    if texts and not names:
        message = f"{option} names no action"
        raise UsageError(message, hint="leave it out to run them all")
    return names
