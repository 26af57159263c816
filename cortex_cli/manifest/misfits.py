"""What does not fit a model, told in the words of who writes manifests, at its place in the file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cortex_cli.errors import Problem
from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.document import Document, Step
from cortex_cli.manifest.parameters import is_mapping
from cortex_cli.manifest.schema import Schema, json_schema, keys_at
from cortex_cli.manifest.source import MOST_PROBLEMS
from cortex_cli.manifest.wording import has, listed, quoted, shown, subject, where

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from cortex_cli.kinds import ManifestKind

_FEW = 12
_MOST = 2 * MOST_PROBLEMS
_QUOTED = re.compile(r"'([^']*)'")

# What was wanted where a value is of the wrong type.
_WANTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}

# What a value of the right type must be.
_NUMBERS = {
    "greater_than": "be more than {gt}",
    "greater_than_equal": "be at least {ge}",
    "less_than": "be less than {lt}",
    "less_than_equal": "be at most {le}",
    "finite_number": "be a finite number",
}
_LENGTHS = {
    "string_too_short": "not be empty",
    "too_short": "not be empty",
    "string_too_long": "have at most {max_length} characters",
}
_OTHERWISE = "be something else"

# Under what other names a field may be written.
_ALIASES = {
    "retry": ("retry_policy", "retry_count"),
    "on_failure": ("skip_on_error",),
    "minimum": ("min",),
    "maximum": ("max",),
}

_CHOICES = {"enum": "expected", "literal_error": "expected", "union_tag_invalid": "expected_tags"}


@dataclass(frozen=True, slots=True)
class _Misfit:
    """One of pydantic's errors, with its path in the document."""

    path: tuple[Step, ...]
    type: str
    value: Any
    context: Mapping[str, Any]

    @property
    def is_of_wrong_type(self) -> bool:
        return self.type in _WANTED


