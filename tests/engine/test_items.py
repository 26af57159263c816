"""`for_each` and `fallback`."""

from typing import Any

import pytest

from tests.engine.bench import Tools, act, run, run_plan, spec_of


def over(value: Any, **fields: Any) -> Any:
    """A list, and an action that is repeated for its items."""
    return (
        act("list", type="internal", target=None, parameters={"of": value}),
        act("each", for_each="$(steps.list.of)", **fields),
    )


async def test_each_item_becomes_an_action_and_the_output_is_the_list_in_order() -> None:
    log = await run_plan(
        *over(["a", "b", "c"], parameters={"seconds": "$index", "v": "${item}!"}, output_key="x"),
        act("use", parameters={"gives": "$x"}),
        max_parallel_actions=2,
    )
    ends = log.ends()
    assert {name for name in ends if name.startswith("each")} == {
        "each", "each[0]", "each[1]", "each[2]"
    }  # fmt: skip
    assert [one["v"] for one in log.of("action_completed", action="each")[0].output] == [
        "a!", "b!", "c!"
    ]  # fmt: skip
    assert log.of("action_completed", action="use")[0].output[2] == {"seconds": 2, "v": "c!"}
    joined = log.types().index("plan_extended")
    assert joined < log.types().index("action_started", joined)
    assert [action.id for action in log.of("plan_extended")[0].actions] == [
        "each[0]", "each[1]", "each[2]"
    ]  # fmt: skip


async def test_no_items_give_an_empty_list() -> None:
    log = await run_plan(*over([]))
    assert log.of("action_completed", action="each")[0].output == []


async def test_items_share_the_slots() -> None:
    log = await run_plan(*over([1] * 5, parameters={"seconds": 1}), max_parallel_actions=2)
    assert log.last.data.duration == pytest.approx(3)


async def test_a_failed_item_fails_the_action_after_the_others_have_ended() -> None:
    log = await run_plan(
        *over([1, 2], parameters={"error": "no $item", "seconds": "$item"}),
        act("after", "each"),
    )
    failed = log.of("action_failed", action="each")[0]
    assert failed.error_type == "items"
    assert "2 of 2 items failed; the first: no 1" in failed.error
    assert log.last.data.error == "action 'each[0]' failed: no 1"
    assert log.ends()["after"] == "skipped"


async def test_items_that_fail_with_continue_are_null_in_the_list() -> None:
    log = await run_plan(*over([1], parameters={"error": "no"}, on_failure="continue"))
    assert log.of("action_completed", action="each")[0].output == [None]


async def test_abort_and_fail_fast_end_the_other_items() -> None:
    for fields, protocol in (({"on_failure": "abort"}, {}), ({}, {"fail_fast": True})):
        log = await run_plan(
            *over([1, 50], parameters={"error": "no", "seconds": "$item"}, **fields), **protocol
        )
        assert log.ends()["each[1]"] == "cancelled"
        assert log.last.data.duration == pytest.approx(1)


async def test_items_are_retried_and_timed_one_by_one() -> None:
    log = await run_plan(
        *over([0, 9], parameters={"seconds": "$item"}, timeout_seconds=2, retry_count=1)
    )
    assert log.of("action_failed", action="each[1]")[0].attempts == 2
    assert log.ends()["each[0]"] == "completed"


async def test_a_condition_about_the_item_is_each_item_s_own() -> None:
    log = await run_plan(*over([1, 2, 3], condition="item > 1", parameters={"gives": "$item"}))
    assert log.of("action_completed", action="each")[0].output == [None, 2, 3]
    log = await run_plan(*over([1], condition="1 > 2"))
    assert log.ends()["each"] == "skipped"


@pytest.mark.parametrize("value", ["text", None, {"a": 1}])
async def test_what_is_no_list_fails_the_action(value: Any) -> None:
    log = await run_plan(*over(value, retry_count=2))
    assert log.of("action_failed", action="each")[0].error_type == "for_each"


async def test_agents_are_repeated_too_each_with_its_path() -> None:
    inner = spec_of([act("w", parameters={"gives": "${inputs.n}"})])
    actions = over([5, 6], type="agent", target="i", parameters={"n": "$item"})
    log = await run(spec_of(actions, Tools(nested_specs={"i": inner})))
    assert log.of("action_completed", action="each")[0].output == [{"w": 5}, {"w": 6}]
    assert {event.path for event in log if event.path} == {("each[0]",), ("each[1]",)}


async def test_cancelling_ends_the_items() -> None:
    log = await run_plan(*over([1], parameters={"seconds": 99}), max_execution_time_seconds=3)
    assert log.ends()["each[0]"] == log.ends()["each"] == "cancelled"


async def test_fallback_targets_are_tried_in_order_once_the_attempts_are_used_up() -> None:
    bad = {"error": "no", "fails": 3}
    log = await run_plan(
        act("a", target="first", fallback=["nowhere", "second", "third"], parameters=bad,
            retry={"max_attempts": 2, "jitter": False})
    )  # fmt: skip
    started = log.of("action_started", action="a")
    assert [data.target for data in started] == ["first", "first", "nowhere", "second"]
    assert log.of("action_completed")[0].attempts == 4


async def test_an_action_fails_when_no_fallback_is_left() -> None:
    log = await run_plan(act("a", fallback=["other"], parameters={"error": "no"}))
    assert log.of("action_failed")[0].attempts == 2


async def test_a_failure_that_no_retry_can_mend_goes_to_the_fallback() -> None:
    log = await run_plan(act("a", target="nowhere", retry_count=4, fallback=["tool"]))
    assert log.ends() == {"a": "completed"}
