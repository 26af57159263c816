"""Holding what is given to an agent or workflow against the inputs it declares."""

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
    """The inputs of an agent, a workflow, or a tool or relic run by itself; None: it takes any."""

    declared: Mapping[str, ValueDeclaration] | None

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
        problems = [*self._misfits(given), *(unknown if strict else ())]
        if problems:
            raise ManifestError(problems)
        values = {name: declared.default for name, declared in self.declared.items()}
        return {**values, **given}, [str(problem) for problem in unknown]

    def _misfits(self, given: Mapping[str, Any]) -> Iterator[Problem]:
        for name, declared in (self.declared or {}).items():
            if name not in given:
                if declared.is_required:
                    message = f"the input {quoted(name)} is missing"
                    hint = declared.description or None
                    yield Problem(code="missing_input", message=message, hint=hint)
            elif given[name] is not None or declared.is_required:
                misfit = declared.misfit(given[name])
                if misfit is not None:
                    yield self._misfit(name, declared, given[name], misfit)

    def _misfit(self, name: str, declared: ValueDeclaration, value: object, misfit: str) -> Problem:
        is_number = declared.type == "string" and isinstance(value, bool | int | float)
        hint = f"quote it twice: --set '{name}=\"{value}\"'" if is_number else None
        message = f"the input {quoted(name)} {misfit}"
        return Problem(code="wrong_input", message=message, hint=hint)

    def _unknown(self, name: str) -> Problem:
        known = list(self.declared or ())
        hint = did_you_mean(name, known)
        if hint is None and len(known) <= _FEW:
            hint = f"the inputs are {listed(known, 'and')}" if known else "it takes no inputs"
        return Problem(code="unknown_input", message=f"there is no input {quoted(name)}", hint=hint)
