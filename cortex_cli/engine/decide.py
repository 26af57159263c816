"""What the engine works out itself: decisions."""

from typing import Any

from cortex_cli.plan.conditions import compile_condition, evaluate
from cortex_cli.plan.references import Lookup, resolve
from cortex_cli.protocol.action import Action, DecisionCase, DecisionDefault


def decide(action: Action, lookup: Lookup) -> tuple[Any, list[str]]:
    """The value of the first true case, and the ids or names of the actions not chosen by it.

    With no true case the `default` is taken; without one the value is None and nothing is
    chosen. Raises ActionError if a case can't be evaluated.
    """
    taken = _taken(action, lookup)
    chosen = set(taken.then)
    offered = [then for case in action.cases for then in case.then]
    if action.default is not None:
        offered.extend(action.default.then)
    return resolve(taken.value, lookup), [then for then in offered if then not in chosen]


def _taken(action: Action, lookup: Lookup) -> DecisionCase | DecisionDefault:
    for case in action.cases:
        if evaluate(compile_condition(case.when), lookup):
            return case
    return action.default or DecisionDefault()
