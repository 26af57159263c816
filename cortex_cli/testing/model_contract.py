"""What every model client promises the engine, as checks that tests call with a client of theirs.

Each check is given `make`: a function that makes a client which follows a script, as an async
context manager. It raises AssertionError where the promise is broken.
"""

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import cast

import anyio

from cortex_cli.engine.ports import (
    CutShort,
    Message,
    ModelClient,
    ModelPiece,
    ModelRequest,
    TextPiece,
    ThoughtPiece,
)
from cortex_cli.engine.tool_calls import ToolCall, ToolDefinition
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.testing.scripts import Answer, BrokenOff, Call, Garbled, Hang, Refusal, Script

Make = Callable[[Sequence[Script]], AbstractAsyncContextManager[ModelClient]]

QUESTION = ModelRequest(messages=(Message(role="user", content="how are you"),))
PROMPT_SECONDS = 0.5
_UNTIL_IT_HANGS = 0.3

# What is scripted, the word for programs, whether another attempt may help, seconds to wait.
FAULTS: tuple[tuple[Script, str, bool, float | None], ...] = (
    (Refusal(status=429, retry_after=7), "rate_limited", True, 7.0),
    (Refusal(status=429, code="insufficient_quota"), "quota", False, None),
    (Refusal(status=401), "auth", False, None),
    (Refusal(status=404, code="model_not_found"), "model", False, None),
    (Refusal(status=400, code="context_length_exceeded"), "context_length", False, None),
    (Refusal(status=400), "request", False, None),
    (Refusal(status=500), "server", True, None),
    (Refusal(status=503, retry_after=2), "busy", True, 2.0),
    (BrokenOff("all is"), "broken_stream", True, None),
    (BrokenOff(), "broken_stream", True, None),
    (Garbled("all is"), "answer", True, None),
)


async def pieces_of(client: ModelClient, request: ModelRequest = QUESTION) -> list[ModelPiece]:
    """All pieces of an answer."""
    return [piece async for piece in client.stream(request)]


async def check_pieces_come_in_order(make: Make) -> None:
    """Thoughts, then the text in more than one piece, then the usage, once."""
    async with make([Answer(text="all is  well\n", thought="let me see")]) as client:
        pieces = await pieces_of(client)
    texts = [piece.text for piece in pieces if isinstance(piece, TextPiece)]
    thoughts = [piece.text for piece in pieces if isinstance(piece, ThoughtPiece)]
    assert "".join(texts) == "all is  well\n", f"the text came as {texts}"
    assert "".join(thoughts) == "let me see", f"the thoughts came as {thoughts}"
    assert len(texts) > 1, "the text came as one piece"
    assert isinstance(pieces[-1], Usage), f"the last piece is {pieces[-1]}"
    kinds = [type(piece) for piece in pieces]
    expected = [ThoughtPiece] * len(thoughts) + [TextPiece] * len(texts) + [Usage]
    assert kinds == expected, f"the pieces are {kinds}"


async def check_usage_counts_words(make: Make) -> None:
    """The usage is what the service counted."""
    async with make(["all is well"]) as client:
        usage = (await pieces_of(client))[-1]
    assert isinstance(usage, Usage)
    assert (usage.input_tokens, usage.output_tokens) == (3, 3), usage


async def check_answer_comes_at_once_if_asked(make: Make) -> None:
    """With `stream` False the text is one piece."""
    request = ModelRequest(messages=QUESTION.messages, stream=False)
    async with make(["all is well"]) as client:
        pieces = await pieces_of(client, request)
    assert pieces[:-1] == [TextPiece("all is well")], pieces


async def check_cut_is_told(make: Make) -> None:
    """An answer that reached its limit says so, after its text and before its usage."""
    async with make([Answer(text="all is", is_cut=True)]) as client:
        pieces = await pieces_of(client)
    assert pieces[-2] == CutShort("length"), pieces


async def check_faults_are_action_errors(make: Make) -> None:
    """Each fault is an ActionError of one line, with its word, and the text before it came."""
    for script, word, retryable, retry_after in FAULTS:
        async with make([script, "all is well"]) as client:
            error, text = await _failure(client)
            told = (error.error_type, error.retryable, error.retry_after)
            assert told == (word, retryable, retry_after), f"{script}: {told}"
            assert str(error).strip(), f"{script}: the error says nothing"
            assert "\n" not in str(error), f"{script}: {error}"
            assert text == getattr(script, "text", ""), f"{script}: before it came '{text}'"
            answered = await pieces_of(client)
            assert isinstance(answered[-1], Usage), "it answers no more after a fault"


