import pytest

from cortex_cli.engine.ports import Message, ModelPiece, ModelRequest, TextPiece
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.testing import ScriptedLLM

QUESTION = ModelRequest(messages=(Message(role="user", content="how are you"),))


async def pieces_of(model: ScriptedLLM) -> list[ModelPiece]:
    return [piece async for piece in model.stream(QUESTION)]


async def test_each_request_gets_the_next_answer_in_pieces() -> None:
    model = ScriptedLLM(["all is  well\n", ""], delay=0.0)
    assert await pieces_of(model) == [
        TextPiece("all "),
        TextPiece("is  "),
        TextPiece("well\n"),
        Usage(input_tokens=3, output_tokens=3),
    ]
    assert await pieces_of(model) == [Usage(input_tokens=3, output_tokens=0)]
    assert model.requests == [QUESTION, QUESTION]
    assert model.name == "scripted"


async def test_a_scripted_error_is_raised() -> None:
    model = ScriptedLLM([ActionError("no such model", error_type="model")], name="m")
    with pytest.raises(ActionError, match="no such model"):
        await pieces_of(model)


async def test_a_request_too_many_is_a_bug_of_the_test() -> None:
    with pytest.raises(AssertionError, match="request 1: no answer is left"):
        await pieces_of(ScriptedLLM([]))
