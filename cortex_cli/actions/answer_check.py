"""An answer that has to be JSON and fit a schema: read, checked, and asked for once more."""

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from cortex_cli.errors import ActionError

_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_MOST_MISFITS = 5
_LONGEST = 300


class MisfitError(Exception):
    """Why an answer is not what its schema asks for, in words for people and models."""


def check_schema(schema: object) -> Mapping[str, Any]:
    """The schema; ActionError if it is none."""
    from jsonschema import Draft202012Validator, SchemaError

    if not isinstance(schema, dict):
        message = "'schema' of an llm action must be a JSON Schema, a mapping"
        raise ActionError(message, error_type="parameters", retryable=False)
    written = cast("dict[str, Any]", schema)
    try:
        Draft202012Validator.check_schema(written)
    except SchemaError as error:
        message = f"'schema' of an llm action is no JSON Schema: {error.json_path}: {error.message}"
        raise ActionError(message, error_type="parameters", retryable=False) from error
    return written


def read_answer(text: str, schema: Mapping[str, Any]) -> Any:
    """The value that an answer is the JSON of, alone or as one fenced block.

    MisfitError if it isn't JSON or doesn't fit. The schema can only refer to itself: nothing is
    fetched.
    """
    fenced = _FENCED.fullmatch(text)
    try:
        value = msgspec.json.decode(fenced[1] if fenced else text)
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"it is not JSON: {error}"
        raise MisfitError(message) from error
    misfits = _misfits(value, schema)
    if misfits:
        raise MisfitError("; ".join(misfits))
    return value


def _misfits(value: Any, schema: Mapping[str, Any]) -> list[str]:
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    validator: Any = Draft202012Validator(schema, registry=Registry())
    found: list[str] = []
    try:
        for error in validator.iter_errors(value):
            found.append(f"{error.json_path}: {error.message}"[:_LONGEST])
            if len(found) == _MOST_MISFITS:
                break
    except (Unresolvable, RecursionError) as error:
        message = f"'schema' of an llm action cannot be followed: {error}"
        raise ActionError(message, error_type="parameters", retryable=False) from error
    return found
