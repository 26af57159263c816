"""Holding what is given to an agent or workflow against the inputs it declares."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cortex_cli.errors import ManifestError, Problem
from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.parameters import ValueDeclaration
from cortex_cli.manifest.wording import listed, quoted

_FEW = 12


@dataclass(frozen=True, slots=True)
class DeclaredInputs:
    """The inputs of an agent, a workflow, or a tool or relic run by itself; None: it takes any.

    `none_hint` is said of an input where none is declared.
    """

    declared: Mapping[str, ValueDeclaration] | None
    none_hint: str = "it takes no inputs"

    def accept(
        self, given: Mapping[str, Any], *, strict: bool = False
    ) -> tuple[dict[str, Any], list[str]]:
        """The inputs with defaults filled in, and warnings.

        What is optional and not given is null. What is given and not declared is passed on with a
        warning; with `strict`, as on the command line, it is an error. Raises ManifestError with
        every misfit at once.
        """
        if self.declared is None:
            return dict(given), []
        unknown = [self._unknown(name) for name in given if name not in self.declared]
        problems = [*self._misfits(given, strict=strict), *(unknown if strict else ())]
        if problems:
            raise ManifestError(problems)
        values = {name: declared.default for name, declared in self.declared.items()}
        return {**values, **given}, [str(problem) for problem in unknown]

    def _misfits(self, given: Mapping[str, Any], *, strict: bool) -> Iterator[Problem]:
        for name, declared in (self.declared or {}).items():
            if name not in given:
                if declared.is_required:
                    message = f"the input {quoted(name)} is missing"
                    hint = declared.description or None
                    yield Problem(code="missing_input", message=message, hint=hint)
            elif given[name] is not None or declared.is_required:
                misfit = declared.misfit(given[name])
                if misfit is not None:
                    message = f"the input {quoted(name)} {misfit}"
                    is_text = declared.type == "string"
                    hint = _as_text(name, given[name], on_command_line=strict) if is_text else None
                    yield Problem(code="wrong_input", message=message, hint=hint)

    def _unknown(self, name: str) -> Problem:
        known = list(self.declared or ())
        hint = did_you_mean(name, known)
        if hint is None and len(known) <= _FEW:
            hint = f"the inputs are {listed(known, 'and')}" if known else self.none_hint
        return Problem(code="unknown_input", message=f"there is no input {quoted(name)}", hint=hint)


def _as_text(name: str, value: object, *, on_command_line: bool) -> str | None:
    """How to give a number or a boolean as a text; None for what is neither."""
    if not isinstance(value, bool | int | float):
        return None
    written = f'"{json.dumps(value)}"'
    if on_command_line:
        return f"quote it twice: --set '{name}={written}'"
    return f"put it in quotes where it is written: {written}"
