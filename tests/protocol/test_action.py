"""Actions, plans and settings as people write them."""

from typing import Any

import pytest
from pydantic import ValidationError

from cortex_cli.kinds import ActionMode, ActionType, Effect, OnFailure, ProtocolMode
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.protocol.plan import ExecutionPlan


def action(**fields: Any) -> Action:
    return Action.model_validate({"type": "internal", **fields})


def test_the_id_is_the_slug_of_the_name_and_the_name_defaults_to_the_id() -> None:
    assert action(name="Fetch  the Page!").id == "fetch_the_page"
    assert action(id="a-1").name == "a-1"
    assert action(id="a", output_key=None).output_key is None
    assert Action(name="x", type=ActionType.INTERNAL, depends_on=["y"]).depends_on == ("y",)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs an 'id' or a 'name'"),
        ({"name": 5}, "needs an 'id' or a 'name'"),
        ({"name": "!!!"}, "makes no id"),
        ({"id": "1a"}, "an id is a letter"),
        ({"id": "a" * 129}, "an id is a letter"),
        ({"id": "a", "output_key": "steps"}, "reserved"),
        ({"id": "a", "output_key": "a b"}, "letters, digits"),
        ({"id": "a", "retry": {}, "retry_policy": {}}, "say the same thing"),
        ({"id": "a", "retry": {}, "retry_count": 1}, "say the same thing"),
        ({"id": "a", "retry_count": -1}, "'retry_count' must be"),
        ({"id": "a", "retry_count": 10**9}, "'retry_count' must be"),
        ({"id": "a", "retry_count": "2"}, "'retry_count' must be"),
        ({"id": "a", "skip_on_error": "yes"}, "must be true or false"),
        ({"id": "a", "type": "tool"}, "needs a 'target'"),
        ({"id": "a", "type": "decision"}, "needs 'cases'"),
        ({"id": "a", "cases": [{"when": "true"}]}, "belong to a decision"),
        ({"id": "a", "default": {}}, "belong to a decision"),
        ({"id": "a", "timeout_seconds": 0}, "greater than 0"),
        ({"id": "a", "timeout_seconds": "5"}, "valid number"),
        ({"id": "a", "wait_for_all": "no"}, "valid boolean"),
        ({"id": "a", "for_each": [], "mode": "fire_and_forget"}, "cannot have 'for_each'"),
        ({"id": "a", "type": "decision", "cases": [{"when": "true"}], "for_each": []},
         "a decision cannot have 'for_each'"),
        ({"id": "a", "colour": 1}, "Extra inputs"),
    ],
)  # fmt: skip
def test_a_misfit_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        action(**fields)


def test_what_is_no_mapping_is_refused() -> None:
    with pytest.raises(ValidationError):
        Action.model_validate("fetch")


def test_other_words_for_the_same_are_understood() -> None:
    assert action(id="a", retry_count=2).retry.max_attempts == 3
    assert action(id="a", retry_policy={"max_attempts": 4}).retry.max_attempts == 4
    assert action(id="a", skip_on_error=True).on_failure is OnFailure.CONTINUE
    assert action(id="a", skip_on_error=False).on_failure is OnFailure.FAIL
    assert action(id="a", depends_on="b", fallback="c").fallback == ("c",)


def test_leaves_have_a_default_timeout_and_agents_none() -> None:
    assert action(id="a").timeout == 300
    assert action(id="a", timeout_seconds=None).timeout is None
    assert action(id="a", timeout_seconds=4).timeout == 4
    agent = action(id="a", type="agent", target="x")
    assert agent.timeout is None
    assert action(id="a", type="agent", target="x", timeout_seconds=9).timeout == 9
    assert not agent.holds_slot
    assert action(id="a").holds_slot
    assert not action(id="a", for_each=[]).holds_slot


def test_the_effect_defaults_by_type() -> None:
    assert action(id="a").world_effect is Effect.NONE
    tool = {"id": "a", "type": "tool", "target": "t"}
    assert action(**tool).world_effect is Effect.EXTERNAL
    assert action(**tool, effect="idempotent").world_effect is Effect.IDEMPOTENT


def test_settings_have_the_protocol_s_defaults() -> None:
    settings = AgentLoopProtocol()
    assert settings.mode is ProtocolMode.DEFAULT
    assert AgentLoopProtocol(mode="strict").mode is ProtocolMode.STRICT
    assert (settings.max_iterations, settings.max_execution_time_seconds) == (10, 3600)
    assert (settings.slots, settings.nested_cap) == (5, None)
    assert AgentLoopProtocol(max_parallel_actions=2).nested_cap == 2
    assert AgentLoopProtocol(allow_parallel_actions=False).slots == 1
    assert AgentLoopProtocol(max_parallel_actions="auto").slots == 5
    assert settings.fire_and_forget_grace_seconds == 10


@pytest.mark.parametrize("limit", [0, 10**6, 1.5, "3", True])
def test_a_limit_that_cannot_be_is_refused(limit: Any) -> None:
    with pytest.raises(ValidationError):
        AgentLoopProtocol(max_parallel_actions=limit)


def test_a_plan_is_made_of_actions_or_is_one_already() -> None:
    plan = ExecutionPlan.of([action(id="a")])
    assert ExecutionPlan.of(plan) is plan
    assert [one.mode for one in plan.actions] == [ActionMode.ASYNC]
