"""Actions of type `llm`: a prompt, and the model's answer as the output."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Literal, assert_never

import msgspec

from cortex_cli.actions.parameters import encoded
from cortex_cli.engine.ports import (
    ActionCall,
    Message,
    ModelClient,
    ModelPiece,
    ModelRequest,
    TextPiece,
    ThoughtPiece,
)
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage


class _Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["system", "user", "assistant"]
    content: str


class _Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters that are no named values; texts may be given as any JSON."""

    prompt: Any = None
    messages: list[_Turn] | None = None
    system: Any = None
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    schema: Any = None
    tools: Any = None


class LlmAction:
    """A handler that asks a model; its output is the whole answer, a text.

    Parameters: `prompt`, a text, or `messages`, a list of `{role, content}`; `system`,
    `temperature` and `max_tokens` may be given besides. Every other parameter is a named value:
    it follows the prompt under a heading `## name`, a text as it is, anything else as JSON.
    """

    def __init__(self, client: ModelClient) -> None:
        """`client` is asked once an attempt."""
        self._client = client

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt.

        Raises ActionError (`parameters`, `not_yet`, `secret`), or what the model raises.
        """
        if call.has_secret(call.parameters):
            message = "a secret would be in the prompt, and nothing was sent"
            hint = "give it to the tool that the model's answer goes to"
            raise ActionError(message, error_type="secret", retryable=False, hint=hint)
        answer: list[str] = []
        pieces = self._client.stream(make_request(call.parameters))
        try:
            async for piece in pieces:
                match piece:
                    case TextPiece(text):
                        answer.append(text)
                        call.report.token(text, self._client.name)
                    case ThoughtPiece(text):
                        call.report.thought(text)
                    case Usage():
                        call.report.usage(piece)
                    case _:
                        assert_never(piece)
        finally:
            await _close(pieces)
        return "".join(answer)


async def _close(pieces: AsyncIterator[ModelPiece]) -> None:
    import anyio

    aclose = getattr(pieces, "aclose", None)
    if aclose is not None:
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + 1):
            await aclose()


def make_request(parameters: Mapping[str, Any]) -> ModelRequest:
    """What the parameters of an llm action ask a model; ActionError for a misfit."""
    names = _Settings.__struct_fields__
    given = {name: value for name, value in parameters.items() if name in names}
    values = {name: value for name, value in parameters.items() if name not in names}
    try:
        settings = msgspec.convert(given, _Settings)
    except msgspec.ValidationError as error:
        message = f"the parameters of the prompt don't fit: {error}"
        raise ActionError(message, error_type="parameters", retryable=False) from error
    for name in ("schema", "tools"):
        if getattr(settings, name) is not None:
            message = f"'{name}' of an llm action can't be used yet"
            raise ActionError(message, error_type="not_yet", retryable=False)
    return ModelRequest(
        messages=tuple(_messages(settings, values)),
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
    )


def _messages(settings: _Settings, values: Mapping[str, Any]) -> list[Message]:
    if (settings.prompt is None) == (not settings.messages):
        message = "an llm action needs 'prompt' or 'messages', one of them"
        raise ActionError(message, error_type="parameters", retryable=False)
    messages = [Message(role=turn.role, content=turn.content) for turn in settings.messages or ()]
    if settings.prompt is not None:
        messages = [Message(role="user", content=_text(settings.prompt))]
    sections = [f"## {name}\n{_text(value)}" for name, value in values.items()]
    if sections:
        asked = [messages.pop().content] if messages[-1].role == "user" else []
        messages.append(Message(role="user", content="\n\n".join([*asked, *sections])))
    if settings.system is not None:
        messages.insert(0, Message(role="system", content=_text(settings.system)))
    return messages


def _text(value: Any) -> str:
    return value if isinstance(value, str) else encoded(value).decode()
