"""What a written action names of the plan around it, and what is wrong with what it names."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from cortex_cli.kinds import EdgeKind
from cortex_cli.plan.conditions import ConditionSyntaxError, compile_condition
from cortex_cli.plan.edges import choices, conditions, templates
from cortex_cli.plan.paths import Path
from cortex_cli.plan.provided import BUILT_IN, ROOTS, Provided
from cortex_cli.plan.references import errors, find
from cortex_cli.plan.written import RefusedError
from cortex_cli.protocol.action import Action


class Token(NamedTuple):
    """A name of an action: its `id`, its `name` or its output `key`."""

    of: str
    text: str


def tokens_of(action: Action) -> Iterator[Token]:
    """All that the action can be named by."""
    yield Token("id", action.id)
    yield Token("name", action.name)
    if action.output_key is not None:
        yield Token("key", action.output_key)


@dataclass(frozen=True, slots=True)
class Want:
    """Another action that an action names: by any of the tokens, the first that there is.

    `is_choice`: it is named in a `then`. `told` says so for people and models.
    """

    tokens: tuple[Token, ...]
    kind: EdgeKind
    told: str
    is_choice: bool = False


def wants_of(action: Action, provided: Provided) -> list[Want]:
    """What an action names of other actions.

    RefusedError for what nobody can provide, such as a secret, and for what can't be read.
    """
    wants = [
        Want(_either(name), EdgeKind.DEPENDS_ON, f"it depends on '{name}'")
        for name in action.depends_on
    ]
    wants += [
        Want(_either(name), EdgeKind.DEPENDS_ON, f"it chooses '{name}'", is_choice=True)
        for _, name in choices(action)
    ]
    for root, path, place, has_default in _named(action):
        if root == "secrets":
            message = f"'{place}' names a secret, which a plan that a model writes cannot"
            raise RefusedError(message)
        if root == "steps" and path:
            token = Token("id", str(path[0]))
            wants.append(Want((token,), EdgeKind.DATA, f"it refers to 'steps.{token.text}'"))
        elif root in ROOTS:
            has_item = action.for_each is not None and place != "for_each"
            trouble = provided.trouble(root, path, has_item=has_item)
            if trouble is not None and not has_default:
                hint = f"; {trouble.hint}" if trouble.hint else ""
                raise RefusedError(f"{trouble.message}{hint}")
        elif root not in BUILT_IN:
            wants.append(Want((Token("key", root),), EdgeKind.DATA, f"it refers to '{root}'"))
    return wants


def _either(name: str) -> tuple[Token, ...]:
    return Token("id", name), Token("name", name)


def _named(action: Action) -> Iterator[tuple[str, Path, str, bool]]:
    """Each root and path that an action names, in which field, and whether a default stands by."""
    for place, value in templates(action):
        for _, error in errors(value):
            raise RefusedError(str(error))
        for _, reference in find(value):
            has_default = reference.default is not None
            yield reference.root, reference.path, str(place[0]), has_default
    for place, text in conditions(action):
        try:
            condition = compile_condition(text)
        except ConditionSyntaxError as error:
            raise RefusedError(str(error)) from error
        for root, path in condition.paths:
            yield root, path, str(place[0]), False
