"""How the actions of a plan that joins a resumed run stand already."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec.structs import replace

from cortex_cli.engine.decide import decide
from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.engine.past import Past, PastEnd
from cortex_cli.errors import ActionError
from cortex_cli.kinds import (
    ActionMode,
    ActionState,
    ActionType,
    Effect,
    OnFailure,
    OnInterrupted,
    SkipReason,
)
from cortex_cli.plan.states import Item, Outcome
from cortex_cli.protocol.action import Action

PERFORMED = frozenset({ActionType.TOOL, ActionType.RELIC, ActionType.LLM})
"""The types of action that `on_interrupted` is for."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """Takes over what an earlier part of the run has done; `can_ask`: a person can be asked."""

    past: Past
    can_ask: bool
    _entered: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])

    def enter(self, path: tuple[str, ...]) -> None:
        """A plan begins at that path; a further attempt of it has nothing of the one before."""
        if path in self._entered:
            self.past.forget_within(path)
        self._entered.add(path)

    def apply(self, records: Sequence[ActionRecord], items: Sequence[Item]) -> list[Item]:
        """The items as the scheduler takes them; `records` are those of the same actions."""
        if not records:
            return []
        ended = self.past.of(records[0].ledger.stamp.path)
        joining = [
            self._item(record, item, ended.get(record.action.id))
            for record, item in zip(records, items, strict=True)
        ]
        self._count_items(records, ended)
        for place in self._unchosen(records, ended):
            if not records[place].is_ended:
                records[place].ledger.note_skipped(records[place], SkipReason.NOT_CHOSEN)
                joining[place] = replace(joining[place], ended=Outcome.SKIPPED)
        return joining

    def _count_items(self, records: Sequence[ActionRecord], ended: Mapping[str, PastEnd]) -> None:
        """Count the items of the lists that have ended: they do not join the plan any more."""
        if not self.past.is_own:
            return
        lists = {
            record.action.id: record.ledger
            for record in records
            if record.action.for_each is not None and record.action.id in ended
        }
        if not lists:
            return
        for name, end in ended.items():
            owner, bracket, _ = name.partition("[")
            if bracket and owner in lists:
                lists[owner].count_past(end)

    def _unchosen(self, records: Sequence[ActionRecord], ended: Mapping[str, PastEnd]) -> list[int]:
        """The places of the actions that decisions of the earlier part have not chosen."""
        first = records[0].number
        decided = {
            name
            for name, end in ended.items()
            if end.state in {ActionState.COMPLETED, ActionState.FAILED}
        }
        numbers: set[int] = set()
        for record in records:
            action = record.action
            if action.type is ActionType.DECISION and action.id in decided:
                chosen: tuple[str, ...] = ()
                # What could be decided once can be again, unless the manifest has changed.
                with suppress(ActionError):
                    chosen = decide(action, record.lookup)[1]
                numbers.update(record.ledger.not_chosen(action, chosen))
        return sorted(number - first for number in numbers)

    def _item(self, record: ActionRecord, item: Item, end: PastEnd | None) -> Item:
        if end is not None:
            if self.past.is_own:
                record.ledger.note_past(record, end)
            else:
                record.ledger.note_completed(record, end.output, cached=True)
            return replace(item, ended=_outcome(record.action, end.state))
        key = (record.ledger.stamp.path, record.action.id)
        record.attempt = self.past.retried.get(key, 0)
        record.forgiven = self.past.forgiven.get(key, 0)
        if item.needs_approval and key in self.past.approved:
            item = replace(item, needs_approval=False)
        failure = record.failure = self.past.failing.get(key)
        if failure is not None:
            record.attempt = failure.attempts
            # Another attempt of a nested run has nothing of the one that failed.
            self.past.forget_within((*key[0], key[1]))
            return replace(item, needs_approval=True)
        attempt = self.past.in_flight.get(key)
        is_performed = record.action.is_leaf and record.action.type in PERFORMED
        if attempt is not None and is_performed:
            record.attempt = attempt - 1
            return self._interrupted(record, item)
        return item

    def _interrupted(self, record: ActionRecord, item: Item) -> Item:
        """An action that was in flight: begun again as the same attempt, if that may be."""
        if record.action.for_each is not None:
            return item
        match self._policy(record.action):
            case OnInterrupted.RERUN:
                return item
            case OnInterrupted.ASK:
                record.was_interrupted = True
                return replace(item, needs_approval=True)
            case OnInterrupted.FAIL:
                message = "it was interrupted, and is not to be run again"
                record.ledger.note_failed(record, message, "interrupted")
                return replace(item, ended=_outcome(record.action, ActionState.FAILED))

    def _policy(self, action: Action) -> OnInterrupted:
        if action.on_interrupted is not None:
            return action.on_interrupted
        is_asked = self.can_ask and action.world_effect is Effect.EXTERNAL
        return OnInterrupted.ASK if is_asked else OnInterrupted.RERUN


def _outcome(action: Action, state: ActionState) -> Outcome:
    if state is ActionState.SKIPPED:
        return Outcome.SKIPPED
    is_borne = action.on_failure is OnFailure.CONTINUE or action.mode is ActionMode.FIRE_AND_FORGET
    return Outcome.OK if state is ActionState.COMPLETED or is_borne else Outcome.BLOCKED
