"""Which actions of a plan that a model writes join it, and why others don't."""

from collections.abc import Mapping
from typing import Any

import pytest

from cortex_cli.kinds import ActionType, EdgeKind, Effect
from cortex_cli.plan.admission import Admission, Admitted, Background, Verdict
from cortex_cli.plan.offered import misfits
from cortex_cli.plan.provided import Names
from cortex_cli.protocol.offers import Offer

SCHEMA = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "pattern": "^http"},
        "count": {"type": "integer"},
        "one": {"enum": ["a", "b"]},
        "many": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        "deep": {"type": "object", "anyOf": [{"required": ["x"]}, {"const": {}}]},
    },
    "required": ["url"],
    "additionalProperties": False,
}
OFFERS = (
    Offer(type=ActionType.TOOL, target="fetch", parameters=SCHEMA),
    Offer(type=ActionType.TOOL, target="twin", parameters=SCHEMA, effect=Effect.IDEMPOTENT),
    Offer(type=ActionType.RELIC, target="kv", operation="set"),
    Offer(type=ActionType.RELIC, target="kv", operation="get"),
    Offer(type=ActionType.RELIC, target="one", operation="only"),
    Offer(type=ActionType.LLM, target="default"),
)
NAMES = Names(
    inputs=frozenset({"page"}),
    env=frozenset({"ZONE"}),
    known=frozenset({"before"}),
    shared={"gpu": 1.0},
)
BACKGROUND = Background(names=NAMES, steps={"old": True, "bad": False}, used=("old", "bad"))


@pytest.fixture
def plan() -> Admission:
    return Admission(OFFERS, BACKGROUND)


def free(action_id: str, *depends_on: str, **fields: Any) -> dict[str, Any]:
    """An action that calls nothing."""
    return {"id": action_id, "type": "internal", "depends_on": list(depends_on), **fields}


def call(**parameters: Any) -> dict[str, Any]:
    return {"id": "a", "type": "tool", "target": "fetch", "parameters": parameters}


def ids(verdict: Verdict) -> list[str]:
    assert not verdict.refused
    return [one.action.id for one in verdict.admitted]


def only(verdict: Verdict) -> Admitted:
    (admitted,) = verdict.admitted
    assert not verdict.refused
    return admitted


def refusal(plan: Admission, value: object) -> str:
    verdict = plan.add(value, "text")
    assert not verdict.admitted
    ((text, reason),) = verdict.refused
    assert text == "text"
    return reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "tol"}, "'type': input should be 'tool'"),
        ({"target": None}, "an action of type tool needs a 'target'"),
        ({"target": "fetc"}, "did you mean 'fetch'?"),
        ({"target": "zzz"}, "of type tool there are 'fetch', 'twin'"),
        ({"target": "kv"}, "'kv' is of type relic"),
        ({"operation": "get"}, "'fetch' has no operation 'get'; leave 'operation' out"),
        ({"type": "relic", "target": "kv"}, "'kv' needs an 'operation': 'set', 'get'"),
        ({"type": "relic", "target": "kv", "operation": "x"}, "it has 'set', 'get'"),
        ({"type": "llm", "target": "gpt"}, "llm 'gpt' may not be called"),
        ({"type": "agent", "target": "fetch"}, "agent 'fetch' may not be called"),
        ({"fallback": ["rm"]}, "tool 'rm' may not be called"),
        ({"parameters": {"url": 1}}, "url: 1 is not of type 'string'"),
        ({"parameters": {}}, "'url' is a required property"),
        ({"retry": {"max_attempts": 2}}, "'retry' would repeat 'fetch'"),
        ({"resources": {"cpu": 1}}, "takes 'cpu', which the run does not share out"),
        ({"env": {}}, "'env' is not for a model to set"),
        ({"cwd": "/"}, "'cwd' is not for a model to set"),
        ({"effect": "none"}, "'effect' is not for a model to set"),
        ({"cache": True}, "'cache' is not for a model to set"),
        ({"on_interrupted": "rerun"}, "'on_interrupted' is not for a model to set"),
        ({"colour": 1}, "an action has no field 'colour'"),
        ({"depend_on": []}, "did you mean 'depends_on'?"),
        ({"retry": {"tries": 1}}, "an action has no field 'retry.tries'"),
        ({"id": "../x"}, "'id': an id is a letter or '_'"),
        ({"condition": "(("}, "condition '((': it ends too early"),
        ({"parameters": {"url": "http${x"}}, "is no reference"),
        ({"parameters": {"url": "${secrets.KEY}"}}, "'parameters' names a secret"),
        ({"condition": "secrets.KEY == 'x'"}, "'condition' names a secret"),
        ({"parameters": {"url": "${inputs.pag}"}}, "did you mean 'page'?"),
        ({"parameters": {"url": "${env.HOME}"}}, "'env.HOME' is no declared variable"),
        ({"parameters": {"url": "$item"}}, "'item' has a value only in an action with"),
        ({"depends_on": ["bad"]}, "'bad', which did not complete in an earlier iteration"),
    ],
)
def test_a_refusal_says_what_is_wrong(plan: Admission, changes: Any, reason: str) -> None:
    assert reason in refusal(plan, {**call(url="http://x"), **changes})


