"""An action as a model writes it: read from a JSON value, or refused with one clear reason."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from cortex_cli.ids import did_you_mean
from cortex_cli.kinds import ActionType, Effect
from cortex_cli.plan.named_tools import troubles_of_tools
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.offers import Offer

_MOST_MISFITS = 3
_ALIASES = ("retry_policy", "retry_count", "skip_on_error")
# They say what a target is, or what becomes of it, which is for those to say who run it.
_NOT_FOR_MODELS = ("env", "cwd", "effect", "cache", "on_interrupted")


class RefusedError(Exception):
    """Why a written action may not join a plan, in words for people and models."""


def read_action(value: object) -> Action:
    """The action that a JSON value is; RefusedError if it is none, or sets what is not its own."""
    if not isinstance(value, Mapping):
        message = "an action is a JSON object"
        raise RefusedError(message)
    written = {str(key): one for key, one in cast("Mapping[object, Any]", value).items()}
    for name in _NOT_FOR_MODELS:
        if name in written:
            message = f"'{name}' is not for a model to set: leave it out"
            raise RefusedError(message)
    try:
        action = Action.model_validate(written)
    except ValidationError as error:
        raise RefusedError(_worded(error)) from error
    troubles = troubles_of_tools(action) if action.is_conversation else ()
    for _, _, message, _ in troubles:
        raise RefusedError(message)
    return action


def with_offer(action: Action, offer: Offer | None) -> Action:
    """The action as what it calls says that it is; RefusedError if it would repeat what it may not."""
    if offer is None:
        return action
    changes: dict[str, Any] = {}
    if offer.operation != action.operation:
        changes["operation"] = offer.operation
    if offer.effect is not None:
        changes["effect"] = offer.effect
    action = action.model_copy(update=changes) if changes else action
    if action.retry.max_attempts > 1 and action.world_effect is Effect.EXTERNAL:
        message = f"'retry' would repeat '{action.target}', which changes the world: leave it out"
        raise RefusedError(message)
    return action


def chosen_in(value: object) -> Iterator[str]:
    """The names in the `then` of a value that may be a decision, however wrong it is besides."""
    if not isinstance(value, Mapping):
        return
    written = cast("Mapping[str, Any]", value)
    if written.get("type") != ActionType.DECISION.value:
        return
    cases: Any = written.get("cases")
    every: list[Any] = [*cast("list[Any]", cases)] if isinstance(cases, list) else []
    for case in [*every, written.get("default")]:
        then: Any = (
            cast("Mapping[str, Any]", case).get("then") if isinstance(case, Mapping) else None
        )
        if isinstance(then, list):
            yield from (str(name) for name in cast("list[Any]", then))


def _worded(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [_misfit(one["type"], one["loc"], one["msg"]) for one in found[:_MOST_MISFITS]]
    more = len(found) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _misfit(kind: str, location: tuple[int | str, ...], message: str) -> str:
    place = ".".join(str(step) for step in location)
    if kind == "extra_forbidden":
        known = [*Action.model_fields, *_ALIASES] if len(location) == 1 else []
        hint = did_you_mean(place, known)
        return f"an action has no field '{place}'" + (f"; {hint}" if hint else "")
    text = message.removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    return f"'{place}': {text}" if place else text
