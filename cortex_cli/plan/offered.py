"""What a plan that a model writes may call, and whether an action keeps to it (GUARANTEES 12)."""

from collections.abc import Mapping, Sequence
from typing import Any

from cortex_cli.ids import did_you_mean
from cortex_cli.kinds import ActionType
from cortex_cli.plan.literals import read_literal
from cortex_cli.plan.named_tools import named_tools, readings_of
from cortex_cli.plan.references import find, parse, walk
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.offers import Offer

DEFAULT_MODEL = "default"

_FREE = frozenset({ActionType.DECISION, ActionType.INTERNAL})
_MOST_MISFITS = 5
_LONGEST = 300
# Keywords that look at values further down, where a reference may stand for anything.
_DEEP = frozenset(
    {"enum", "const", "oneOf", "anyOf", "allOf", "not", "if", "contains", "uniqueItems"}
)


class NotOfferedError(Exception):
    """Why an action may not call what it calls, in words for people and models."""


class Menu:
    """The offers of a run."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        """Of two offers of the same the first counts."""
        self._offers: dict[tuple[ActionType, str], dict[str | None, Offer]] = {}
        for offer in offers:
            its = self._offers.setdefault((offer.type, offer.target), {})
            its.setdefault(offer.operation, offer)

    def choose(self, action: Action) -> Offer | None:
        """The offer that an action takes; None for one that calls nothing.

        Raises NotOfferedError if there is none, or if it may take none.
        """
        if action.type in _FREE:
            return None
        offer = self.find(action)
        for name in named_tools(action):
            self._check_named(name)
        for target in action.fallback:
            self._check(action, self._offer(action, target))
        self._check(action, offer)
        return offer

    def find(self, action: Action) -> Offer:
        """The offer of what an action calls, whatever its parameters; see `choose`."""
        return self._offer(action, action.target or DEFAULT_MODEL)

    def _offer(self, action: Action, target: str) -> Offer:
        known = self._offers.get((action.type, target))
        if known is None:
            raise NotOfferedError(self._unknown(action, target))
        wanted = action.operation
        if wanted is None and len(known) == 1:
            return next(iter(known.values()))
        if wanted not in known:
            names = [name for name in known if name is not None]
            if wanted is None:
                message = f"'{target}' needs an 'operation': {_listed(names)}"
            else:
                message = f"'{target}' has no operation '{wanted}'"
                message += f"; it has {_listed(names)}" if names else "; leave 'operation' out"
            raise NotOfferedError(message)
        return known[wanted]

    def _check_named(self, name: str) -> None:
        """The model of an llm action may call no more than the plan itself may."""
        for action_type, target, operation in readings_of(name):
            known = self._offers.get((action_type, target), {})
            if known and (operation is None or operation in known):
                return
        names = {
            target if operation is None else f"{target}.{operation}"
            for (action_type, target), its in self._offers.items()
            if action_type is not ActionType.LLM
            for operation in its
        }
        message = f"'{name}' under 'tools' may not be called: it is not among what is offered"
        hint = did_you_mean(name, sorted(names))
        raise NotOfferedError(f"{message}; {hint}" if hint else message)

    def _unknown(self, action: Action, target: str) -> str:
        message = f"{action.type} '{target}' may not be called: it is not among what is offered"
        targets = [name for kind, name in self._offers if kind is action.type]
        elsewhere = [kind for kind, name in self._offers if name == target]
        if elsewhere:
            return f"{message}; '{target}' is of type {elsewhere[0]}"
        hint = did_you_mean(target, targets)
        if hint is None and targets:
            hint = f"of type {action.type} there are {_listed(targets)}"
        return f"{message}; {hint}" if hint else message

    def _check(self, action: Action, offer: Offer) -> None:
        found = misfits(action.parameters, offer.parameters)
        if found:
            name = offer.target if offer.operation is None else f"{offer.target}.{offer.operation}"
            message = f"the parameters do not fit those of '{name}': {'; '.join(found)}"
            raise NotOfferedError(message)


def misfits(
    parameters: Mapping[str, Any], schema: Mapping[str, Any], *, are_values: bool = False
) -> list[str]:
    """What is wrong with parameters, by their JSON Schema; the first five.

    A value that comes from a reference may be anything, a text that holds one any text, and in
    other texts `$$` is one dollar, unless they `are_values` already. The schema can only refer to
    itself: nothing is fetched.
    """
    if not schema:
        return []
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    validator: Any = Draft202012Validator(schema, registry=Registry())
    found: list[str] = []
    try:
        given = dict(parameters) if are_values else read_literal(dict(parameters))
        for error in validator.iter_errors(given):
            written = walk(parameters, tuple(error.absolute_path))
            if are_values or not _is_open(written, str(error.validator)):
                place = str(error.json_path).removeprefix("$").removeprefix(".")
                found.append(f"{place + ': ' if place else ''}{error.message}"[:_LONGEST])
            if len(found) == _MOST_MISFITS:
                break
    except (Unresolvable, RecursionError) as error:
        return [f"their schema cannot be followed: {error}"]
    return found


def _is_open(value: Any, keyword: str) -> bool:
    """Whether what a schema says of a value can't be told before its references have values."""
    if not find(value):
        return False
    if isinstance(value, str):
        return parse(value).is_single or keyword != "type"
    return keyword in _DEEP


def _listed(names: Sequence[str]) -> str:
    shown = [f"'{name}'" for name in names[:_MOST_MISFITS]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