@pytest.mark.parametrize("value", [1, "text", None, [], [1]])
def test_what_is_no_object_is_no_action(plan: Admission, value: object) -> None:
    assert refusal(plan, value) == "an action is a JSON object"


def test_many_mistakes_are_told_of_in_part(plan: Admission) -> None:
    assert refusal(plan, {**call(), **dict.fromkeys("bcdef", 1)}).endswith("and 2 more")


@pytest.mark.parametrize(
    "parameters",
    [
        {"url": "http://x"},
        {"url": "$before"},
        {"url": "ftp://${inputs.page}"},
        {"url": "http:", "count": "$(steps.old)"},
        {"url": "http:", "one": "${before}"},
        {"url": "http:", "many": ["$before", "$before"]},
        {"url": "http:", "deep": {"y": "$before"}},
        {"url": "http:", "one": "${before:-z}"},
        {"url": "http:$ZONE is $RUN_ID ${env.ZONE} ${run.id}".replace("$ZONE", "5 $")},
    ],
)
def test_what_a_reference_brings_may_be_anything(
    plan: Admission, parameters: Mapping[str, Any]
) -> None:
    assert ids(plan.add(call(**parameters), "")) == ["a"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"url": "http:", "count": "5 and $before"},
        {"url": "http:", "one": "c"},
        {"url": "http:", "many": "$$before"},
        {"url": "http:", "deep": {"y": "z"}},
        {"url": "http:", "many": [1, 1]},
        {"url": "http:", "$before": 1},
    ],
)
def test_the_rest_must_fit(plan: Admission, parameters: Mapping[str, Any]) -> None:
    assert "do not fit those of 'fetch'" in refusal(plan, call(**parameters))


def test_a_schema_that_cannot_be_followed_lets_nothing_through() -> None:
    assert misfits({}, {"$ref": "#/nowhere"})[0].startswith("their schema cannot be followed")
    assert misfits({}, {"$ref": "http://127.0.0.1/x"})[0].startswith("their schema cannot")


def test_the_first_five_misfits_are_told() -> None:
    assert (
        len(misfits(dict.fromkeys("abcdefg", 1), {"additionalProperties": {"type": "null"}})) == 5
    )


def test_what_an_offer_says_of_its_target_is_true_of_the_action(plan: Admission) -> None:
    relic = only(plan.add({"id": "r", "type": "relic", "target": "one"}, "")).action
    assert relic.operation == "only"
    twin = {**call(url="http:"), "target": "twin", "retry": {"max_attempts": 2}}
    assert only(plan.add(twin, "")).action.world_effect is Effect.IDEMPOTENT


def test_a_model_needs_no_target(plan: Admission) -> None:
    assert ids(plan.add({"id": "l", "type": "llm", "parameters": {"prompt": "x"}}, "")) == ["l"]


def test_the_model_of_an_llm_action_may_call_what_the_plan_may(plan: Admission) -> None:
    def asking(name: str, *tools: object) -> dict[str, object]:
        given = {"prompt": "x", "tools": list(tools)}
        return {"id": name, "type": "llm", "parameters": given}

    assert ids(plan.add(asking("a", "fetch", "one", "one.only", "kv.set"), "")) == ["a"]
    assert refusal(plan, asking("b", "fetsch")).endswith("did you mean 'fetch'?")
    told = refusal(plan, asking("c", "one.other"))
    assert told.startswith("'one.other' under 'tools' may not be called")
    assert "'$x' under 'tools' of 'd' is no name" in refusal(plan, asking("d", "$x"))


