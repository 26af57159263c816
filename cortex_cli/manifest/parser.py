"""yaml's C parser, and what is used of its events."""

from collections.abc import Callable
from typing import Protocol

from yaml.events import Event

from cortex_cli.errors import SetupError


class Mark(Protocol):
    """A place, from 0, in characters."""

    line: int
    column: int


class Node(Protocol):
    """The event of a value, or of the beginning of one."""

    anchor: str | None
    tag: str | None
    start_mark: Mark


class Scalar(Node, Protocol):
    """The event of a scalar; `style` is empty for a plain one."""

    value: str
    style: str


class Alias(Protocol):
    """The event of an alias, which names its anchor."""

    anchor: str
    start_mark: Mark


def events_of(content: bytes) -> Callable[[], Event | None]:
    """A function that gives the next event of the content, None after the last.

    It raises yaml's MarkedYAMLError where the syntax is wrong. The parser keeps no more of the
    content's nesting than a stack on the heap, so it can be left at any event.
    """
    try:
        # Absent where PyYAML was built without libyaml.
        from yaml._yaml import CParser
    except ImportError as exc:
        message = "PyYAML is installed without its C parser"
        raise SetupError(message, hint="install a wheel of pyyaml, which brings libyaml") from exc
    return CParser(content).get_event
