"""A plan while it is still being written: its actions, each as soon as its text is complete.

The format is one JSON object after another. An object with the key `final_answer` is the answer
that ends the loop; every other one is an action. Put up with besides: an array around the
objects, commas between them, a fence of Markdown, and `{"actions": […]}` around them all.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

LONGEST_ACTION = 1_000_000
"""The most characters that the text of an action may have."""

DEEPEST = 64
"""How deep an action may be nested; the action itself is the first level."""

MOST_OBJECTS = 10_000
"""How many objects one text may hold."""

LONGEST_REST = 10_000
"""Of a text that is no action, so many characters are kept."""

ANSWER = "final_answer"
CUT_OFF = "it was cut off in the middle"

_ACTIONS = "actions"
_OUTSIDE = "it stands outside of any action"
_CUT_MARK = "… (cut)"

_FENCE = re.compile(r"```\w*")
_AROUND = " \t\r\n,[]"
_BLANK = re.compile(r"[ \t\r\n]*")
_IN_PROSE = re.compile(r"[{\]]")
_IN_OBJECT = re.compile(r'["{}\[\]]')
_IN_STRING = re.compile(r'["\\]')


@dataclass(frozen=True, slots=True)
class WrittenAction:
    """An action whose text is complete: the JSON value, not checked, and its text."""

    value: Mapping[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class WrittenRest:
    """A text that is no action: prose between actions, or one that was cut off in the middle.

    One of more than 10,000 characters is cut, with a mark at its end.
    """

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The goal is met: a JSON value, a text as a rule."""

    value: Any


PlanPart = WrittenAction | WrittenRest | FinalAnswer


