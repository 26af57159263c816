"""Plans under the grammar: drawn at random, and written by the real model where it is there."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cortex_cli.engine.planner import Outcome, PlanOrder
from cortex_cli.engine.ports import Message, ModelRequest
from cortex_cli.kinds import ActionType
from cortex_cli.llm.plan_grammar import plan_grammar, turn_grammar
from cortex_cli.plan.check import check_plan, is_sound
from cortex_cli.plan.provided import Names
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.offers import Offer
from cortex_cli.testing.model_contract import pieces_of
from tests.llm.gbnf import Grammar

FETCH = {
    "type": "object",
    "properties": {"url": {"type": "string"}, "pages": {"type": "integer", "minimum": 1,
                                                        "maximum": 5}},
    "required": ["url"],
}  # fmt: skip
STORE = {
    "type": "object",
    "properties": {"key": {"type": "string"}, "value": {"type": ["string", "null"]}},
    "required": ["key", "value"],
}
ODD = {
    "type": "object",
    "properties": {
        'a"b\\': {"enum": ["x", 1, None, 'q"\\']},
        "c": {"const": {"d": [True]}},
        "e": {"type": "array", "items": {"type": "number", "minimum": 0}},
        "f": {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}},
        "g": {"type": "object", "properties": {"h": {"type": "object", "properties": {}}}},
        "i": {"type": "integer", "minimum": 0},
        "j": {"type": ["number", "boolean"]},
    },
}


def nested(depth: int) -> dict[str, Any]:
    if depth == 0:
        return {"type": "object"}
    inner = nested(depth - 1)
    properties = {"in": inner, "list": {"type": "array", "items": inner}}
    return {"type": "object", "properties": properties}


OFFERS = [
    Offer(type=ActionType.TOOL, target="fetch", parameters=FETCH),
    Offer(type=ActionType.RELIC, target="store", operation="set_value", parameters=STORE),
    Offer(type=ActionType.TOOL, target='odd "\\name', parameters=ODD),
    Offer(type=ActionType.TOOL, target="deep", parameters=nested(8)),
    Offer(type=ActionType.TOOL, target="any", parameters={"properties": {"x": True}}),
    Offer(type=ActionType.INTERNAL, target="note"),
]


def actions_in(text: str) -> list[dict[str, Any]]:
    """The JSON values that stand one after another in a text."""
    found: list[dict[str, Any]] = []
    decoder = json.JSONDecoder()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def check(text: str, offers: list[Offer]) -> list[Action]:
    """The plan, which loads, calls what is offered as it is offered, and is a DAG."""
    written = actions_in(text)
    actions = [Action.model_validate(one) for one in written]
    assert [action.id for action in actions] == [f"a{place + 1}" for place in range(len(actions))]
    by_name = {(offer.type, offer.target): offer for offer in offers}
    for action in actions:
        offer = by_name[action.type, action.target or ""]
        assert action.operation == offer.operation
        schema = {**offer.parameters, "additionalProperties": False}
        Draft202012Validator(schema).validate(action.parameters)
    _, findings = check_plan(actions, Names())
    assert is_sound(findings), (findings, text)
    return actions


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_grammar_allows_is_a_plan_that_loads(seed: int) -> None:
    grammar = Grammar.parse(plan_grammar(OFFERS, most_actions=5))
    random = Random(seed)
    for _ in range(5):
        check(grammar.draw(random), OFFERS)


def test_actions_refer_to_earlier_ones_only_and_all_may_be_called() -> None:
    grammar = Grammar.parse(plan_grammar(OFFERS, least_actions=4, most_actions=4))
    random = Random(1)
    plans = [check(grammar.draw(random), OFFERS) for _ in range(60)]
    assert {len(plan) for plan in plans} == {4}
    assert {action.target for plan in plans for action in plan} == {o.target for o in OFFERS}
    assert {tuple(plan[3].depends_on) for plan in plans} >= {(), ("a1",), ("a1", "a2", "a3")}
    texts = json.dumps([action.parameters for plan in plans for action in plan])
    assert {f"$(steps.a{n})" in texts for n in (1, 2, 3)} == {True}
    assert "$(steps.a4)" not in texts


def test_the_number_of_actions_keeps_its_bounds() -> None:
    grammar = Grammar.parse(plan_grammar(OFFERS, least_actions=2, most_actions=3))
    random = Random(2)
    assert {len(actions_in(grammar.draw(random))) for _ in range(40)} == {2, 3}


def test_there_is_no_white_space_but_in_texts() -> None:
    grammar = plan_grammar([Offer(type=ActionType.TOOL, target="t", parameters=FETCH)])
    drawn = Grammar.parse(grammar.replace("char{0,80}", '"u"')).draw(Random(3))
    assert not any(character.isspace() for character in drawn)


def test_a_plan_that_can_call_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="something that it may call"):
        plan_grammar([])


ORDER = PlanOrder(agent_name="a", goal="see", iteration=1, max_iterations=3)
LATER = replace(
    ORDER,
    iteration=2,
    outcomes=(
        Outcome(iteration=1, action={"id": "a1"}, status="completed"),
        Outcome(iteration=1, action={"id": "a2"}, status="failed", error="gone"),
    ),
)


def turns(order: PlanOrder, count: int = 60) -> list[list[dict[str, Any]]]:
    grammar = Grammar.parse(turn_grammar(OFFERS, order))
    random = Random(4)
    return [actions_in(grammar.draw(random)) for _ in range(count)]


def test_the_first_turn_is_a_plan() -> None:
    for turn in turns(ORDER):
        check("".join(map(json.dumps, turn)), OFFERS)


def test_a_later_turn_is_a_plan_or_an_answer_and_the_last_one_an_answer() -> None:
    either = turns(LATER)
    assert {"final_answer" in turn[0] for turn in either} == {True, False}
    answers = [turn for turn in either if "final_answer" in turn[0]]
    assert all(len(turn) == 1 and len(turn[0]["final_answer"]) > 0 for turn in answers)
    last = turns(replace(LATER, iteration=3))
    assert all(list(turn[0]) == ["final_answer"] for turn in last)


def test_later_actions_have_new_ids_and_refer_to_what_has_completed() -> None:
    plans = [turn for turn in turns(LATER, 150) if "final_answer" not in turn[0]]
    assert all(turn[0]["id"] == "a3" for turn in plans)
    assert all("depends_on" not in turn[0] for turn in plans)
    text = json.dumps(plans)
    assert ("$(steps.a1)" in text, "$(steps.a2)" in text, "$(steps.a3)" in text) == (
        True, False, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes", [{"pending": ({"id": "b"},)}, {"broken": (LATER.outcomes[1],), "iteration": 3}]
)
def test_a_repair_or_a_patch_is_no_answer(changes: dict[str, Any]) -> None:
    found = turns(replace(LATER, **changes))
    assert not any("final_answer" in turn[0] for turn in found)
    assert ("$(steps.b)" in json.dumps(found)) == ("pending" in changes)


@pytest.mark.no_cover
@pytest.mark.timeout(600)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_every_plan_that_the_real_model_writes_under_it_loads(
    weights: Path, goals: Mapping[str, list[Offer]]
) -> None:
    from tests.llm.test_local import local, text_of

    counts: list[int] = []
    async with local(weights) as model:
        for number in range(20):
            goal, offers = list(goals.items())[number % len(goals)]
            grammar = plan_grammar(offers, least_actions=2, most_actions=2, longest_text=8)
            asked = ModelRequest(
                messages=(Message(role="user", content=goal),),
                grammar=grammar,
                temperature=0.9,
                max_tokens=1000,
            )
            counts.append(len(check(text_of(await pieces_of(model, asked)), offers)))
    assert len(counts) == 20
    assert set(counts) == {2}


@pytest.fixture
def goals() -> dict[str, list[Offer]]:
    """What the model is to plan, and with what."""
    return {
        "Plan how to fetch two pages about the sea and to store them.": OFFERS[:2],
        "Plan how to note down a few facts about trees, and to fetch more.": [OFFERS[0], OFFERS[5]],
    }
