"""Prose that may hold references: a goal. What can't be meant as one stays as it is written.

Prose has dollar signs for reasons of its own (`$AAPL`, `$(ls -l)`), and a goal is read before
anything has run. So what names an input, a declared variable, the run or a built-in name is a
reference there, and nothing else is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from cortex_cli.errors import Finding
from cortex_cli.kinds import Severity
from cortex_cli.plan.edges import finding_of
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.paths import Path
from cortex_cli.plan.provided import BUILT_IN, ROOTS, Names, Provided
from cortex_cli.plan.references import Lookup, find, resolve
from cortex_cli.plan.templates import Reference, ReferenceSyntaxError, read_reference
from cortex_cli.protocol.sealed import as_json, joined

_THERE = frozenset({"inputs", "trigger", "env", "run"})
_DOLLAR = "a dollar sign is written '$$'"
_SECRET = "give it to the tool that needs it: a goal goes to a model"


def fill(text: str, lookup: Lookup) -> str:
    """The text with values in place of its references, as in a longer text of a parameter.

    Sealed if there is a secret in it. ActionError for a value that has no text, or is too large.
    """
    return joined(
        _value(part, lookup) if isinstance(part, Reference) and _is_meant(part) else _literal(part)
        for part in _parts(text)
    )


def word_for_word(text: str) -> str:
    """A text from outside as a goal that holds no references."""
    return text.replace("$", "$$")


def goal_findings(text: str, names: Names, variables: Mapping[str, str]) -> Iterator[Finding]:
    """Errors for references of a goal that have no value, and a warning for all else with a `$`.

    `names.known` are those that have a value later; `variables` are the declared ones, as written.
    """
    provided = Provided(Graph(()), names)
    for part in _parts(text):
        match part:
            case Reference() if _is_meant(part):
                yield from _check(part, provided, variables)
            case Reference() if part.root in ROOTS and part.path:
                yield _not_there(part)
            case Reference():
                yield _stays(part.text, _why(part.root), _nearest(part, provided))
            case _Stray(shown, why, hint):
                yield _stays(shown, why, hint)
            case str():
                pass
            case _:
                assert_never(part)


@dataclass(frozen=True, slots=True)
class _Stray:
    """A `$` that begins what looks like a reference, and is none: how that begins, and why."""

    shown: str
    why: str
    hint: str | None


_Part = str | Reference | _Stray


def _parts(text: str) -> Iterator[_Part]:
    end = 0
    while (dollar := text.find("$", end)) >= 0:
        yield text[end:dollar]
        end = dollar + 1
        try:
            reference = read_reference(text, dollar)
        except ReferenceSyntaxError as error:
            yield _Stray(text[dollar : dollar + 20], error.reason, error.hint)
            continue
        if reference is not None:
            yield reference
            end = reference.end
        else:
            yield "$"
            end += text.startswith("$", end)
    yield text[end:]


def _is_meant(reference: Reference) -> bool:
    is_there = reference.root in _THERE and bool(reference.path)
    return is_there or (reference.root in BUILT_IN and not reference.path)


def _literal(part: _Part) -> str:
    match part:
        case Reference():
            return part.text
        case _Stray():
            return "$"
        case str():
            return part
        case _:
            assert_never(part)


def _value(reference: Reference, lookup: Lookup) -> str:
    value = resolve(reference.text, lookup)
    return value if isinstance(value, str) else as_json(value)


def _check(
    reference: Reference, provided: Provided, variables: Mapping[str, str]
) -> Iterator[Finding]:
    trouble = provided.trouble(reference.root, reference.path)
    if trouble is not None:
        yield finding_of(trouble, reference, ("goal",))
    elif reference.root == "env" and _holds_secret(str(reference.path[0]), variables):
        message = f"the goal cannot hold a secret, and {reference.text} does"
        yield Finding(code="misplaced_secret", message=message, hint=_SECRET, path=("goal",))


def _holds_secret(name: str, variables: Mapping[str, str]) -> bool:
    """Whether a secret is in a variable, or in one that it names."""
    pending, seen = [name], set[str]()
    while pending:
        current = pending.pop()
        if current in seen or current not in variables:
            continue
        seen.add(current)
        for _, reference in find(variables[current]):
            if reference.root == "secrets":
                return True
            pending.append(_variable(reference.root, reference.path))
    return False


def _variable(root: str, path: Path) -> str:
    return str(path[0]) if root == "env" and path else root


def _not_there(reference: Reference) -> Finding:
    if reference.root == "secrets":
        message = "the goal cannot hold a secret"
        return Finding(code="misplaced_secret", message=message, hint=_SECRET, path=("goal",))
    message = f"{reference.text} has no value in the goal, which is read before anything has run"
    hint = "the model is told what came of the actions"
    return Finding(code="too_early", message=message, hint=hint, path=("goal",))


def _stays(shown: str, why: str, hint: str | None) -> Finding:
    message = f"{shown!r} stays as it is in the goal: {why}"
    return Finding(
        severity=Severity.WARNING,
        code="no_reference",
        message=message,
        hint=hint or _DOLLAR,
        path=("goal",),
    )


def _why(root: str) -> str:
    return f"'{root}' has no value as a whole" if root in ROOTS else f"nothing provides '{root}'"


def _nearest(reference: Reference, provided: Provided) -> str | None:
    names, root = provided.names, reference.root
    if root in names.known:
        return "it is fetched later, and the model is told it"
    if root in (names.inputs or ()):
        return f"did you mean '${{inputs.{root}}}'?"
    if root in names.env:
        return f"did you mean '${{env.{root}}}'?"
    return provided.hints.did_you_mean(root, sorted(BUILT_IN))
