import re
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from cortex_cli.actions.llm import LlmAction, make_request
from cortex_cli.engine.ports import Message, ModelPiece, ModelRequest, TextPiece, ThoughtPiece
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.manifest.models import ModelParameters
from cortex_cli.testing import Answer, RecordingReporter, ScriptedLLM, make_call
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
    assert make_request({"prompt": "Go", "schema": None, "tools": []}).temperature is None


def test_what_an_action_does_not_set_is_as_its_agent_says() -> None:
    defaults = ModelParameters(temperature=0.5, top_p=0.9, max_tokens=5, stream=False)
    request = make_request({"prompt": "Go", "temperature": 0, "max_tokens": 7}, defaults)
    assert (request.temperature, request.top_p, request.max_tokens) == (0.0, 0.9, 7)
    assert not request.stream


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
        ({"prompt": "a", "schema": "x"}, "'schema' .* must be a JSON Schema", "parameters"),
        ({"prompt": "a", "schema": {"type": 1}}, r"no JSON Schema: \$.type: 1 is", "parameters"),
        ({"prompt": "a", "top_p": 2}, r"\$.top_p", "parameters"),
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


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize("answer", ['{"n": 1}', ' {"n":1}\n', '```json\n{"n": 1}\n```\n'])
async def test_with_a_schema_the_output_is_the_value(answer: str) -> None:
    model = ScriptedLLM([answer])
    assert await LlmAction(model).run(make_call({"prompt": "a", "schema": SCHEMA})) == {"n": 1}
    assert model.requests[0].schema == SCHEMA


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('{"n": "one"}', r"\$.n: 'one' is not of type 'integer'"),
        ("{}", r"\$: 'n' is a required property"),
        ("n is 1", "it is not JSON: "),
        ("[" * 5_000, "it is not JSON: "),
        ('{"n": NaN}', "it is not JSON: "),
    ],
)
async def test_an_answer_that_does_not_fit_is_asked_for_once_more(wrong: str, told: str) -> None:
    report = RecordingReporter()
    model = ScriptedLLM([wrong, '{"n": 1}'], name="m")
    call = make_call({"prompt": "a", "system": "b", "schema": SCHEMA}, report=report)
    assert await LlmAction(model).run(call) == {"n": 1}
    again = model.requests[1]
    assert [message.role for message in again.messages] == ["system", "user", "assistant", "user"]
    assert again.messages[2].content == wrong
    assert re.search(told, again.messages[3].content)
    assert again.schema == SCHEMA
    assert len(report.warnings) == 1
    assert re.search(f"answer of m does not fit its schema: {told}", report.warnings[0])
    assert len(report.usages) == 2


async def test_the_second_answer_that_does_not_fit_is_a_failure_that_may_be_retried() -> None:
    model = ScriptedLLM(["no", '{"n": 1.5}'], name="m")
    with pytest.raises(ActionError, match=r"of m does not fit its schema, asked twice: \$.n") as e:
        await LlmAction(model).run(make_call({"prompt": "a", "schema": SCHEMA}))
    assert (e.value.error_type, e.value.retryable) == ("schema", True)


async def test_no_more_than_five_misfits_are_told() -> None:
    schema = {"type": "array", "items": {"type": "string"}}
    model = ScriptedLLM(["[1,2,3,4,5,6,7]", '["a"]'])
    assert await LlmAction(model).run(make_call({"prompt": "a", "schema": schema})) == ["a"]
    assert model.requests[1].messages[-1].content.count("is not of type") == 5


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/schema.json", "#/$defs/gone"])
async def test_a_schema_can_only_refer_to_itself(reference: str) -> None:
    model = ScriptedLLM(["1"])
    with pytest.raises(ActionError, match="'schema' of an llm action cannot be followed") as e:
        await LlmAction(model).run(make_call({"prompt": "a", "schema": {"$ref": reference}}))
    assert (e.value.error_type, e.value.retryable) == ("parameters", False)


async def test_an_answer_that_was_cut_short_says_so() -> None:
    report = RecordingReporter()
    model = ScriptedLLM([Answer(text="all is", is_cut=True)], name="m")
    assert await LlmAction(model).run(make_call({"prompt": "a"}, report=report)) == "all is"
    assert report.warnings == [
        "the answer of m was cut short: it reached the most tokens that it may have"
    ]


def failing(word: str, *, retry_after: float | None = None) -> ScriptedLLM:
    error = ActionError("it failed", error_type=word, retry_after=retry_after)
    return ScriptedLLM([error], name="first")


@pytest.mark.parametrize(
    ("word", "is_last", "retry_after", "moves_on"),
    [
        ("auth", False, None, True),
        ("unreachable", False, None, True),
        ("quota", False, None, True),
        ("rate_limited", False, 5.0, False),
        ("rate_limited", True, 5.0, True),
        ("rate_limited", False, 61.0, True),
        ("server", False, None, False),
        ("broken_stream", True, None, True),
        ("context_length", True, None, False),
        ("request", True, None, False),
    ],
)
async def test_the_fallback_answers_where_waiting_is_of_no_use(
    *, word: str, is_last: bool, retry_after: float | None, moves_on: bool
) -> None:
    report = RecordingReporter()
    second = ScriptedLLM(["all is well"], name="second")
    action = LlmAction(failing(word, retry_after=retry_after), fallback=second)
    call = replace(make_call({"prompt": "a"}, report=report), is_last_attempt=is_last)
    if moves_on:
        assert await action.run(call) == "all is well"
        assert report.warnings == ["it failed; second answers in its place"]
    else:
        with pytest.raises(ActionError, match="it failed"):
            await action.run(call)
        assert second.requests == []


async def test_a_note_about_the_model_is_a_warning() -> None:
    report = RecordingReporter()
    action = LlmAction(ScriptedLLM(["fine"], name="m"), note="there is no key")
    await action.run(make_call({"prompt": "a"}, report=report))
    assert report.warnings == ["there is no key; m answers"]
