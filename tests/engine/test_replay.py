"""A run that is replayed has the same events, whatever happened in it, and calls nothing."""

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import RunRequest, RunSpec
from cortex_cli.errors import MissError, UsageError
from cortex_cli.events import Event, decode, encode
from cortex_cli.session.replay import RunReplay, RunToReplay
from tests.engine import test_budgets as budgets
from tests.engine import test_takeover as plans
from tests.engine.bench import Tools, act, run, spec_of
from tests.engine.resuming import resume
from tests.engine.test_chaos import Case, case_of, play
from tests.engine.virtual_time import VirtualLoop

NOTHING = RunRequest()


def kept(log: Sequence[Event]) -> list[Event]:
    """The events as a journal has them."""
    return [decode(encode(event)) for event in log]


async def replay(
    spec: RunSpec, events: Sequence[Event], request: RunRequest = NOTHING, **record: Any
) -> list[Event]:
    past = RunToReplay(events=events, **record)
    async with RunReplay(spec=spec, request=request, record=past).stream() as stream:
        return [event async for event in stream]


async def check_case(case: Case) -> None:
    log = await play(case)
    assert isinstance(case.spec.targets, Tools)
    calls = len(case.spec.targets.calls)
    events = kept(log)
    request = RunRequest(inputs={"x": 1}, approver=case.person)
    assert await replay(case.spec, events, request) == events
    assert len(case.spec.targets.calls) == calls


@pytest.mark.no_cover
@pytest.mark.parametrize("block", range(10))
def test_whatever_happens_a_replay_has_the_same_events(block: int) -> None:
    for seed in range(block * 100, (block + 1) * 100):
        anyio.run(check_case, case_of(seed), backend_options={"loop_factory": VirtualLoop})


@pytest.mark.parametrize("seed", [1322, 1354, 1462, 3084])
def test_limits_that_end_a_run_at_one_moment_do_so_in_a_replay(seed: int) -> None:
    anyio.run(check_case, case_of(seed), backend_options={"loop_factory": VirtualLoop})


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.anyio
async def test_a_replay_has_the_same_events_on_both_backends(seed: int) -> None:
    await check_case(case_of(70_000 + seed))


PLANS = [
    plans.chain, plans.side_by_side, plans.agents, plans.agent_with_attempts, plans.deep,
    plans.items, plans.items_of_agents, plans.failing_items, plans.decision,
    plans.failing_decision, plans.skipped_decision, plans.background, plans.skips, plans.failures,
]  # fmt: skip


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.anyio
async def test_every_kind_of_plan_can_be_replayed(plan: Any) -> None:
    events = kept(await run(plan()))
    assert await replay(plan(), events) == events


@pytest.mark.parametrize("plan", [plans.chain, plans.agents, plans.items, plans.failures])
@pytest.mark.anyio
async def test_a_run_that_was_killed_and_went_on_is_replayed_in_its_parts(plan: Any) -> None:
    log = kept(await run(plan()))
    for place in range(3, len(log), 3):
        first = log[:place]
        second = kept(await resume(plan(), Past(first)))
        events = [*first, *second]
        assert await replay(plan(), events) == events


@pytest.mark.anyio
async def test_a_run_with_a_budget_is_replayed_as_it_was() -> None:
    client = budgets.model()
    tools = budgets.Models(client)
    spec = spec_of(budgets.eight(), tools, max_parallel_actions=8, budget={"tokens": 250})
    first = kept(await budgets.go_on(spec))
    larger = {"tokens": 400}
    second = kept(await budgets.go_on(spec_of(budgets.eight(), tools, budget=larger), Past(first)))
    asked = len(client.requests)
    events = await replay(spec, first)
    assert events == first
    assert len(client.requests) == asked
    assert second[-1].data["error"] is None


@pytest.mark.anyio
async def test_a_question_too_many_for_the_budget_is_replayed() -> None:
    plan = [budgets.ask("a0", parameters={"schema": budgets.SCHEMA}), act("after", "a0")]
    client = budgets.ScriptedLLM(['{"n": "one"}', '{"n": 1}'], pace=budgets.SECOND)
    spec = spec_of(plan, budgets.Models(client), budget={"tokens": 100})
    events = kept(await budgets.go_on(spec))
    assert events[-1].data["error_type"] == "budget_exhausted"
    assert await replay(spec, events) == events


@pytest.mark.anyio
async def test_outputs_that_are_not_shown_stay_unseen() -> None:
    spec = spec_of([act("a", parameters={"gives": 7})], stream_action_results=False)
    shown = await run(spec)
    whole = [
        replace_output(event, 7) if event.event_type == "action_completed" else event
        for event in kept(shown)
    ]
    assert [e.data for e in await replay(spec, whole)] == [e.data for e in kept(shown)]


def replace_output(event: Any, output: Any) -> Event:
    import msgspec

    data = msgspec.structs.replace(event.data, output=output)
    return msgspec.structs.replace(event, data=data)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            act("b", "a", parameters={"x": "other", "seconds": 1}),
            'parameters.x is "one" in the record, and "other" now',
        ),
        (act("b", "a", target="tools", parameters={"x": "one"}), "data.report.actions[1].target"),
        (act("b", "a", "b0"), 'data.report.actions[1].id is "b" in the record, and "b0" now'),
    ],
)
@pytest.mark.anyio
async def test_the_first_difference_is_told(changed: Any, said: str) -> None:
    plan = [act("a"), act("b", "a", parameters={"x": "one", "seconds": 1})]
    events = kept(await run(spec_of(plan)))
    others = [act("b0")] if "b0" in changed.depends_on else []
    with pytest.raises(MissError) as caught:
        await replay(spec_of([plan[0], *others, changed]), events)
    assert caught.value.exit_code == 6
    assert said in str(caught.value)


@pytest.mark.anyio
async def test_a_record_that_goes_elsewhere_is_a_miss() -> None:
    plan = [act("a", parameters={"seconds": 1}), act("b", "a")]
    events = kept(await run(spec_of(plan)))
    without = [event for event in events if event.action_id != "b"]
    with pytest.raises(MissError, match=r"the record has .*, and the run comes to"):
        await replay(spec_of(plan), without)
    late = [event for event in events if event.event_type != "action_completed"]
    with pytest.raises(MissError, match="and the run does not come to it"):
        await replay(spec_of(plan), late)


@pytest.mark.anyio
async def test_a_record_without_events_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to replay"):
        await replay(spec_of([act("a")]), [])


@pytest.mark.anyio
async def test_a_replay_can_be_left_early() -> None:
    spec = spec_of([act(f"a{n}") for n in range(300)])
    events = kept(await run(spec))
    record = RunToReplay(events=events)
    async with RunReplay(spec=spec, request=NOTHING, record=record).stream() as stream:
        async for event in stream:
            if event.sequence == 3:
                break
