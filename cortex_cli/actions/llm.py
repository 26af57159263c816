"""Actions of type `llm`: a prompt, and the model's answer as the output."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, assert_never

import msgspec

from cortex_cli.actions.answer_check import MisfitError, check_schema, read_answer
from cortex_cli.actions.parameters import encoded
from cortex_cli.engine.cache import digest
from cortex_cli.engine.call_usage import (
    ANSWER_TOKENS,
    counted_usage,
    estimated_usage,
    is_counted,
    require,
)
from cortex_cli.engine.cancellation import close
from cortex_cli.engine.conversations import refuse_secrets
from cortex_cli.engine.ports import (
    ActionCall,
    CutShort,
    Message,
    ModelClient,
    ModelRequest,
    Reporter,
    TextPiece,
    ThoughtPiece,
)
from cortex_cli.engine.tool_calls import ToolCall
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.manifest.models import ModelParameters

# With these, no further attempt of the same model is worth waiting for; with the others, all are.
_AT_ONCE = frozenset({"auth", "quota", "model", "setup", "unreachable"})
_IN_THE_END = frozenset({"rate_limited", "busy", "server", "broken_stream", "answer"})

_CUT = {"length": "it reached the most tokens that it may have", "filter": "it was filtered"}
_REPAIR = (
    "That answer cannot be used: {}. Answer again, with the whole JSON and without any other text."
)
_NO_DEFAULTS = ModelParameters()


class _Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["system", "user", "assistant"]
    content: str


class _Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters that are no named values; texts may be given as any JSON."""

    prompt: Any = None
    messages: list[_Turn] | None = None
    system: Any = None
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    schema: Any = None
    tools: Any = None


class LlmAction:
    """A handler that asks a model; its output is the whole answer.

    Parameters: `prompt`, a text, or `messages`, a list of `{role, content}`; `system`,
    `temperature` and `max_tokens` may be given besides. Every other parameter is a named value:
    it follows the prompt under a heading `## name`, a text as it is, anything else as JSON.

    Without `schema` the output is a text. With it, it is the value that the answer is the JSON of;
    an answer that does not fit is told what is wrong and asked for once more (`schema`).
    """

    def __init__(
        self,
        client: ModelClient,
        *,
        fallback: ModelClient | None = None,
        defaults: ModelParameters = _NO_DEFAULTS,
        note: str | None = None,
    ) -> None:
        """`fallback` answers where `client` cannot; `defaults` hold where an action sets nothing.

        `note` is a warning that each attempt gives.
        """
        self._client = client
        self._fallback = fallback
        self._defaults = defaults
        self._note = note

    async def fingerprint(self, _: ActionCall) -> dict[str, str]:
        """The digest of what answers: the models' names, and the settings that hold for them."""
        fallback = None if self._fallback is None else self._fallback.name
        defaults = self._defaults.model_dump(mode="json")
        return {"tool": digest([self._client.name, fallback, defaults])}

    def estimate(self, parameters: Mapping[str, Any]) -> Usage:
        """What the first call to the model uses at most; ActionError for parameters that don't fit.

        In a run with a budget an answer has at most 2,048 tokens where nothing else says it.
        """
        return estimated_usage(self._client, make_request(parameters, self._defaults))

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt.

        Raises ActionError (`parameters`, `schema`, `secret`, `budget_exhausted`), or what the model
        raises.
        """
        refuse_secrets(call)
        request = make_request(call.parameters, self._defaults)
        if call.allowance is not None and request.max_tokens is None:
            request = replace(request, max_tokens=ANSWER_TOKENS)
        if self._note is not None:
            call.report.warn(f"{self._note}; {self._client.name} answers")
        try:
            return await _answer(self._client, request, call)
        except ActionError as error:
            if self._fallback is None or not _moves_on(error, call):
                raise
            call.report.warn(f"{error}; {self._fallback.name} answers in its place")
        require(call.allowance, self._fallback, request)
        return await _answer(self._fallback, request, call)


def _moves_on(error: ActionError, call: ActionCall) -> bool:
    """Whether another model may do better, and waiting for this one is not to be tried first."""
    if error.error_type in _AT_ONCE:
        return True
    patience = call.action.retry.max_delay_seconds
    is_too_long = (error.retry_after or 0.0) > patience
    return error.error_type in _IN_THE_END and (call.is_last_attempt or is_too_long)


async def _answer(client: ModelClient, request: ModelRequest, call: ActionCall) -> Any:
    report, schema = call.report, request.schema
    text = await _read_text(client, request, report)
    if schema is None:
        return text
    try:
        return read_answer(text, schema)
    except MisfitError as error:
        report.warn(f"the answer of {client.name} does not fit its schema: {error}; asked again")
        reply = Message(role="user", content=_REPAIR.format(error))
    turns = (*request.messages, Message(role="assistant", content=text), reply)
    request = replace(request, messages=turns)
    require(call.allowance, client, request)
    text = await _read_text(client, request, report)
    try:
        return read_answer(text, schema)
    except MisfitError as error:
        message = f"the answer of {client.name} does not fit its schema, asked twice: {error}"
        raise ActionError(message, error_type="schema") from error


async def _read_text(client: ModelClient, request: ModelRequest, report: Reporter) -> str:
    """The text of an answer, whose pieces are reported as they come."""
    answer: list[str] = []
    is_told = False
    pieces = client.stream(request)
    try:
        async for piece in pieces:
            match piece:
                case TextPiece(text):
                    answer.append(text)
                    report.token(text, client.name)
                case Usage():
                    is_told = is_counted(piece)
                    report.usage(piece)
                case _:
                    _tell(piece, client.name, report)
    finally:
        if answer and not is_told:
            # It broke off, or the endpoint does not count: what was said was paid for.
            report.usage(counted_usage(client, request, "".join(answer)))
        await close(pieces)
    return "".join(answer)


def _tell(piece: ThoughtPiece | CutShort | ToolCall, name: str, report: Reporter) -> None:
    """Report what is no part of an answer."""
    match piece:
        case ThoughtPiece(text):
            report.thought(text)
        case CutShort(reason):
            report.warn(f"the answer of {name} was cut short: {_CUT[reason]}")
        case ToolCall():
            # Nothing was offered, so nothing can be meant.
            return
        case _:
            assert_never(piece)


def make_request(
    parameters: Mapping[str, Any], defaults: ModelParameters = _NO_DEFAULTS
) -> ModelRequest:
    """What the parameters of an llm action ask a model; ActionError for a misfit."""
    names = _Settings.__struct_fields__
    given = {name: value for name, value in parameters.items() if name in names}
    values = {name: value for name, value in parameters.items() if name not in names}
    try:
        settings = msgspec.convert(given, _Settings)
    except msgspec.ValidationError as error:
        message = f"the parameters of the prompt don't fit: {error}"
        raise ActionError(message, error_type="parameters", retryable=False) from error
    schema = None if settings.schema is None else check_schema(settings.schema)
    return ModelRequest(
        messages=tuple(_messages(settings, values)),
        temperature=defaults.temperature if settings.temperature is None else settings.temperature,
        top_p=defaults.top_p if settings.top_p is None else settings.top_p,
        max_tokens=defaults.max_tokens if settings.max_tokens is None else settings.max_tokens,
        schema=schema,
        stream=defaults.stream,
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