class PlanText:
    """Takes a text in pieces and gives its parts; linear in the length of the text.

    What is inside of an object is never taken for another one, however broken the object is: a
    text that was copied into an action can't become an action.
    """

    def __init__(self) -> None:
        self._parts: list[PlanPart] = []
        self._kept: list[str] = []
        self._length = 0
        self._most = LONGEST_REST
        self._depth = 0
        self._deepest = 0
        self._opening = ""
        self._is_in_string = False
        self._is_escaped = False
        self._last_key = ""
        self._wrapper: str | None = None
        self._is_tail = False
        self._objects = 0

    def feed(self, piece: str) -> list[PlanPart]:
        """The parts that end in this piece, in order."""
        place = 0
        while place < len(piece) and self._objects <= MOST_OBJECTS:
            if self._opening:
                place = self._open(piece, place)
            elif self._depth == 0:
                place = self._between(piece, place)
            elif self._is_in_string:
                place = self._string(piece, place)
            else:
                place = self._object(piece, place)
        return self._taken()

    def end(self) -> list[PlanPart]:
        """What is left when nothing more comes; a text in the middle of an action is told of."""
        self._keep(self._opening)
        self._opening = ""
        if self._objects > MOST_OBJECTS:
            return []
        if self._depth:
            self._tell(CUT_OFF)
        else:
            self._end_prose()
        if self._wrapper is not None:
            self._parts.append(WrittenRest(_shortened(self._wrapper), CUT_OFF))
        return self._taken()

    def _taken(self) -> list[PlanPart]:
        parts, self._parts = self._parts, []
        return parts

    def _between(self, piece: str, start: int) -> int:
        found = _IN_PROSE.search(piece, start)
        if found is None:
            self._keep(piece[start:])
            return len(piece)
        self._keep(piece[start : found.start()])
        if found[0] == "{":
            self._opening = "{"
        elif self._wrapper is None:
            self._keep("]")
        else:
            self._end_prose()
            self._begin(f"{self._wrapper}]")
            self._wrapper, self._is_tail = None, True
        return found.end()

    def _open(self, piece: str, start: int) -> int:
        """After a brace: it opens an object if a key follows, or its end."""
        blank = _BLANK.match(piece, start)
        end = start if blank is None else blank.end()
        self._opening = (self._opening + piece[start:end])[:LONGEST_REST]
        if end == len(piece):
            return end
        opening, self._opening = self._opening, ""
        if piece[end] not in '"}':
            self._keep(opening)
            return end
        self._end_prose()
        self._objects += 1
        if self._objects > MOST_OBJECTS:
            reason = f"a plan has at most {MOST_OBJECTS:,} actions; it is not read any further"
            self._parts.append(WrittenRest(opening, reason))
        self._begin(opening)
        return end

    def _string(self, piece: str, start: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            self._keep(piece[start])
            return start + 1
        found = _IN_STRING.search(piece, start)
        end = len(piece) if found is None else found.end()
        self._keep(piece[start:end])
        if self._depth == 1 and len(self._last_key) <= len(_ACTIONS):
            self._last_key += piece[start : min(end, start + len(_ACTIONS) + 1)]
        if found is not None:
            self._is_escaped = found[0] == "\\"
            self._is_in_string = self._is_escaped
        return end

    def _object(self, piece: str, start: int) -> int:
        found = _IN_OBJECT.search(piece, start)
        if found is None:
            self._keep(piece[start:])
            return len(piece)
        self._keep(piece[start : found.end()])
        match found[0]:
            case '"':
                self._is_in_string = True
                self._last_key = "" if self._depth == 1 else self._last_key
            case "[" if self._depth == 1 and self._is_list_of_actions():
                self._wrapper = self._text()
                self._clear()
            case "[" | "{":
                self._depth += 1
                self._deepest = max(self._deepest, self._depth)
            case _:
                self._depth -= 1
                if self._depth == 0:
                    self._close()
        return found.end()

    def _is_list_of_actions(self) -> bool:
        may_be = self._wrapper is None and not self._is_tail and self._deepest <= DEEPEST
        return may_be and self._last_key == f'{_ACTIONS}"'

    def _close(self) -> None:
        text, reason = self._text(), self._too_much()
        if reason is None:
            try:
                value = cast("dict[str, Any]", msgspec.json.decode(text))
            except ValueError as error:
                reason = f"it is not JSON: {error}"
            else:
                self._settle(value, text)
        if reason is not None:
            self._tell(reason)
        self._clear()
        self._is_tail = False

    def _too_much(self) -> str | None:
        if self._length > self._most:
            return f"its text is longer than {LONGEST_ACTION:,} characters"
        if self._deepest > DEEPEST:
            return f"it is nested deeper than {DEEPEST} levels"
        return None

    def _settle(self, value: dict[str, Any], text: str) -> None:
        if ANSWER not in value and not self._is_tail:
            self._parts.append(WrittenAction(value, text))
            return
        others = {key: one for key, one in value.items() if key not in {ANSWER, _ACTIONS}}
        if others:
            written = msgspec.json.encode(others).decode()
            self._parts.append(WrittenRest(_shortened(written), _OUTSIDE))
        if ANSWER in value:
            self._parts.append(FinalAnswer(value[ANSWER]))

    def _end_prose(self) -> None:
        text = _FENCE.sub("", self._text()).strip(_AROUND)
        if text:
            cut = _CUT_MARK if self._length > self._most else ""
            self._parts.append(WrittenRest(text + cut, _OUTSIDE))
        self._clear()

    def _tell(self, reason: str) -> None:
        self._parts.append(WrittenRest(_shortened(self._text()), reason))

    def _begin(self, text: str) -> None:
        """An object has begun, with this text."""
        self._depth = self._deepest = 1
        self._most = LONGEST_ACTION
        self._keep(text)

    def _clear(self) -> None:
        self._kept, self._length, self._most = [], 0, LONGEST_REST
        self._depth = self._deepest = 0
        self._last_key = ""

    def _keep(self, text: str) -> None:
        room = self._most - self._length
        self._length += len(text)
        if text and room > 0:
            self._kept.append(text[:room])

    def _text(self) -> str:
        return "".join(self._kept)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_REST else text[:LONGEST_REST] + _CUT_MARK
