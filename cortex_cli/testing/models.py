"""`ScriptedLLM`: a model whose answers are given beforehand."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from typing import assert_never

import anyio
import anyio.lowlevel
from msgspec.structs import replace

from cortex_cli.engine.ports import CutShort, ModelPiece, ModelRequest, TextPiece, ThoughtPiece
from cortex_cli.engine.tool_calls import ToolCall
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.testing.scripts import (
    AT_ONCE,
    Answer,
    BrokenOff,
    Garbled,
    Hang,
    Pace,
    Refusal,
    Script,
    paced,
    tokens_of,
)

_WORDS = {401: "auth", 403: "auth", 402: "quota", 404: "model", 429: "rate_limited", 503: "busy"}
_LASTING = {"auth", "quota", "model", "request", "context_length"}
_CODES = {"context_length_exceeded": "context_length", "insufficient_quota": "quota"}
_FIRST_SERVER_ERROR = 500


class ScriptedLLM:
    """A model client that streams the given answers, one a request, in order.

    An answer is cut into words, each with the white space that follows it. One that is an
    ActionError is raised instead; the faults of `cortex_cli.testing.scripts` raise what the real
    client raises for them. `requests` holds what was asked. A request for which no answer is left
    is an AssertionError: the test asked more often than it meant to.
    """

    def __init__(
        self,
        answers: Iterable[Script | ActionError],
        *,
        name: str = "scripted",
        pace: Pace = AT_ONCE,
        prices: tuple[float, float] | None = None,
        takes_tools: bool = True,
    ) -> None:
        """`pace` is kept on the clock of the event loop.

        `prices`, in US dollars, are of a token that is read and of one that is written. Without
        `takes_tools` it is a model that can only write texts.
        """
        self.takes_tools = takes_tools
        self._answers = iter(answers)
        self._name = name
        self._pace = pace
        self._prices = prices
        self.requests: list[ModelRequest] = []

    @property
    def name(self) -> str:
        """What the model is called in events and reports."""
        return self._name

    def price(self, usage: Usage) -> float | None:
        """What so many tokens cost; None without `prices`."""
        if self._prices is None:
            return None
        read, written = self._prices
        return usage.input_tokens * read + usage.output_tokens * written

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
        """The pieces of the next answer, then their number as the usage."""
        self.requests.append(request)
        script = next(self._answers, None)
        await anyio.lowlevel.checkpoint()
        match script:
            case None:
                message = f"request {len(self.requests)}: no answer is left"
                raise AssertionError(message)
            case ActionError():
                raise script
            case Refusal():
                raise _refused(script)
            case str():
                answer = Answer(text=script)
            case Answer():
                answer = script
            case BrokenOff(text) | Garbled(text) | Hang(text):
                answer = Answer(text=text)
            case _:
                assert_never(script)
        async with aclosing(self._written(answer, request)) as written:
            async for piece in written:
                yield piece
        await _end(script)
        usage = _usage(answer, request)
        yield replace(usage, cost_usd=self.price(usage))

    async def _written(self, answer: Answer, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
        thoughts, texts = tokens_of(answer.thought), tokens_of(answer.text)
        if not request.stream:
            thoughts, texts = [answer.thought], [answer.text]
        pieces: list[ModelPiece | None] = [
            *map(ThoughtPiece, filter(None, thoughts)),
            *map(TextPiece, filter(None, texts)),
            *self._calls(answer),
        ]
        async with aclosing(paced(pieces, answer.pace or self._pace)) as on_time:
            async for piece in on_time:
                if piece is not None:
                    yield piece
        if answer.is_cut:
            yield CutShort("length")

    def _calls(self, answer: Answer) -> Iterator[ModelPiece | None]:
        """The calls, each with the last token of its arguments."""
        for place, call in enumerate(answer.calls):
            yield from [None] * (len(tokens_of(call.written)) - 1)
            call_id = f"call_{len(self.requests)}_{place}"
            yield ToolCall(id=call_id, name=call.name, arguments=call.written)


async def _end(script: Script) -> None:
    match script:
        case BrokenOff():
            message = "the answer broke off"
            raise ActionError(message, error_type="broken_stream")
        case Garbled():
            message = "the answer could not be read"
            raise ActionError(message, error_type="answer")
        case Hang():
            await anyio.sleep_forever()
        case _:
            return


def _refused(refusal: Refusal) -> ActionError:
    is_theirs = refusal.status >= _FIRST_SERVER_ERROR
    word = _WORDS.get(refusal.status, "server" if is_theirs else "request")
    word = _CODES.get(refusal.code or "", word)
    return ActionError(
        refusal.message,
        error_type=word,
        retryable=word not in _LASTING,
        retry_after=refusal.retry_after,
    )


def _usage(answer: Answer, request: ModelRequest) -> Usage:
    asked = sum(len(tokens_of(message.content)) for message in request.messages)
    return Usage(input_tokens=asked, output_tokens=len(answer.tokens))