async def check_early_close(make: Make) -> None:
    """A stream that is closed after its first piece ends soon, and the next request is answered."""
    async with make([Hang("all is"), "all is well"]) as client:
        async with aclosing(_generator(client)) as pieces:
            assert await anext(pieces) == TextPiece("all ")
            began = anyio.current_time()
        took = anyio.current_time() - began
        assert took <= PROMPT_SECONDS, f"closing took {took:.2f} s"
        assert isinstance((await pieces_of(client))[-1], Usage)


async def check_cancellation_is_prompt(make: Make) -> None:
    """A stream that hangs ends soon when it is cancelled, before and after its first piece."""
    for script in (Hang(), Hang("all is")):
        async with make(["ready", script, "all is well"]) as client:
            # The first request may take longer, and one that has not arrived takes no answer.
            await pieces_of(client)
            came: list[ModelPiece] = []
            with anyio.move_on_after(_UNTIL_IT_HANGS) as scope:
                await _read(client, came)
            took = anyio.current_time() - scope.deadline
            assert scope.cancelled_caught, f"it ended by itself, with {came}"
            assert took <= PROMPT_SECONDS, f"cancelling took {took:.2f} s"
            assert isinstance((await pieces_of(client))[-1], Usage)


async def check_calls_come_whole(make: Make) -> None:
    """Calls come one by one, each with all of its arguments, after the text and before the usage.

    Of a client that has `takes_tools`. What is asked may hold earlier calls and their results.
    """
    earlier = ToolCall(id="add", name="add", arguments='{"to": [1, 2]}')
    tool = ToolDefinition(name="add", description="Adds", parameters={"type": "object"})
    asked = (
        *QUESTION.messages,
        Message(role="assistant", content="", calls=(earlier,)),
        Message(role="tool", content="3", answers=earlier),
    )
    calls = (Call("add", {"to": [1, "two three"]}), Call("add"))
    for stream in (True, False):
        request = ModelRequest(messages=asked, tools=(tool,), stream=stream)
        async with make([Answer(text="I add", calls=calls)]) as client:
            pieces = await pieces_of(client, request)
        found = [piece for piece in pieces if isinstance(piece, ToolCall)]
        told = [(one.name, json.loads(one.arguments)) for one in found]
        assert told == [("add", {"to": [1, "two three"]}), ("add", {})], found
        assert len({one.id for one in found}) == len(calls), f"calls share an id: {found}"
        text = "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))
        assert text == "I add", f"the text came as {text}"
        kinds = [type(piece) for piece in pieces[-3:]]
        assert kinds == [ToolCall, ToolCall, Usage], f"the pieces end in {kinds}"


async def check_broken_calls_come_as_written(make: Make) -> None:
    """Arguments that are no JSON are what the model wrote.

    Of a client that has `takes_tools`, of a service that passes on what its models write.
    """
    request = ModelRequest(messages=QUESTION.messages, tools=(ToolDefinition(name="add"),))
    async with make([Answer(calls=[Call("add", "{oops")])]) as client:
        pieces = await pieces_of(client, request)
    found = [piece for piece in pieces if isinstance(piece, ToolCall)]
    assert [(one.name, one.arguments) for one in found] == [("add", "{oops")], pieces


CHECKS: tuple[Callable[[Make], object], ...] = (
    check_pieces_come_in_order,
    check_usage_counts_words,
    check_answer_comes_at_once_if_asked,
    check_cut_is_told,
    check_calls_come_whole,
    check_broken_calls_come_as_written,
    check_faults_are_action_errors,
    check_early_close,
    check_cancellation_is_prompt,
)


async def _read(client: ModelClient, came: list[ModelPiece]) -> None:
    async with aclosing(_generator(client)) as pieces:
        async for piece in pieces:
            came += [piece]


async def _failure(client: ModelClient) -> tuple[ActionError, str]:
    text = ""
    try:
        async for piece in client.stream(QUESTION):
            text += piece.text if isinstance(piece, TextPiece) else ""
    except ActionError as error:
        return error, text
    message = f"it did not fail, it answered '{text}'"
    raise AssertionError(message)


def _generator(client: ModelClient) -> AsyncGenerator[ModelPiece]:
    return cast("AsyncGenerator[ModelPiece]", client.stream(QUESTION))
