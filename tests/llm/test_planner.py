"""A model's text as the pieces of a plan, and what happens where the model fails."""

import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import anyio
import pytest

from cortex_cli.engine.planner import (
    FinalAnswer,
    Outcome,
    PlanNote,
    PlanOrder,
    PlanPiece,
    PlanThought,
    PlanToken,
    Refused,
    WrittenAction,
    WrittenRest,
)
from cortex_cli.engine.ports import ModelPiece, ModelRequest, TextPiece
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.kinds import ActionType
from cortex_cli.llm.effort import LEAST_ROOM
from cortex_cli.llm.plan_prompt import Brief
from cortex_cli.llm.planner import ModelPlanner
from cortex_cli.manifest.models import ModelParameters
from cortex_cli.protocol.offers import Offer
from cortex_cli.testing import Answer, BrokenOff, Hang, Refusal, ScriptedLLM

BRIEF = Brief(
    offers=(
        Offer(
            type=ActionType.TOOL,
            target="look",
            parameters={
                "type": "object",
                "properties": {"at": {"type": "string"}},
                "required": ["at"],
            },
        ),
    )
)
ORDER = PlanOrder(agent_name="a", goal="see", iteration=1, max_iterations=5)
LATER = replace(
    ORDER, iteration=2, outcomes=(Outcome(iteration=1, action={"id": "a1"}, status="completed"),)
)
A1 = '{"id":"a1","type":"tool","target":"look","parameters":{"at":"the sea"}}'
A2 = '{"id":"a2","type":"tool","target":"look","parameters":{"at":"$(steps.a1)"}}'
ANSWER = '{"final_answer": "it is blue"}'


def planner(*scripts: Any, **changes: Any) -> tuple[ModelPlanner, ScriptedLLM]:
    model = ScriptedLLM(scripts)
    return ModelPlanner([model], BRIEF, **changes), model


async def pieces_of(planner: ModelPlanner, order: PlanOrder = ORDER) -> list[PlanPiece]:
    return [piece async for piece in planner.write(order)]


def ids(pieces: Iterable[PlanPiece]) -> list[str]:
    return [piece.value["id"] for piece in pieces if isinstance(piece, WrittenAction)]


def rests(pieces: Iterable[PlanPiece]) -> list[tuple[str, str]]:
    return [(piece.text, piece.reason) for piece in pieces if isinstance(piece, WrittenRest)]


def notes(pieces: Iterable[PlanPiece]) -> list[str]:
    return [piece.text for piece in pieces if isinstance(piece, PlanNote)]


@pytest.mark.anyio
async def test_thoughts_tokens_actions_and_usage_come_in_the_order_in_which_they_are_written() -> (
    None
):
    writer, model = planner(Answer(text=f"{A1}\n{A2}", thought="let me see"))
    pieces = await pieces_of(writer)
    thoughts = [piece.text for piece in pieces if isinstance(piece, PlanThought)]
    tokens = [piece.text for piece in pieces if isinstance(piece, PlanToken)]
    assert ("".join(thoughts), "".join(tokens)) == ("let me see", f"{A1}\n{A2}")
    first = next(place for place, piece in enumerate(pieces) if isinstance(piece, WrittenAction))
    assert pieces[first] == WrittenAction(json.loads(A1), A1)
    assert "".join(p.text for p in pieces[:first] if isinstance(p, PlanToken)) == f"{A1}\n"
    assert ids(pieces) == ["a1", "a2"]
    assert isinstance(pieces[-1], Usage)
    assert (writer.name, len(model.requests)) == ("scripted", 1)


@pytest.mark.anyio
async def test_an_action_is_known_while_the_model_still_writes() -> None:
    writer, _ = planner(Hang(f"{A1} and now "))
    written = WrittenAction(json.loads(A1), A1)
    with anyio.fail_after(5):
        async with aclosing(writer.write(ORDER)) as pieces:
            while await anext(pieces) != written:
                pass


@pytest.mark.anyio
async def test_a_cancelled_turn_closes_the_model() -> None:
    closed: list[str] = []

    class Watched:
        name = "watched"

        async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
            try:
                async for piece in ScriptedLLM([Hang(A1)]).stream(request):
                    yield piece
            finally:
                closed.append(request.messages[0].role)

    with anyio.move_on_after(0.05) as scope:
        await pieces_of(ModelPlanner([Watched()], BRIEF))
    assert scope.cancelled_caught
    assert closed == ["system"]