def test_an_action_joins_after_what_it_names_by_id_name_reference_and_key(plan: Admission) -> None:
    plan.add(free("one", name="The first", output_key="key"), "")
    for wanted in (
        free("b", "one"),
        free("c", "The first"),
        free("d", parameters={"x": "$(steps.one)"}),
        free("e", parameters={"x": "$key"}),
        free("f", condition="key == 1"),
        free("g", "one", parameters={"x": "$key"}),
    ):
        kind = EdgeKind.DEPENDS_ON if wanted["depends_on"] else EdgeKind.DATA
        assert only(plan.add(wanted, "")).waits == ((0, kind),)


def test_what_names_something_unwritten_waits_for_it(plan: Admission) -> None:
    assert ids(plan.add(free("c", "b", "a"), "")) == []
    assert ids(plan.add(free("b", parameters={"x": "$key"}), "")) == []
    assert plan.held_back() == [
        ("", "it waits for 'b', which cannot join the plan"),
        ("", "it refers to 'key', which is not in the plan"),
    ]
    assert ids(plan.add(free("a", output_key="key"), "")) == ["a", "b", "c"]
    assert plan.held_back() == []
    assert len(plan) == 3


def test_those_that_wait_may_share_a_name(plan: Admission) -> None:
    assert ids(plan.add(free("b", "a", name="The same"), "")) == []
    assert ids(plan.add(free("c", "a", name="The same"), "")) == []
    assert ids(plan.add(free("a"), "")) == ["a", "b", "c"]


def test_cycles_are_told_in_order_and_what_is_behind_them_too(plan: Admission) -> None:
    for value in (free("a", "c"), free("b", "a"), free("c", "b"), free("d", "c"), free("e", "e")):
        plan.add(value, value["id"])
    cycle = "actions wait for each other in a cycle: a → b → c → a"
    assert plan.drop_held() == [
        ("a", cycle),
        ("b", cycle),
        ("c", cycle),
        ("d", "it waits for 'c', which cannot join the plan"),
        ("e", "actions wait for each other in a cycle: e → e"),
    ]
    assert plan.held_back() == []
    assert ids(plan.add(free("a"), "")) == ["a"]


def test_of_a_long_cycle_a_part_is_told(plan: Admission) -> None:
    for number in range(30):
        plan.add(free(f"a{number}", f"a{(number + 1) % 30}"), "")
    assert "… 10 more …" in plan.held_back()[0][1]


@pytest.mark.no_cover
def test_ten_thousand_actions_written_backwards_are_taken_in_at_once(plan: Admission) -> None:
    for number in reversed(range(1, 10_000)):
        assert ids(plan.add(free(f"a{number}", f"a{number - 1}"), "")) == []
    assert len(plan.add(free("a0"), "").admitted) == 10_000
    assert not plan.is_too_long
    assert refusal(plan, free("b")) == "a plan has at most 10,000 actions"
    assert plan.is_too_long


@pytest.mark.parametrize("held", [True, False])
def test_ids_and_keys_are_given_once(plan: Admission, *, held: bool) -> None:
    plan.add(free("a", *(["z"] if held else []), output_key="k"), "")
    assert refusal(plan, free("a")) == "the plan has an action 'a' already: choose another id"
    assert refusal(plan, free("b", output_key="k")) == (
        "another action has the output_key 'k' already"
    )


@pytest.mark.parametrize("held", [True, False])
def test_ids_are_told_apart_by_more_than_their_case(plan: Admission, *, held: bool) -> None:
    plan.add(free("fetch", *(["z"] if held else [])), "")
    assert refusal(plan, free("Fetch")) == (
        "the plan has an action 'fetch', which is too much alike: choose another id"
    )
    if not held:
        plan.replace([0])
        assert ids(plan.add(free("Fetch"), "")) == ["Fetch"]


def test_an_id_of_an_earlier_iteration_is_made_new(plan: Admission) -> None:
    admitted = only(plan.add(free("old"), ""))
    assert (admitted.name, admitted.action.id) == ("old", "old-2")
    assert only(plan.add(free("b", "old"), "")).waits == ((0, EdgeKind.DEPENDS_ON),)


