"""What a run asks of an action again and again, found out once.

Reading a field of an action costs as much as a call, because of how its model is made.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from cortex_cli.kinds import ActionMode, ActionType
from cortex_cli.plan.references import holds_dollar
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.fetch import Fetch

NO_ALIASES: Mapping[str, str] = {}


class Traits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An action as its attempts need it.

    `timeout` is in seconds, with the default filled in. `is_repeated`: for each item of a
    list. `feed` is the context feed that it fetches, and `interval` how many seconds old that may
    be; `aliases` are the keys of what it calls otherwise. `is_plain`: it has no reference to resolve, no environment and no folder of its own, so
    that `parameters` are as they are written.
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
        feed=action.feed if isinstance(action, Fetch) else None,
        interval=action.interval if isinstance(action, Fetch) else None,
        aliases=aliases,
    )