@pytest.mark.anyio
async def test_a_model_may_give_any_iterator() -> None:
    class Pieces:
        def __init__(self) -> None:
            self._rest: list[ModelPiece] = [TextPiece(A1), Usage(input_tokens=1)]

        def __aiter__(self) -> "Pieces":
            return self

        async def __anext__(self) -> ModelPiece:
            if not self._rest:
                raise StopAsyncIteration
            return self._rest.pop(0)

    class Plain:
        name = "plain"

        def stream(self, request: ModelRequest) -> Pieces:
            assert request.stream
            return Pieces()

    assert ids(await pieces_of(ModelPlanner([Plain()], BRIEF))) == ["a1"]


@pytest.mark.anyio
async def test_an_answer_is_the_last_piece_but_the_usage() -> None:
    pieces = await pieces_of(planner(f"{ANSWER} Good luck!")[0], LATER)
    assert rests(pieces) == [("Good luck!", "it stands outside of any action")]
    assert pieces[-2] == FinalAnswer("it is blue")
    assert isinstance(pieces[-1], Usage)


@pytest.mark.anyio
@pytest.mark.parametrize("order", [ORDER, replace(ORDER, pending=({"id": "a0"},))])
async def test_an_answer_beside_open_actions_is_left_out_unless_no_turn_follows(
    order: PlanOrder,
) -> None:
    text = ANSWER if order.pending else f"{A1}{ANSWER}"
    pieces = await pieces_of(planner(text)[0], order)
    [note] = notes(pieces)
    assert note.endswith('came before the actions beside it had ended: "it is blue"')
    assert not any(isinstance(piece, FinalAnswer) for piece in pieces)
    pieces = await pieces_of(planner(text)[0], replace(order, iteration=5))
    assert FinalAnswer("it is blue") in pieces
    assert notes(pieces) == []


@pytest.mark.anyio
async def test_a_plan_that_reached_the_limit_says_so() -> None:
    pieces = await pieces_of(planner(Answer(text=f"{A1}{A2[:9]}", is_cut=True))[0])
    assert ids(pieces) == ["a1"]
    assert rests(pieces) == [
        (A2[:9], "it was cut off in the middle"),
        ("", "the plan was cut short: it reached the most tokens that it may have"),
    ]


@pytest.mark.anyio
async def test_where_a_model_breaks_off_the_whole_actions_stand() -> None:
    writer, model = planner(BrokenOff(f"{A1}{A2[:9]}"), "never asked")
    pieces = await pieces_of(writer)
    assert ids(pieces) == ["a1"]
    assert [reason for _, reason in rests(pieces)] == [
        "it was cut off in the middle",
        "the plan broke off: the answer broke off",
    ]
    assert len(model.requests) == 1


@pytest.mark.anyio
async def test_a_model_that_broke_off_before_any_action_has_failed() -> None:
    with pytest.raises(ActionError, match="the answer broke off") as caught:
        await pieces_of(planner(BrokenOff("I think"), "never asked")[0])
    assert caught.value.retryable


@pytest.mark.anyio
async def test_the_next_model_takes_over_at_once() -> None:
    first, second = ScriptedLLM([Refusal(status=401)], name="big"), ScriptedLLM([A1], name="small")
    writer = ModelPlanner([first, second], BRIEF)
    assert writer.name == "big"
    pieces = await pieces_of(writer)
    assert (ids(pieces), writer.name) == (["a1"], "small")
    assert notes(pieces) == ["refused; small plans in its place"]
    first = ScriptedLLM([Refusal(status=429, retry_after=3_600)], name="big")
    pieces = await pieces_of(ModelPlanner([first, ScriptedLLM([A1])], BRIEF))
    assert notes(pieces) == ["refused; scripted plans in its place"]


@pytest.mark.anyio
async def test_without_another_model_the_error_is_told() -> None:
    with pytest.raises(ActionError) as caught:
        await pieces_of(planner(Refusal(status=401, message="no key"))[0])
    assert (caught.value.error_type, str(caught.value)) == ("auth", "no key")


@pytest.mark.anyio
async def test_a_prompt_that_is_too_long_is_shortened_until_it_fits() -> None:
    too_long = Refusal(status=400, code="context_length_exceeded")
    long = replace(LATER, inputs={"text": "x" * 100_000})
    writer, model = planner(too_long, too_long, too_long, A1)
    pieces = await pieces_of(writer, long)
    assert ids(pieces) == ["a1"]
    assert notes(pieces) == ["refused; asked again with less"] * 3
    sizes = [sum(len(one.content) for one in asked.messages) for asked in model.requests]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0] / 2
    writer, model = planner(*[too_long] * 20)
    with pytest.raises(ActionError, match="refused"):
        await pieces_of(writer, long)
    assert 200_000 / 2 ** (len(model.requests) - 2) > LEAST_ROOM


