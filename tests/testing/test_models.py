from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import anyio
import pytest
import trio.testing

from cortex_cli.engine.ports import ModelClient, TextPiece
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.testing import Answer, Pace, ScriptedLLM
from cortex_cli.testing.model_contract import CHECKS, QUESTION, Make, pieces_of
from cortex_cli.testing.scripts import Script


@asynccontextmanager
async def scripted(scripts: Sequence[Script]) -> AsyncGenerator[ModelClient]:
    yield ScriptedLLM(scripts)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_keeps_the_contract_of_model_clients(check: Callable[[Make], object]) -> None:
    await cast("Awaitable[None]", check(scripted))


async def test_each_request_gets_the_next_answer_in_pieces() -> None:
    model = ScriptedLLM(["all is  well\n", ""])
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


async def times(model: ScriptedLLM) -> list[float]:
    began = anyio.current_time()
    return [anyio.current_time() - began async for _ in model.stream(QUESTION)]


def test_the_pace_is_kept_on_the_clock_of_the_event_loop() -> None:
    clock = trio.testing.MockClock(autojump_threshold=0)
    pace = Pace(first_token_seconds=60, tokens_per_second=2)
    came = trio.run(times, ScriptedLLM(["a b c"], pace=pace), clock=clock)
    assert came == pytest.approx([60, 60.5, 61, 61])
    own = ScriptedLLM([Answer(text="a b", thought="c", pace=Pace(tokens_per_second=1))], pace=pace)
    clock = trio.testing.MockClock(autojump_threshold=0)
    assert trio.run(times, own, clock=clock) == pytest.approx([0, 1, 2, 2])
