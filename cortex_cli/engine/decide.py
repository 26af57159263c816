"""What the engine works out itself: decisions."""

from collections.abc import Iterator
from typing import Any

from cortex_cli.plan.conditions import compile_condition, evaluate
from cortex_cli.plan.references import Lookup, resolve
from cortex_cli.protocol.action import Action, DecisionCase, DecisionDefault


def decide(action: Action, lookup: Lookup) -> tuple[Any, tuple[str, ...]]:
    """The value of the first true case, and the ids or names of the actions that it chooses.

    With no true case the `default` is taken; without one the value is None and nothing is
    chosen. Raises ActionError if a case can't be evaluated.
    """
    taken = _taken(action, lookup)
    return resolve(taken.value, lookup), taken.then


def choices_of(action: Action) -> Iterator[str]:
    """The ids or names of all actions that a decision may choose."""
    for case in action.cases:
        yield from case.then
    if action.default is not None:
        yield from action.default.then


def _taken(action: Action, lookup: Lookup) -> DecisionCase | DecisionDefault:
    for case in action.cases:
        if evaluate(compile_condition(case.when), lookup):
            return case
    return action.default or DecisionDefault()
