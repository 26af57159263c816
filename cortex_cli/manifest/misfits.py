"""What does not fit a model, told in the words of who writes manifests, at its place in the file."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cortex_cli.errors import Problem
from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.document import Document, Step
from cortex_cli.manifest.schema import MODELS, Schema, json_schema, keys_at
from cortex_cli.manifest.validation_errors import (
    CHOICES,
    WANTED,
    Misfit,
    misfits_by_path,
    most_telling,
)
from cortex_cli.manifest.wording import has, listed, quoted, shown, subject, where

if TYPE_CHECKING:
    from pydantic import ValidationError

    from cortex_cli.kinds import ManifestKind

_FEW = 12
_QUOTED = re.compile(r"'([^']*)'")

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


class Misfits:
    """Tells what does not fit in one document; `kind` is the manifest's."""

    def __init__(self, document: Document, kind: "ManifestKind") -> None:
        """The document is, or holds, what is validated."""
        self._document = document
        self._kind = kind

    def told(self, error: "ValidationError", prefix: Sequence[Step] = ()) -> list[Problem]:
        """One problem for each place where something does not fit, up to some that are too many.

        `prefix` is the path of the validated value in the document.
        """
        by_path = misfits_by_path(error, self._document, prefix)
        problems = {path: self._problem(misfits) for path, misfits in by_path.items()}
        # What is missing because it is misspelt is told once.
        hints = {(path[:-1], problem.hint) for path, problem in problems.items()}
        return [
            problem
            for path, problem in problems.items()
            if problem.code != "missing_key" or (path[:-1], _meant(path[-1])) not in hints
        ]

    @cached_property
    def _schema(self) -> Schema:
        return json_schema(self._kind)

    def _problem(self, misfits: Sequence[Misfit]) -> Problem:
        first = most_telling(misfits)
        if first.is_of_wrong_type:
            return self._wrong_type(first, [WANTED[misfit.type] for misfit in misfits])
        if first.type in CHOICES:
            return self._unknown_value(first, misfits)
        tell = {
            "extra_forbidden": self._unknown_key,
            "missing": self._missing_key,
            "union_tag_not_found": self._missing_key,
            "value_error": self._own_words,
        }.get(first.type, self._out_of_range)
        return tell(first)

    def _unknown_key(self, misfit: Misfit) -> Problem:
        *parent, key = misfit.path
        name = str(key)
        known = [key for key in keys_at(self._schema, self._document.value, parent) if key != name]
        hint = did_you_mean(name, known)
        kinds = [] if parent else [kind for kind in MODELS if name in _keys_of(kind)]
        if kinds and self._kind not in kinds:
            hint = f"it belongs to a manifest of kind {listed(kinds)}"
        if hint is None and 0 < len(known) <= _FEW:
            hint = f"the keys here are {listed(known, 'and')}"
        message = f"unknown key {quoted(name)}{where(self._document.value, parent)}"
        return self._at(misfit.path, "unknown_key", message, hint, key=True)

    def _missing_key(self, misfit: Misfit) -> Problem:
        *parent, key = misfit.path
        message = f"'{key}' is missing{where(self._document.value, parent)}"
        return self._at(parent, "missing_key", message)

    def _own_words(self, misfit: Misfit) -> Problem:
        """What a model says itself: a whole sentence, or what the value must be.

        A sentence about a mapping is told at the first key in it that the sentence names.
        """
        message = str(misfit.context["error"])
        if message.startswith("must "):
            message = f"{self._subject(misfit)} {message}"
        named = [name.split(".") for name in _QUOTED.findall(message)]
        written = next((steps for steps in named if _leads_on(misfit.value, steps)), list[str]())
        return self._at((*misfit.path, *written), "misfit", message, key=bool(written))

    def _unknown_value(self, misfit: Misfit, misfits: Sequence[Misfit]) -> Problem:
        expected = [str(m.context[CHOICES[m.type]]) for m in misfits if m.type in CHOICES]
        choices = list(dict.fromkeys(_QUOTED.findall(" ".join(expected))))
        others = dict.fromkeys(WANTED[m.type] for m in misfits if m.is_of_wrong_type)
        value = misfit.context.get("tag", misfit.value)
        hint = f"it may be {listed([*choices, *others])}"
        match = did_you_mean(value, choices) if isinstance(value, str) else None
        if match is not None:
            hint = f"{match} {hint}"
        message = f"{self._subject(misfit)} cannot be {shown(value)}"
        return self._at(misfit.path, "unknown_value", message, hint)

    def _wrong_type(self, misfit: Misfit, wanted: Sequence[str]) -> Problem:
        source = self._document.raw(misfit.path)
        if source is None and isinstance(misfit.value, bool):
            source = shown(misfit.value)
        is_text = "a string" in wanted and source is not None
        hint = f'quote it: "{source}"' if is_text else None
        must = f"must be {listed(list(dict.fromkeys(wanted)))}, not {self._shown(misfit)}"
        return self._at(misfit.path, "wrong_type", f"{self._subject(misfit)} {must}", hint)

    def _out_of_range(self, misfit: Misfit) -> Problem:
        limits = {name: _plain(limit) for name, limit in misfit.context.items()}
        must = (_NUMBERS | _LENGTHS).get(misfit.type, _OTHERWISE).format_map(limits)
        instead = f", not {self._shown(misfit)}" if misfit.type in _NUMBERS else ""
        message = f"{self._subject(misfit)} must {must}{instead}"
        return self._at(misfit.path, "out_of_range", message)

    def _subject(self, misfit: Misfit) -> str:
        return subject(self._document.value, misfit.path)

    def _shown(self, misfit: Misfit) -> str:
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


def _meant(key: Step) -> str:
    return f"did you mean '{key}'?"


def _keys_of(kind: "ManifestKind") -> set[str]:
    return {field.alias or name for name, field in MODELS[kind].model_fields.items()}


def _leads_on(value: Any, steps: Sequence[str]) -> bool:
    for step in steps:
        if not has(value, step):
            return False
        value = value[step]
    return True


def _plain(limit: Any) -> Any:
    """A limit as people write it: 1,000,000 and not 1e+06."""
    is_whole = isinstance(limit, int) or (isinstance(limit, float) and limit.is_integer())
    return f"{int(limit):,}" if is_whole else limit
