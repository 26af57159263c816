"""What the engine asks of models, and what they answer."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from cortex_cli.engine.tool_calls import ToolCall, ToolDefinition
from cortex_cli.events import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation with a model: role is `system`, `user`, `assistant` or `tool`.

    `calls` are those that the assistant makes in its turn. A `tool` says what came of the call
    that it `answers`; `is_error`: that failed.
    """

    role: str
    content: str
    calls: tuple[ToolCall, ...] = ()
    answers: ToolCall | None = None
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What a model is asked; None leaves a setting to the model.

    `schema` is the JSON Schema of the answer, `grammar` its grammar in GBNF; a model that can't be
    held to them is told of the schema and goes without the grammar, so whoever asks checks the
    answer. `stream` is False where the answer is wanted as one piece. Only a client that has
    `takes_tools`, and says that it is True, is given `tools`: what the model may call, unless
    `may_call` is False.
    """

    messages: tuple[Message, ...]
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    schema: Mapping[str, Any] | None = None
    grammar: str | None = None
    stream: bool = True
    tools: tuple[ToolDefinition, ...] = ()
    may_call: bool = True


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ThoughtPiece:
    """A piece of the reasoning that led to the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CutShort:
    """The answer ends before its end: it reached `max_tokens`, or was filtered."""

    reason: Literal["length", "filter"]


ModelPiece = TextPiece | ThoughtPiece | ToolCall | CutShort | Usage


class ModelClient(Protocol):
    """A model that answers in a stream."""

    @property
    def name(self) -> str:
        """What the model is called in events and reports."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """Pieces of the answer in order, with the usage last; ActionError if it can't answer.

        A ToolCall comes once it is whole, CutShort after the text and all calls. The caller closes
        the iterator, early if it is cancelled.
        """
        ...
