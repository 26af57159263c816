"""What a model is told that it may call, and how it calls that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """Something that a model may call.

    `name` is letters, digits, `_` and `-`, at most 64 of them; `parameters` is the JSON Schema of
    an object.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call, as the model wrote it.

    `arguments` is the JSON of an object, unless the model broke off or can't write JSON. `id` is
    what tells it from the other calls of a conversation.
    """

    id: str
    name: str
    arguments: str
