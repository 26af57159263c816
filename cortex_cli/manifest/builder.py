"""Values and their places, built from the events of the parser: one pass, no recursion."""

import re
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from yaml import events

from cortex_cli.manifest.document import Document, Limits, Places, packed
from cortex_cli.manifest.objections import Objections
from cortex_cli.manifest.parser import Alias, Mark, Node, Scalar
from cortex_cli.manifest.scalars import CONSTANTS, NUMBER_STARTS, UnusableNumberError, resolve

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SUSPECT_STARTS = NUMBER_STARTS | {"<"}


@dataclass(slots=True)
class _Anchored:
    """What an anchor names, with the number of its values and the depth of its nesting."""

    value: Any
    nodes: int = 1
    height: int = 0
    source: str | None = None
    is_open: bool = False


@dataclass(slots=True)
class _Frame:
    """A list or a mapping that is being read; a mapping without a `key` expects one next.

    The places of its children are those that the builder has collected from `base` on.
    """

    container: Any
    is_mapping: bool
    base: int = 0
    nodes_before: int = 0
    anchored: _Anchored | None = None
    key: str | None = None
    height: int = 1


class TreeBuilder:
    """Builds one document from events; `problems` is what was found wrong so far."""

    def __init__(self, file: str, size: int, limits: Limits) -> None:
        """`size` is that of the content, in bytes."""
        self._file = file
        self._limits = limits
        self._most_nodes = limits.most_values(size)
        self._objections = Objections(file, limits)
        self.problems = self._objections.problems
        self._places = Places()
        self._marks = array("Q")
        self._anchors: dict[str, _Anchored] = {}
        self._roots: list[Any] = []
        self._top = _Frame(self._roots, is_mapping=False)
        self._frames = [self._top]
        self._nodes = 0
        self._aliases = 0
        self._handlers: dict[type[events.Event], Callable[[Any], None]] = {
            events.DocumentStartEvent: self._on_document_start,
            events.ScalarEvent: self._on_scalar,
            events.AliasEvent: self._on_alias,
            events.MappingStartEvent: self._on_mapping_start,
            events.MappingEndEvent: self._on_end,
            events.SequenceStartEvent: self._on_sequence_start,
            events.SequenceEndEvent: self._on_end,
        }

    def consume(self, next_event: Callable[[], events.Event | None]) -> None:
        """Take events until there are no more.

        Raises ManifestError with all problems where there is nothing to go on with.
        """
        handlers = self._handlers
        while (event := next_event()) is not None:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)

    def document(self) -> Document:
        """The document, after all of its events; raises ManifestError if anything is wrong."""
        self._objections.raise_any()
        root: Any = self._roots[0] if self._roots else None
        self._places.root = self._marks[0] if self._roots else 0
        if root is None:
            self._objections.empty(self._places.root)
        if not isinstance(root, dict):
            self._objections.not_a_mapping(self._places.root, "a single value")
        return Document(cast("dict[str, Any]", root), self._file, self._places)

    def _on_document_start(self, event: Node) -> None:
        if self._roots:
            self._objections.second_document(_place(event.start_mark))

    def _on_scalar(self, event: Scalar) -> None:
        mark = event.start_mark
        place = mark.line << 32 | mark.column  # not packed(): most of the time goes here
        if event.tag is not None:
            self._objections.tag(place, event.tag)
        frame = self._top
        value = text = event.value
        is_suspect = not event.style and (text in CONSTANTS or text[0] in _SUSPECT_STARTS)
        if frame.is_mapping and frame.key is None:
            if is_suspect or text in frame.container or not text.isprintable():
                text = self._checked_key(frame, event, place)
            frame.key = sys.intern(text)
            self._marks.append(place)
        else:
            value = self._resolve(text, place) if is_suspect else text
            self._add(value, place)
        if event.anchor is not None:
            source = self._places.sources.get(place)
            self._anchors[event.anchor] = _Anchored(value, source=source)

    def _checked_key(self, frame: _Frame, event: Scalar, place: int) -> str:
        key = event.value
        if not event.style and key == "<<":
            self._objections.merge_key(place)
        elif not event.style and not _is_text(key):
            self._objections.key_not_text(place, key)
        elif _CONTROL.search(key):
            self._objections.key_with_control(place, key)
        elif key in frame.container:
            first = self._marks[frame.base + 2 * list(frame.container).index(key)]
            self._objections.key_twice(place, key, first)
        else:
            return key
        return _stand_in(frame)

    def _on_alias(self, event: Alias) -> None:
        place = _place(event.start_mark)
        self._aliases += 1
        if self._aliases > self._limits.max_aliases:
            self._objections.too_many_aliases(place)
        frame = self._top
        anchored = self._anchors.get(event.anchor)
        if frame.is_mapping and frame.key is None:
            self._objections.alias_as_key(place)
            frame.key = _stand_in(frame)
            self._marks.append(place)
        elif anchored is None:
            self._objections.alias_of_nothing(place, event.anchor)
            self._add(None, place)
        elif anchored.is_open:
            self._objections.alias_of_itself(place, event.anchor)
            self._add(None, place)
        else:
            self._repeat(anchored, place)

    def _repeat(self, anchored: _Anchored, place: int) -> None:
        if len(self._frames) - 1 + anchored.height > self._limits.max_depth:
            self._objections.too_deep(place)
        repeated = anchored.nodes - 1
        self._nodes += repeated
        self._most_nodes = min(self._most_nodes + repeated, self._limits.max_nodes)
        if self._nodes >= self._limits.max_nodes:
            self._objections.too_much_repeated(place)
        if anchored.source is not None:
            self._places.sources[place] = anchored.source
        self._top.height = max(self._top.height, anchored.height + 1)
        self._add(anchored.value, place)

    def _on_mapping_start(self, event: Node) -> None:
        self._open(event, _Frame({}, is_mapping=True), "a mapping")

    def _on_sequence_start(self, event: Node) -> None:
        if not self._roots:
            self._objections.not_a_mapping(_place(event.start_mark), "a list")
        self._open(event, _Frame([], is_mapping=False), "a list")

    def _open(self, event: Node, frame: _Frame, kind: str) -> None:
        place = _place(event.start_mark)
        if event.tag is not None:
            self._objections.tag(place, event.tag)
        if self._top.is_mapping and self._top.key is None:
            self._objections.key_of_parts(place, kind)
        if len(self._frames) > self._limits.max_depth:
            self._objections.too_deep(place)
        self._add(frame.container, place)
        if event.anchor is not None:
            frame.anchored = _Anchored(frame.container, is_open=True)
            self._anchors[event.anchor] = frame.anchored
        frame.base = len(self._marks)
        frame.nodes_before = self._nodes
        self._frames.append(frame)
        self._top = frame

    def _on_end(self, _: events.Event) -> None:
        frame = self._frames.pop()
        self._top = self._frames[-1]
        if frame.height >= self._top.height:
            self._top.height = frame.height + 1
        if frame.container:
            self._places.add(frame.container, self._marks[frame.base :])
            del self._marks[frame.base :]
        anchored = frame.anchored
        if anchored is not None:
            anchored.is_open = False
            anchored.height = frame.height
            anchored.nodes = self._nodes - frame.nodes_before + 1

    def _add(self, value: Any, place: int) -> None:
        frame = self._top
        if frame.is_mapping:
            frame.container[frame.key] = value
            frame.key = None
        else:
            frame.container.append(value)
        self._marks.append(place)
        self._nodes += 1
        if self._nodes > self._most_nodes:
            self._object_to_size(place)

    def _object_to_size(self, place: int) -> None:
        if self._nodes > self._limits.max_nodes:
            self._objections.too_many_values(place)
        self._objections.too_dense(place)

    def _resolve(self, text: str, place: int) -> Any:
        try:
            value = resolve(text)
        except UnusableNumberError as error:
            self._objections.number(place, error)
            return None
        if text not in CONSTANTS and not isinstance(value, str) and str(value) != text:
            self._places.sources[place] = text
        return value


def _place(mark: Mark) -> int:
    return packed(mark.line, mark.column)


def _is_text(text: str) -> bool:
    try:
        return isinstance(resolve(text), str)
    except UnusableNumberError:
        return False


def _stand_in(frame: _Frame) -> str:
    """A key in place of a wrong one, so that the places stay in step with the entries."""
    return f"\0{len(frame.container)}"
