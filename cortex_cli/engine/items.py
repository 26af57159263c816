"""`for_each`: the items of a list as actions of the running plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from msgspec.structs import replace

from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.errors import ActionError
from cortex_cli.events import PlanExtended, PlanExtendedData
from cortex_cli.kinds import ActionState, RunIf
from cortex_cli.plan.conditions import compile_condition
from cortex_cli.plan.traits import is_about_item
from cortex_cli.protocol.action import Action

MOST_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class Items:
    """The actions of one `for_each` while they run."""

    owner: ActionRecord
    group: int
    ids: tuple[str, ...]

    def outputs(self) -> list[Any]:
        """What each item gave, in order; None for one that was skipped or continued from."""
        steps = self.owner.ledger.context.steps
        return [steps[name].output for name in self.ids]

    def failure(self) -> ActionError:
        """The error of a list of which some items failed."""
        steps = self.owner.ledger.context.steps
        failed = [name for name in self.ids if steps[name].status is ActionState.FAILED]
        first = steps[failed[0]].error if failed else "none was completed"
        message = f"{len(failed)} of {len(self.ids)} items failed; the first: {first}"
        return ActionError(message, error_type="items", retryable=False)


def items_in(record: ActionRecord) -> list[Any]:
    """The list that the action is to be repeated for; ActionError if it is none."""
    found = record.resolve(record.action.for_each)
    if not isinstance(found, list):
        message = "'for_each' needs a list, and its reference gives something else"
        raise ActionError(message, error_type="for_each", retryable=False)
    items = cast(list[Any], found)
    if len(items) > MOST_ITEMS:
        message = f"'for_each' is given {len(items):,} items, more than {MOST_ITEMS:,}"
        raise ActionError(message, error_type="for_each", retryable=False)
    return items


def item_actions(action: Action, count: int) -> list[Action]:
    """One action an item: `ID[0]`, `ID[1]` …, which waits for nothing more."""
    own_condition = action.condition
    if own_condition is not None and not is_about_item(compile_condition(own_condition)):
        own_condition = None
    changes: dict[str, Any] = {
        "for_each": None,
        "output_key": None,
        "depends_on": (),
        "wait_for_all": True,
        "run_if": RunIf.SUCCESS,
        "condition": own_condition,
    }
    return [
        action.model_copy(
            update={**changes, "id": f"{action.id}[{n}]", "name": f"{action.name}[{n}]"}
        )
        for n in range(count)
    ]


def publish(record: ActionRecord, actions: Sequence[Action]) -> None:
    """Say which actions have joined the plan; each is planned as the one it stems from."""
    like = record.ledger.planned(record)
    planned = tuple(replace(like, id=action.id, name=action.name) for action in actions)
    is_whole = record.ledger.growth is None
    data = PlanExtendedData(actions=planned, edges=(), complete=is_whole)
    record.ledger.emit(PlanExtended, data)
