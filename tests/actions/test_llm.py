from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from cortex_cli.actions.llm import LlmAction, make_request
from cortex_cli.engine.ports import Message, ModelPiece, ModelRequest, TextPiece, ThoughtPiece
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.testing import RecordingReporter, ScriptedLLM, make_call
from cortex_cli.testing.handler_contract import (
    check_cancellation_is_prompt,
    check_failure_is_an_action_error,
    check_output_is_json,
)


def asked(**parameters: Any) -> list[tuple[str, str]]:
    request = make_request(parameters)
    return [(message.role, message.content) for message in request.messages]


class Thinker:
    """A client that thinks before it answers, and keeps whether it was closed."""

    name = "thinker"

    def __init__(self) -> None:
        self.closed = False
        self.running = False

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        self.running = True
        try:
            yield ThoughtPiece("let me see")
            yield TextPiece(request.messages[0].content)
            if request.max_tokens == 1:
                await anyio.sleep_forever()
            yield Usage(output_tokens=1)
        finally:
            self.closed = True


class Listed:
    """A client whose stream is no generator: there is nothing to close."""

    name = "listed"

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        answers = iter([message.content for message in request.messages])

        class Pieces:
            def __aiter__(self) -> AsyncIterator[ModelPiece]:
                return self

            async def __anext__(self) -> ModelPiece:
                for answer in answers:
                    return TextPiece(answer)
                raise StopAsyncIteration

        return Pieces()


def test_a_prompt_is_a_message_of_the_user() -> None:
    assert asked(prompt="Go") == [("user", "Go")]
    assert asked(prompt="Go", system="Be brief") == [("system", "Be brief"), ("user", "Go")]
    assert asked(prompt=["a", 1]) == [("user", '["a",1]')]


def test_other_parameters_follow_under_headings() -> None:
    assert asked(prompt="Compare.", wiki="Text\n", facts=[1, "ü"], nothing=None) == [
        ("user", 'Compare.\n\n## wiki\nText\n\n\n## facts\n[1,"ü"]\n\n## nothing\nnull')
    ]


def test_messages_are_sent_as_they_are_and_values_follow_the_last_question() -> None:
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "q"},
    ]
    assert asked(messages=turns) == [("system", "s"), ("user", "q")]
    assert asked(messages=turns, a="b") == [("system", "s"), ("user", "q\n\n## a\nb")]
    answered = [*turns, {"role": "assistant", "content": "r"}]
    assert asked(messages=answered, a="b")[-1] == ("user", "## a\nb")


def test_settings_are_passed_on() -> None:
    request = make_request({"prompt": "Go", "temperature": 1, "max_tokens": 5})
    assert request == ModelRequest(
        messages=(Message(role="user", content="Go"),), temperature=1.0, max_tokens=5
    )
    assert make_request({"prompt": "Go", "schema": None, "tools": None}).temperature is None


@pytest.mark.parametrize(
    ("parameters", "message", "word"),
    [
        ({}, "needs 'prompt' or 'messages'", "parameters"),
        ({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, "one of", "parameters"),
        ({"messages": []}, "needs 'prompt' or 'messages'", "parameters"),
        ({"messages": "a"}, r"Expected `array.*\$.messages", "parameters"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "Invalid enum value", "parameters"),
        ({"messages": [{"role": "user", "content": 1}]}, "Expected `str`", "parameters"),
        ({"messages": [{"role": "user", "content": "a", "x": 1}]}, "unknown field", "parameters"),
        ({"prompt": "a", "temperature": -1}, r"\$.temperature", "parameters"),
        ({"prompt": "a", "max_tokens": 0}, r"\$.max_tokens", "parameters"),
        ({"prompt": "a", "max_tokens": "9"}, r"\$.max_tokens", "parameters"),
        ({"prompt": "a", "value": {1, 2}, "b": float}, "not JSON", "parameters"),
        ({"prompt": "a", "schema": {}}, "'schema' .* can't be used yet", "not_yet"),
        ({"prompt": "a", "tools": []}, "'tools' .* can't be used yet", "not_yet"),
    ],
)
async def test_what_can_not_be_asked_is_refused(
    parameters: dict[str, Any], message: str, word: str
) -> None:
    model = ScriptedLLM([])
    with pytest.raises(ActionError, match=message) as caught:
        await LlmAction(model).run(make_call(parameters))
    assert caught.value.error_type == word
    assert not caught.value.retryable
    assert model.requests == []


async def test_the_answer_is_streamed_and_is_the_output() -> None:
    report = RecordingReporter()
    handler = LlmAction(ScriptedLLM(["all is well"], name="m"))
    assert await handler.run(make_call({"prompt": "how?"}, report=report)) == "all is well"
    assert report.tokens == [("all ", "m"), ("is ", "m"), ("well", "m")]
    assert report.usages == [Usage(input_tokens=1, output_tokens=3)]


async def test_thoughts_are_reported_and_no_part_of_the_answer() -> None:
    report = RecordingReporter()
    model = Thinker()
    assert await LlmAction(model).run(make_call({"prompt": "hi"}, report=report)) == "hi"
    assert report.thoughts == ["let me see"]
    assert model.closed


async def test_a_stream_that_can_not_be_closed_is_read_to_its_end() -> None:
    assert await LlmAction(Listed()).run(make_call({"prompt": "a", "system": "b"})) == "ba"


async def test_it_keeps_the_contract_of_handlers() -> None:
    no_answer = ActionError("no answer", error_type="model")
    handler = LlmAction(ScriptedLLM(["fine", no_answer]))
    await check_output_is_json(handler, make_call({"prompt": "a"}))
    await check_failure_is_an_action_error(handler, make_call({"prompt": "a"}))
    model = Thinker()
    await check_cancellation_is_prompt(
        LlmAction(model),
        make_call({"prompt": "a", "max_tokens": 1}),
        when_running=lambda: model.running,
        leaves_nothing=lambda: model.closed,
    )