def test_what_completed_before_needs_no_waiting_for(plan: Admission) -> None:
    value = free("a", "old", parameters={"x": "$(steps.bad) $before"})
    assert only(plan.add(value, "")).waits == ()
    for taken in (free("old"), free("bad"), free("b", output_key="before")):
        assert "'a' refers to the earlier" in refusal(plan, taken)


def test_nothing_waits_for_what_is_fire_and_forget(plan: Admission) -> None:
    plan.add(free("late", "behind"), "")
    verdict = plan.add(free("behind", mode="fire_and_forget"), "")
    assert [one.action.id for one in verdict.admitted] == ["behind"]
    assert "which is fire_and_forget" in verdict.refused[0][1]
    assert plan.held_back() == []


def test_a_sync_action_holds_back_what_joins_after_it(plan: Admission) -> None:
    plan.add(free("a"), "")
    plan.add(free("first", mode="sync"), "")
    assert only(plan.add(free("b", "a"), "")).waits == (
        (0, EdgeKind.DEPENDS_ON),
        (1, EdgeKind.BARRIER),
    )
    assert only(plan.add(free("second", "first", mode="sync"), "")).waits == (
        (1, EdgeKind.DEPENDS_ON),
    )
    assert only(plan.add(free("c"), "")).waits == ((3, EdgeKind.BARRIER),)


def decision(*then: str, **fields: Any) -> dict[str, Any]:
    return {"id": "d", "type": "decision", "cases": [{"when": "true", "then": then}], **fields}


def test_a_decision_joins_once_what_it_chooses_is_written(plan: Admission) -> None:
    assert ids(plan.add(decision("x", "The y", default={"then": ["z"]}), "")) == []
    assert ids(plan.add(free("x"), "")) == []
    assert ids(plan.add(free("y", "later", name="The y"), "")) == []
    verdict = plan.add(free("z"), "")
    assert ids(verdict) == ["d", "x", "z"]
    assert {one.action.id: one.waits for one in verdict.admitted} == {
        "d": (),
        "x": ((0, EdgeKind.DEPENDS_ON),),
        "z": ((0, EdgeKind.DEPENDS_ON),),
    }
    assert ids(plan.add(free("later"), "")) == ["later", "y"]


def test_a_decision_that_chooses_what_it_depends_on_is_refused_with_it(plan: Admission) -> None:
    plan.add(decision("x", depends_on=["x"]), "d")
    plan.add(free("x"), "x")
    assert "in a cycle" in plan.drop_held()[0][1]


def test_what_a_refused_decision_names_does_not_run(plan: Admission) -> None:
    bad = {
        "id": "d",
        "type": "decision",
        "cases": [{"when": "((", "then": ["x"]}, 5],
        "default": {"then": ["y"]},
    }
    assert plan.add(bad, "").refused
    assert plan.add({"id": "e", "type": "decision", "cases": 5}, "").refused
    assert ids(plan.add(free("x"), "")) == []
    assert ids(plan.add(free("y"), "")) == []
    assert ids(plan.add(decision("x", "y"), "")) == ["d", "x", "y"]


def test_what_was_admitted_before_is_admitted_again(plan: Admission) -> None:
    assert ids(plan.add(decision("x"), "", again=True)) == ["d"]
    assert only(plan.add(free("x"), "")).waits == ((0, EdgeKind.DEPENDS_ON),)


def test_the_names_of_what_is_replaced_are_free_again(plan: Admission) -> None:
    plan.add(free("a", output_key="k"), "")
    plan.replace([0])
    assert ids(plan.add(free("b", parameters={"x": "$k"}), "")) == []
    again = plan.add(free("a", output_key="k"), "")
    assert ids(again) == ["a-2", "b"]
    assert again.admitted[1].waits == ((1, EdgeKind.DATA),)


def test_a_plan_that_is_too_long_is_taken_in_up_to_there(
    plan: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cortex_cli.plan.admission.MOST_ACTIONS", 2)
    assert ids(plan.add(free("a"), "")) == ["a"]
    assert ids(plan.add(free("b", "missing"), "")) == []
    assert not plan.is_too_long
    assert refusal(plan, free("c")) == "a plan has at most 2 actions"
    assert plan.is_too_long
