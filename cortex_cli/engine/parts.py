"""Which part of a model's text each action of a plan was, so that the text can be replayed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from cortex_cli.engine.planner import FinalAnswer, WrittenAction, WrittenRest
from cortex_cli.payloads import Part, RefusedPart, Usage

_RECALLED: Part = (0, 0)


@dataclass(slots=True)
class Parts:
    """The parts of the turns of one iteration; both are counted from 1.

    `usage` is that of the last turn, and `is_answered`: it gave a final answer.
    """

    turn: int = 0
    usage: Usage | None = None
    is_answered: bool = False
    _count: int = 0
    _told: set[Part] = field(default_factory=set[Part])
    # With the value, so that its identity is not given to another.
    _values: dict[int, tuple[Mapping[str, Any], Part]] = field(
        default_factory=dict[int, tuple[Mapping[str, Any], Part]]
    )
    _texts: dict[str, list[tuple[Part, WrittenAction | WrittenRest]]] = field(
        default_factory=dict[str, list[tuple[Part, WrittenAction | WrittenRest]]]
    )

    def begin_turn(self) -> None:
        """A model is asked."""
        self.turn += 1
        self.usage, self.is_answered, self._count = None, False, 0

    def note(self, piece: WrittenAction | WrittenRest | FinalAnswer) -> None:
        """The model has written the next part, or a final answer, which is none."""
        if isinstance(piece, FinalAnswer):
            self.is_answered = True
            return
        self._count += 1
        part = self.turn, self._count
        if isinstance(piece, WrittenAction):
            self._values[id(piece.value)] = piece.value, part
        self._texts.setdefault(piece.text, []).append((part, piece))

    def place_of(self, written: Mapping[str, Any]) -> Part:
        """The turn and the part; two zeros for what an earlier part of the run has brought."""
        found = self._values.get(id(written))
        return _RECALLED if found is None else found[1]

    def refused(self, text: str, reason: str) -> RefusedPart | UnsetType:
        """A part that is refused; of equal ones the one that was written last."""
        known = self._texts.get(text)
        return _refused(*known.pop(), reason) if known else UNSET

    def waiting(self, text: str, reason: str) -> RefusedPart | None:
        """A part that waits for others; None if that was told before."""
        known = [one for one in self._texts.get(text, ()) if one[0] not in self._told]
        if not known:
            return None
        self._told.add(known[0][0])
        return _refused(*known[0], reason)


def beside_text(piece: WrittenAction) -> dict[str, Any] | UnsetType:
    """The action, where its text is not its JSON."""
    try:
        is_same = msgspec.json.decode(piece.text) == piece.value
    except (msgspec.DecodeError, RecursionError):
        is_same = False
    return UNSET if is_same else dict(piece.value)


def _refused(part: Part, piece: WrittenAction | WrittenRest, reason: str) -> RefusedPart:
    is_action = isinstance(piece, WrittenAction)
    written = beside_text(piece) if is_action else UNSET
    return RefusedPart(
        text=piece.text, reason=reason, is_action=is_action, part=part, written=written
    )
