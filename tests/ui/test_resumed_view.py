"""A run that goes on: what has ended stays, all else is told anew."""

from cortex_cli.events import ActionCompleted, ActionStarted, Event
from cortex_cli.kinds import ActionState
from cortex_cli.ui.view import RunView, fold
from tests.engine.bench import Tools, act, run, spec_of


async def events_of() -> list[Event]:
    tools = Tools(nested_specs={"x": spec_of([act("n0"), act("n1", "n0")])})
    plan = [act("a"), act("skip", condition="false"), act("ag", "a", type="agent", target="x")]
    return await run(spec_of(plan, tools))


async def test_a_view_of_both_parts_of_a_run_counts_each_action_once() -> None:
    events = await events_of()
    # The process dies in the nested run; the second part tells everything but what is kept.
    cut = next(
        n for n, e in enumerate(events) if e.action_id == "n0" and isinstance(e, ActionCompleted)
    )
    kept = {"a", "skip", "n0"}
    again = [e for e in events if e.action_id not in kept]
    view = RunView()
    for event in [*events[: cut + 1], *again]:
        fold(view, event)
    assert view.count(ActionState.COMPLETED) == 4
    assert view.count(ActionState.SKIPPED) == 1
    assert view.count(ActionState.PENDING) == 0
    assert view.ended_as == "agent_completed"
    assert view.root.ended == 3


async def test_a_further_attempt_of_a_nested_run_is_told_anew() -> None:
    tools = Tools(
        nested_specs={"x": spec_of([act("n0"), act("n1", "n0", parameters={"error": "no"})])}
    )
    plan = [act("ag", type="agent", target="x", retry={"max_attempts": 2, "delay_seconds": 1})]
    events = await run(spec_of(plan, tools))
    view = RunView()
    for event in events:
        fold(view, event)
    starts = [e for e in events if isinstance(e, ActionStarted) and e.action_id == "n0"]
    assert len(starts) == 2
    assert view.scopes["ag",].ended == 2