@pytest.mark.anyio
async def test_settings_of_the_agent_go_into_every_request() -> None:
    settings = ModelParameters(temperature=0.5, top_p=0.9, max_tokens=300, stream=False)
    writer, model = planner(A1, parameters=settings, note="no 'big' here")
    pieces = await pieces_of(writer)
    asked = model.requests[0]
    assert (asked.temperature, asked.top_p, asked.max_tokens) == (0.5, 0.9, 300)
    assert (asked.stream, asked.grammar) == (False, None)
    assert pieces[0] == PlanNote("no 'big' here; scripted plans")
    assert ids(pieces) == ["a1"]


@pytest.mark.anyio
async def test_a_model_that_takes_grammars_gets_one_and_a_limit() -> None:
    class Held(ScriptedLLM):
        takes_grammars = True
        context_tokens = 4_096

    model = Held([A1])
    await pieces_of(ModelPlanner([model], BRIEF), replace(ORDER, inputs={"text": "x" * 9_000}))
    [asked] = model.requests
    assert asked.grammar is not None
    assert asked.grammar.startswith("root ::= plan-1\n")
    assert asked.max_tokens == 800
    assert sum(len(message.content) for message in asked.messages) < 6_000


@pytest.mark.anyio
async def test_what_was_refused_goes_back_to_the_model() -> None:
    writer, model = planner(A2)
    pieces = await pieces_of(
        writer, replace(ORDER, refused=(Refused(text=A2, reason="no such action 'a1'"),))
    )
    assert ids(pieces) == ["a2"]
    assert "no such action 'a1'" in model.requests[0].messages[-1].content


class Purse:
    """What a turn may use: so many calls more."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.asked: list[Usage] = []

    def require(self, usage: Usage) -> bool:
        self.asked.append(usage)
        self.calls -= 1
        return self.calls >= 0


@pytest.mark.anyio
async def test_the_first_call_of_a_turn_is_estimated_by_its_prompt_and_its_longest_answer() -> None:
    made, model = planner(ANSWER)
    expected = made.estimate(ORDER)
    await pieces_of(made, replace(ORDER, allowance=Purse(0)))
    [request] = model.requests
    size = sum(-(-len(one.content.encode()) // 3) + 8 for one in request.messages)
    assert (expected.input_tokens, expected.output_tokens) == (size, 2_048)
    assert request.max_tokens == 2_048
    made, model = planner(ANSWER, ANSWER, parameters=ModelParameters(max_tokens=70))
    assert made.estimate(ORDER).output_tokens == 70
    await pieces_of(made, replace(ORDER, allowance=Purse(0)))
    assert model.requests[0].max_tokens == 70


@pytest.mark.anyio
async def test_a_further_call_of_a_turn_asks_for_what_it_needs() -> None:
    first, other = ScriptedLLM([Refusal(status=503)]), ScriptedLLM([ANSWER], name="other")
    purse = Purse(1)
    made = ModelPlanner([first, other], BRIEF)
    pieces = await pieces_of(made, replace(ORDER, allowance=purse))
    assert FinalAnswer("it is blue") in pieces
    assert purse.asked == [made.estimate(ORDER)]


@pytest.mark.anyio
async def test_no_other_model_takes_over_where_the_budget_has_not_enough() -> None:
    first, other = ScriptedLLM([Refusal(status=503)]), ScriptedLLM([ANSWER], name="other")
    third = ScriptedLLM([ANSWER], name="third")
    made = ModelPlanner([first, other, third], BRIEF)
    with pytest.raises(ActionError) as caught:
        await pieces_of(made, replace(ORDER, allowance=Purse(0)))
    assert (caught.value.error_type, caught.value.retryable) == ("budget_exhausted", False)
    assert other.requests == third.requests == []


@pytest.mark.anyio
async def test_what_a_model_wrote_before_it_broke_off_counts() -> None:
    made, model = planner(BrokenOff("Well, let me see. "), ANSWER)
    first, second = ModelPlanner([model, model], BRIEF), made
    pieces = await pieces_of(first)
    used = [piece for piece in pieces if isinstance(piece, Usage)]
    assert len(used) == 2
    assert used[0].output_tokens == 6
    assert used[0].input_tokens == second.estimate(ORDER).input_tokens