class Misfits:
    """Tells what does not fit in one document; `kind` is the manifest's, as far as it is known."""

    def __init__(self, document: Document, kind: "ManifestKind | None" = None) -> None:
        """The document is, or holds, what is validated."""
        self._document = document
        self._kind = kind

    def told(self, error: "ValidationError", prefix: Sequence[Step] = ()) -> list[Problem]:
        """One problem for each place where something does not fit, up to some that are too many.

        `prefix` is the path of the validated value in the document.
        """
        by_path: dict[tuple[Step, ...], list[_Misfit]] = {}
        for details in error.errors(include_url=False)[:_MOST]:
            misfit = self._misfit(details, prefix)
            by_path.setdefault(misfit.path, []).append(misfit)
        # A value that is fine in its type for one alternative, and wrong further in, is told there.
        outer = {path[:end] for path in by_path for end in range(len(path))}
        return [
            self._problem(misfits)
            for path, misfits in by_path.items()
            if path not in outer or not all(misfit.is_of_wrong_type for misfit in misfits)
        ]

    @cached_property
    def _schema(self) -> Schema:
        return json_schema(self._kind)

    def _misfit(self, details: "ErrorDetails", prefix: Sequence[Step]) -> _Misfit:
        path = self._path((*prefix, *details["loc"]), details["type"])
        return _Misfit(path, details["type"], details["input"], details.get("ctx", {}))

    def _path(self, location: Sequence[Step], error_type: str) -> tuple[Step, ...]:
        """A location without the steps that name an alternative and not a key."""
        node: Any = self._document.value
        path: list[Step] = []
        for step in location:
            names = (step, *_ALIASES.get(step, ())) if isinstance(step, str) else (step,)
            for name in names:
                if has(node, name):
                    path.append(name)
                    node = node[name]
                    break
        if error_type == "missing":
            path.append(location[-1])
        if error_type.startswith("union_tag_"):
            path.append("type")
        return tuple(path)

    def _problem(self, misfits: Sequence[_Misfit]) -> Problem:
        first = _most_telling(misfits)
        if first.is_of_wrong_type:
            return self._wrong_type(first, [_WANTED[misfit.type] for misfit in misfits])
        if first.type in _CHOICES:
            return self._unknown_value(first, misfits)
        tell = {
            "extra_forbidden": self._unknown_key,
            "missing": self._missing_key,
            "union_tag_not_found": self._missing_key,
            "value_error": self._own_words,
        }.get(first.type, self._out_of_range)
        return tell(first)

    def _unknown_key(self, misfit: _Misfit) -> Problem:
        *parent, key = misfit.path
        known = keys_at(self._schema, self._document.value, parent)
        hint = did_you_mean(str(key), known)
        if hint is None and 0 < len(known) <= _FEW:
            hint = f"the keys here are {listed(known, 'and')}"
        message = f"unknown key {quoted(str(key))}{where(self._document.value, parent)}"
        return self._at(misfit.path, "unknown_key", message, hint, key=True)

    def _missing_key(self, misfit: _Misfit) -> Problem:
        *parent, key = misfit.path
        message = f"'{key}' is missing{where(self._document.value, parent)}"
        return self._at(parent, "missing_key", message)

    def _own_words(self, misfit: _Misfit) -> Problem:
        """What a model says itself: a whole sentence, or what the value must be.

        A sentence about a mapping is told at the first key of it that the sentence names.
        """
        message = str(misfit.context["error"])
        if message.startswith("must "):
            message = f"{self._subject(misfit)} {message}"
        named = _QUOTED.findall(message) if is_mapping(misfit.value) else []
        written = [name for name in named if name in misfit.value][:1]
        return self._at((*misfit.path, *written), "misfit", message, key=bool(written))

    def _unknown_value(self, misfit: _Misfit, misfits: Sequence[_Misfit]) -> Problem:
        expected = [str(m.context[_CHOICES[m.type]]) for m in misfits if m.type in _CHOICES]
        choices = list(dict.fromkeys(_QUOTED.findall(" ".join(expected))))
        value = misfit.context.get("tag", misfit.value)
        hint = f"it may be {listed(choices)}"
        match = did_you_mean(value, choices) if isinstance(value, str) else None
        if match is not None:
            hint = f"{match} {hint}"
        message = f"{self._subject(misfit)} cannot be {shown(value)}"
        return self._at(misfit.path, "unknown_value", message, hint)

    def _wrong_type(self, misfit: _Misfit, wanted: Sequence[str]) -> Problem:
        source = self._document.raw(misfit.path)
        if source is None and isinstance(misfit.value, bool):
            source = shown(misfit.value)
        is_text = "a string" in wanted and source is not None
        hint = f'quote it: "{source}"' if is_text else None
        must = f"must be {listed(list(dict.fromkeys(wanted)))}, not {self._shown(misfit)}"
        return self._at(misfit.path, "wrong_type", f"{self._subject(misfit)} {must}", hint)

    def _out_of_range(self, misfit: _Misfit) -> Problem:
        limits = {name: _plain(limit) for name, limit in misfit.context.items()}
        must = (_NUMBERS | _LENGTHS).get(misfit.type, _OTHERWISE).format_map(limits)
        instead = f", not {self._shown(misfit)}" if misfit.type in _NUMBERS else ""
        message = f"{self._subject(misfit)} must {must}{instead}"
        return self._at(misfit.path, "out_of_range", message)

    def _subject(self, misfit: _Misfit) -> str:
        return subject(self._document.value, misfit.path)

    def _shown(self, misfit: _Misfit) -> str:
        return shown(misfit.value, self._document.raw(misfit.path))

    def _at(
        self,
        path: Sequence[Step],
        code: str,
        message: str,
        hint: str | None = None,
        *,
        key: bool = False,
    ) -> Problem:
        line, column = self._document.locate(path, key=key)
        file = self._document.file
        return Problem(code=code, message=message, hint=hint, file=file, line=line, column=column)


def _most_telling(misfits: Sequence[_Misfit]) -> _Misfit:
    """Of what the alternatives say, that of one whose type the value has."""
    fitting = [misfit for misfit in misfits if not misfit.is_of_wrong_type] or misfits
    by_kind = [m for m in fitting if (m.type in _CHOICES) == isinstance(m.value, str)]
    return (by_kind or fitting)[0]


def _plain(limit: Any) -> Any:
    """A limit as people write it: 1,000,000 and not 1e+06."""
    is_whole = isinstance(limit, int) or (isinstance(limit, float) and limit.is_integer())
    return f"{int(limit):,}" if is_whole else limit
