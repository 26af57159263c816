"""What a run asks of an action again and again, found out once.

Reading a field of an action costs as much as a call, because of how its model is made.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from cortex_cli.kinds import ActionMode, ActionType, OnFailure, RunIf
from cortex_cli.plan.conditions import Condition, compile_condition
from cortex_cli.plan.references import holds_dollar
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.fetch import Fetch

NO_ALIASES: Mapping[str, str] = {}


class Traits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An action as the scheduler and its attempts need it.

    `timeout` is in seconds, with the default filled in. `is_repeated`: for each item of a
    list. `is_plain`: it has no reference to resolve, no environment and no folder of its own, so
    that `parameters` are as they are written. `has_condition`: a condition decides on it; one
    about `item` is each item's own. `holds_slot`: it takes a slot while it runs. `is_background`:
    nothing waits for it. `feed` is the context feed that it fetches, `interval` how many seconds
    old that may be. `aliases` are the keys in the context of what it calls otherwise.
    """

    id: str
    name: str
    type: ActionType
    mode: ActionMode
    target: str | None
    operation: str | None
    timeout: float | None
    parameters: dict[str, Any]
    output_key: str | None
    is_repeated: bool
    is_plain: bool
    max_attempts: int
    priority: float
    resources: Mapping[str, float]
    run_if: RunIf
    on_failure: OnFailure
    wait_for_all: bool
    has_condition: bool
    holds_slot: bool
    is_background: bool
    feed: str | None = None
    interval: float | None = None
    aliases: Mapping[str, str] = NO_ALIASES


def traits_of(action: Action, aliases: Mapping[str, str] = NO_ALIASES) -> Traits:
    """The traits of one action, which finds under other keys what `aliases` name."""
    parameters = action.parameters
    is_plain = not action.env and action.cwd is None and not holds_dollar(parameters)
    return Traits(
        id=action.id,
        name=action.name,
        type=action.type,
        mode=action.mode,
        target=action.target,
        operation=action.operation,
        timeout=action.timeout,
        parameters=parameters,
        output_key=action.output_key,
        is_repeated=action.for_each is not None,
        is_plain=is_plain,
        max_attempts=action.retry.max_attempts,
        priority=action.priority,
        resources=action.resources,
        run_if=action.run_if,
        on_failure=action.on_failure,
        wait_for_all=action.wait_for_all,
        has_condition=_has_condition(action),
        holds_slot=action.holds_slot,
        is_background=action.mode is ActionMode.FIRE_AND_FORGET,
        feed=action.feed if isinstance(action, Fetch) else None,
        interval=action.interval if isinstance(action, Fetch) else None,
        aliases=aliases,
    )


def is_about_item(condition: Condition) -> bool:
    """Whether a condition has another value for each item of a `for_each`."""
    return any(root in {"item", "index"} for root, _ in condition.paths)


def _has_condition(action: Action) -> bool:
    text = action.condition
    if text is None or action.for_each is None:
        return text is not None
    return not is_about_item(compile_condition(text))
