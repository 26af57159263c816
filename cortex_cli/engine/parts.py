"""Which part of a model's text each action of a plan was, so that the text can be replayed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET, UnsetType

from cortex_cli.engine.planner import WrittenAction, WrittenRest
from cortex_cli.payloads import Part, RefusedPart

_RECALLED: Part = (0, 0)


@dataclass(slots=True)
class Parts:
    """The parts of the turns of one iteration; both are counted from 1."""

    turn: int = 0
    _count: int = 0
    _told: set[Part] = field(default_factory=set[Part])
    # With the value, so that its identity is not given to another.
    _values: dict[int, tuple[Mapping[str, Any], Part]] = field(
        default_factory=dict[int, tuple[Mapping[str, Any], Part]]
    )
    _texts: dict[str, list[tuple[Part, bool]]] = field(
        default_factory=dict[str, list[tuple[Part, bool]]]
    )

    def begin_turn(self) -> None:
        """A model is asked."""
        self.turn += 1
        self._count = 0

    def skip_to(self, number: int) -> None:
        """The next part of the turn has that number; a record lacks those that came to nothing."""
        self._count = number - 1

    def note(self, piece: WrittenAction | WrittenRest) -> None:
        """The model has written the next part."""
        self._count += 1
        part, is_action = (self.turn, self._count), isinstance(piece, WrittenAction)
        if isinstance(piece, WrittenAction):
            self._values[id(piece.value)] = piece.value, part
        self._texts.setdefault(piece.text, []).append((part, is_action))

    def place_of(self, written: Mapping[str, Any]) -> Part:
        """The turn and the part; two zeros for what an earlier part of the run has brought."""
        found = self._values.get(id(written))
        return _RECALLED if found is None else found[1]

    def refused(self, text: str, reason: str) -> RefusedPart | UnsetType:
        """A part that is refused; of equal ones the one that was written last."""
        known = self._texts.get(text)
        if not known:
            return UNSET
        part, is_action = known.pop()
        return RefusedPart(text=text, reason=reason, is_action=is_action, part=part)

    def waiting(self, text: str, reason: str) -> RefusedPart | None:
        """A part that waits for others; None if that was told before."""
        known = [one for one in self._texts.get(text, ()) if one[0] not in self._told]
        if not known:
            return None
        part, is_action = known[0]
        self._told.add(part)
        return RefusedPart(text=text, reason=reason, is_action=is_action, part=part)
