"""Models that write texts only call tools by writing a plan; the rest is as with the others."""

import json
from typing import Any

import pytest

from cortex_cli.errors import SetupError
from cortex_cli.llm.extractive import ExtractiveModel
from cortex_cli.testing import ScriptedLLM
from tests.engine.bench import Log, run
from tests.engine.talking import talk
from tests.engine.test_conversations import error, output, warnings

pytestmark = pytest.mark.anyio


def written(action_id: str, target: str = "tool", **parameters: Any) -> str:
    return json.dumps({"id": action_id, "type": "tool", "target": target, "parameters": parameters})


def texts(*answers: str) -> ScriptedLLM:
    return ScriptedLLM(answers, takes_tools=False)


def answer(value: Any) -> str:
    return json.dumps({"final_answer": value})


async def answered(llm: ScriptedLLM, **parameters: Any) -> Log:
    spec, _, _ = talk(model=llm, parameters=parameters)
    return await run(spec)


async def test_the_prompt_is_the_goal_and_the_tools_are_what_is_offered() -> None:
    llm = texts(written("a", gives=2) + written("b", gives="$(steps.a)"), answer("it is 2"))
    log = await answered(llm, system="Be brief.", temperature=0.5, of="this")
    assert log.ends() == {"ask/a": "completed", "ask/b": "completed", "ask": "completed"}
    assert output(log) == "it is 2"
    constant, task, _ = llm.requests[0].messages
    assert constant.content.startswith("Be brief.")
    assert '"target":"typed"' in constant.content
    assert task.content == "The goal: Find out\n\n## of\nthis"
    assert (llm.requests[0].temperature, llm.requests[0].tools) == (0.5, ())


async def test_who_said_what_is_told_where_several_have_spoken() -> None:
    llm = texts(answer(["as", "JSON"]))
    turns = [{"role": "user", "content": "one?"}, {"role": "assistant", "content": "1"}]
    log = await answered(llm, prompt=None, messages=turns)
    assert output(log) == '["as","JSON"]'
    assert "The goal: user: one?\n\nassistant: 1" in llm.requests[0].messages[1].content


async def test_what_may_not_be_called_is_refused_and_can_be_put_right() -> None:
    llm = texts(written("a", "delete_all"), written("a", gives=1), answer("one"))
    log = await answered(llm)
    assert log.ends() == {"ask/a": "completed", "ask": "completed"}
    assert "'delete_all' may not be called" in llm.requests[1].messages[-1].content
    assert "a part of the plan was refused" in warnings(log)[0]


@pytest.mark.parametrize("given", [{"n": 1}, '{"n": 1}'])
async def test_an_answer_with_a_schema_is_a_value_that_fits_it(given: Any) -> None:
    llm = texts(answer({}), answer(given))
    log = await answered(llm, schema={"required": ["n"], "type": "object"})
    assert output(log) == {"n": 1}
    assert "has to fit this JSON Schema" in llm.requests[0].messages[1].content
    assert "'n' is a required property" in llm.requests[1].messages[-1].content


async def test_an_answer_that_does_not_fit_twice_fails_the_action() -> None:
    llm = texts(*[answer({})] * 6)
    log = await answered(llm, schema={"required": ["n"], "type": "object"})
    assert error(log)[1] == "schema"
    assert "does not fit its schema, asked twice" in error(log)[0]


async def test_one_model_that_writes_texts_only_has_all_write_plans() -> None:
    spec, native, _ = talk(answer("yes"), fallback=ScriptedLLM([], name="local", takes_tools=False))
    assert output(await run(spec)) == "yes"
    assert native.requests[0].tools == ()


async def test_a_model_that_calls_nothing_is_told_before_it_is_asked() -> None:
    spec, _, _ = talk(model=ExtractiveModel())
    with pytest.raises(SetupError, match="may call tools, and builtin/extractive calls none"):
        spec.targets.nested(spec.outlook.graph.actions[0])  # type: ignore[union-attr]
    message, error_type = error(await run(spec))
    assert error_type == "setup"
    assert "there are three ways to get a model" in message
