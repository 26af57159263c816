"""What has failed in a plan that a model may mend, and what a patch replaces.

The order is fixed: an action's own attempts, its fallback targets, then a patch by the model, then
a person. A patch replaces the actions that have failed and those that were skipped because of
them; all else stays as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.kinds import ActionState, Effect, OnFailure
from cortex_cli.plan.admission import Admitted

Joined = tuple[ActionRecord, Admitted]
"""An action of the plan, and as what it has joined it."""


@dataclass(slots=True)
class Mending:
    """The failures of one iteration.

    `most` patches are asked for. `waiting` are the failures that no patch has been asked for, with
    their errors, `unmended` all that none has replaced, by the scheduler's numbers. `cone` is what
    the patch that is being written replaces, and `reason` why; `is_told`: its first part is there.
    `recalled` are the ids of the failures that were replaced in an earlier part of the run.
    """

    most: int
    waiting: dict[int, str] = field(default_factory=dict[int, str])
    unmended: set[int] = field(default_factory=set[int])
    patches: int = 0
    cone: list[Joined] = field(default_factory=list[Joined])
    reason: str = ""
    is_told: bool = False
    recalled: set[str] = field(default_factory=set[str])

    @property
    def is_due(self) -> bool:
        """Whether a patch is to be asked for."""
        return bool(self.waiting) and self.has_more

    @property
    def has_more(self) -> bool:
        """Whether there may be a further patch."""
        return self.patches < self.most

    def note(self, record: ActionRecord, error: str, *, may_mend: bool) -> None:
        """An action has failed for good."""
        if record.is_background or record.action.on_failure is OnFailure.CONTINUE:
            return
        self.unmended.add(record.number)
        if may_mend:
            self.waiting[record.number] = error

    def begin(self, joined: Sequence[Joined]) -> None:
        """A patch of all that waits for one is asked for."""
        self.patches += 1
        self.cone = cone_of(joined, self.waiting)
        self.reason = "; ".join(
            f"'{record.action.id}' failed: {self.waiting[record.number]}"
            for record, _ in self.cone
            if record.number in self.waiting
        )
        self.waiting = {}
        self.is_told = False

    def replaced(self) -> tuple[str, ...]:
        """The ids of what the patch replaces; told once, with its first part."""
        ids = () if self.is_told else tuple(record.action.id for record, _ in self.cone)
        self.is_told = True
        self.unmended -= {record.number for record, _ in self.cone}
        return ids

    def end(self) -> bool:
        """The patch is written; whether anything of it was."""
        was_written = bool(self.cone) and self.is_told
        self.cone = []
        return was_written

    def repeats(self, written: Mapping[str, Any], joined: Iterable[Joined] = ()) -> str | None:
        """The id of the failed action that a part of a patch would do again to the world, if any.

        `joined` are the actions of the plan, where patches of an earlier part of the run join it.
        """
        recalled = [one for one in joined if one[0].action.id in self.recalled]
        for record, admitted in (*self.cone, *recalled):
            has_run = record.is_ended and record.started is not None
            is_failed = has_run or record.action.id in self.recalled
            is_external = record.action.world_effect is Effect.EXTERNAL
            if is_failed and is_external and _call(admitted.written) == _call(written):
                return admitted.name
        return None


def cone_of(joined: Sequence[Joined], failed: Iterable[int]) -> list[Joined]:
    """The failed actions, and all that were skipped because of them, in the order of the plan."""
    children: dict[int, list[int]] = {}
    for _, admitted in joined:
        for place, _ in admitted.waits:
            children.setdefault(place, []).append(admitted.number)
    numbers = set(failed)
    pending = [admitted.number for record, admitted in joined if record.number in numbers]
    places = set(pending)
    while pending:
        for place in children.get(pending.pop(), ()):
            if place not in places and _is_skipped(joined[place][0]):
                places.add(place)
                pending.append(place)
    return [joined[place] for place in sorted(places)]


def _is_skipped(record: ActionRecord) -> bool:
    step = record.ledger.context.steps.get(record.action.id)
    return step is not None and step.status is ActionState.SKIPPED


def _call(written: Mapping[str, Any]) -> tuple[Any, ...]:
    wanted = ("type", "target", "operation", "parameters")
    return tuple(written.get(name) or None for name in wanted)
