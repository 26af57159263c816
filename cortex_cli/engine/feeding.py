"""Fetching the feeds of a loop whose plans a model writes: before it is asked, what is too old."""

from collections.abc import Callable, Sequence
from typing import Protocol

from cortex_cli.engine.ledger import ActionRecord, Ledger
from cortex_cli.engine.loop import Loop
from cortex_cli.engine.timers import Alarm, Timers
from cortex_cli.events import PlanExtended, PlanExtendedData
from cortex_cli.kinds import OnFailure
from cortex_cli.plan.check import check_plan
from cortex_cli.plan.describe import Outlook, work_out
from cortex_cli.plan.estimate import estimate
from cortex_cli.plan.provided import Names
from cortex_cli.plan.states import Item
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.fetch import Fetch


class Host(Protocol):
    """The groups of the run, which the fetches join."""

    def record(self, actions: Sequence[Action], ledger: Ledger) -> list[ActionRecord]:
        """The records of actions that join a plan."""
        ...

    def extend(self, group: int, items: Sequence[Item], records: Sequence[ActionRecord]) -> None:
        """Have them join it."""
        ...


def feed_first(
    loop: Loop, host: Host, timers: Timers, now: float, then: Callable[[], None]
) -> bool:
    """Whether feeds are due: then they join the plan, and `then` is called once they have ended.

    Each is fetched once an iteration at most. One that fails has no value, and fails nothing.
    """
    ledger, planning = loop.ledger, loop.planning
    assert planning is not None, "a plan that is written down holds its fetches"
    due = [one for one in ledger.fed.due(loop.spec.feeds, now) if one.feed not in planning.fed]
    if not due:
        return False
    planning.fed |= {one.feed for one in due}
    outlook = _worked_out(loop, [_as_of(one, planning.iteration) for one in due])
    report = outlook.report
    data = PlanExtendedData(actions=report.actions, edges=report.edges, complete=False)
    ledger.emit(PlanExtended, data)
    records = host.record(outlook.graph.actions, ledger)

    def look() -> None:
        if all(record.is_ended for record in records) and ledger.fed.watcher is not None:
            ledger.fed.watcher = None
            # Not at once: what has just ended is to be written down before a prompt tells of it.
            planning.timer = timers.after(0.0, then, loop.alarm(Alarm.PLAN))

    ledger.fed.watcher = look
    items = [
        Item(record.traits, [(records[n].number, kind) for n, kind in parents.items()], tail)
        for record, parents, tail in zip(records, outlook.graph.parents, outlook.tails, strict=True)
    ]
    host.extend(loop.group, items, records)
    look()
    return True


def _as_of(feed: Fetch, iteration: int) -> Fetch:
    """A fetch with an id of its own in each iteration, the same in a run that goes on."""
    changes: dict[str, object] = {"on_failure": OnFailure.CONTINUE}
    if iteration > 1:
        changes["id"] = f"{feed.feed}_{iteration}"
    return feed.model_copy(update=changes)


def _worked_out(loop: Loop, fetches: Sequence[Fetch]) -> Outlook:
    context = loop.ledger.context
    names = Names(env=frozenset(context.variables), known=context.keys)
    # What is wrong with feeds is told when the manifest is opened; a missing name is null.
    graph, _ = check_plan(fetches, names)
    estimates = [estimate(action, {}) for action in graph.actions]
    return work_out(graph, estimates, loop.spec.protocol.slots, passes=0)
