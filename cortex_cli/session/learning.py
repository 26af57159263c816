"""What past runs have shown of the actions of a plan, for its estimates."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cortex_cli.errors import CortexError
from cortex_cli.kinds import ActionType
from cortex_cli.plan.estimate import Learned
from cortex_cli.protocol.action import Action
from cortex_cli.settings import state_folder

_COMPUTED = frozenset({ActionType.DECISION, ActionType.INTERNAL})


def learned(
    actions: Sequence[Action], environ: Mapping[str, str], identity: str | None
) -> dict[str, Learned]:
    """By action id what is known; nothing where no run is kept, or the state can't be read.

    `identity` is the path of the manifest that was run: what has the same name in another may be
    something else. Of an action with `for_each` it is what one item took.
    """
    home = state_folder(environ)
    if identity is None or not (home / "history.db").exists():
        return {}
    return _read(home, actions, identity)


def _read(home: Path, actions: Sequence[Action], identity: str) -> dict[str, Learned]:
    from cortex_cli.store.history import DurationKey, History

    keys = {
        action.id: DurationKey(
            type=action.type, target=action.target, operation=action.operation, identity=identity
        )
        for action in actions
        if action.type not in _COMPUTED
    }
    try:
        found = History(home).quantiles(keys.values())
    except CortexError:
        # A plan can be made without.
        return {}
    return {
        name: Learned(found[key].count, found[key].p50, found[key].p90)
        for name, key in keys.items()
        if key in found
    }
