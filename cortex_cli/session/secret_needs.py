"""Which secrets a program needs: those that it declares, and that something refers to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from cortex_cli.errors import Finding
from cortex_cli.ids import did_you_mean
from cortex_cli.kinds import ManifestKind, Severity
from cortex_cli.manifest.program import Program, RelicTarget, Target, ToolTarget
from cortex_cli.manifest.relic_models import RestInterface
from cortex_cli.manifest.secret_models import SecretDeclaration
from cortex_cli.plan.condition_text import ConditionSyntaxError
from cortex_cli.plan.conditions import compile_condition
from cortex_cli.plan.references import find
from cortex_cli.protocol.action import Action
from cortex_cli.session.within_reach import within_reach

_PLANNED = frozenset({ManifestKind.AGENT, ManifestKind.WORKFLOW})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Need:
    """A secret that is referred to: whose it is, what it is called, where it is taken from."""

    owner: Target
    name: str
    declared: SecretDeclaration


def owners_in(program: Program) -> Iterator[Target]:
    """A program, and all programs, tools and relics that its plan reaches, each once."""
    seen: set[Target] = set()
    for reached in program.reached():
        for owner in (reached, *within_reach(reached)):
            if owner not in seen:
                seen.add(owner)
                yield owner


def needs_of(owner: Target) -> Iterator[Need]:
    """The declared secrets of a manifest that something in it refers to."""
    used = set(_used(owner))
    for name, declared in declared_secrets(owner).items():
        if name in used:
            yield Need(owner=owner, name=name, declared=declared)


def declared_secrets(owner: Target) -> Mapping[str, SecretDeclaration]:
    """The secrets that a manifest declares."""
    if isinstance(owner, Program) and owner.kind not in _PLANNED:
        # A tool or relic that is run by itself declares them for itself.
        return {}
    return owner.manifest.secrets


def check_secrets(owner: Target) -> Iterator[Finding]:
    """A note on each secret that is not used, an error for each that is not declared."""
    declared = declared_secrets(owner)
    used = set(_used(owner))
    for name in declared:
        if name not in used:
            message = f"the secret '{name}' is declared and never used"
            hint = f"refer to it: ${{secrets.{name}}}"
            path = ("secrets", name)
            yield Finding(
                severity=Severity.NOTE, code="unused_secret", message=message, hint=hint, path=path
            )
    for place, value in _settings(owner):
        for name in _named(value):
            if name not in declared:
                message = f"'secrets.{name}' is no declared secret"
                hint = did_you_mean(name, declared) or f"declare '{name}' first"
                yield Finding(code="unknown_secrets", message=message, hint=hint, path=place)


def _used(owner: Target) -> Iterator[str]:
    for _, value in _settings(owner):
        yield from _named(value)
    match owner:
        case Program():
            for action in owner.actions:
                yield from _used_by(action)
        case ToolTarget():
            yield from _named(owner.manifest.implementation.model_dump())
        case RelicTarget():
            return
        case _:
            assert_never(owner)


def _settings(owner: Target) -> Iterator[tuple[tuple[str, ...], str]]:
    """The texts besides actions and requests that may refer to secrets, each with its place."""
    for name, text in owner.variables.items():
        yield ("environment", "variables", name), text
    if isinstance(owner, RelicTarget) and isinstance(owner.manifest.interface, RestInterface):
        yield ("interface", "base_url"), owner.manifest.interface.base_url


def _used_by(action: Action) -> Iterator[str]:
    yield from _named([action.parameters, action.env, action.cwd, action.for_each])
    for text in (action.condition, *(case.when for case in action.cases)):
        if text is not None:
            yield from _in_condition(text)


def _in_condition(text: str) -> Iterator[str]:
    try:
        condition = compile_condition(text)
    except ConditionSyntaxError:
        return
    for root, path in condition.paths:
        if root == "secrets" and path:
            yield str(path[0])


def _named(value: object) -> Iterator[str]:
    for _, reference in find(value):
        if reference.root == "secrets" and reference.path:
            yield str(reference.path[0])
