"""What there is to say of a run that is over: computed from the view, before any of it is drawn."""

from collections import defaultdict
from dataclasses import dataclass

from cortex_cli.events import Usage
from cortex_cli.kinds import ActionState
from cortex_cli.report import PlanEstimate
from cortex_cli.ui.rows import Row
from cortex_cli.ui.run_view import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run in retrospect; `rows` are all actions in the order of the tree.

    `cached` is how many of them took their output from the cache.
    `estimate` is None where there is nothing to compare with: no plan, or several iterations.
    `is_bounded` says that the estimate comes from timeouts. `chain` is what the run's time was made
    of: the action that ended last, before it the one that it waited for longest, and so on, in
    the order in which they ran. `reasons` groups the labels of skipped and cancelled actions.
    """

    seconds: float
    counts: dict[ActionState, int]
    rows: list[Row]
    cached: int
    chain: list[Row]
    failed: list[Row]
    reasons: dict[tuple[ActionState, str], list[str]]
    estimate: PlanEstimate | None
    is_bounded: bool
    usage: Usage | None
    cost: float | None


def outcome(view: RunView) -> Outcome:
    """Look back at a run, or at as much of it as there is; costs a sort of all actions."""
    rows = view.in_order()
    reasons: dict[tuple[ActionState, str], list[str]] = defaultdict(list)
    for row in rows:
        if row.state in {ActionState.SKIPPED, ActionState.CANCELLED}:
            reasons[row.state, row.reason].append(row.label)
    end, scope = view.end, view.root
    is_comparable = scope.estimate is not None and scope.iteration == 1 and scope.ended > 0
    return Outcome(
        seconds=end.duration if end else view.elapsed(view.latest),
        counts={state: count for state in ActionState if (count := view.count(state))},
        rows=rows,
        cached=sum(row.cached for row in rows),
        chain=_chain(view),
        failed=[row for row in rows if row.state is ActionState.FAILED],
        reasons=dict(reasons),
        estimate=scope.estimate if is_comparable else None,
        is_bounded=scope.bounded > 0,
        usage=end.usage if end and end.usage != Usage() else None,
        cost=end.cost if end else None,
    )


def _chain(view: RunView) -> list[Row]:
    ran = [
        row
        for row in view.root.rows.values()
        if row.started_at is not None and row.ended_at is not None and not row.is_detached
    ]
    chain: list[Row] = []
    last = max(ran, key=lambda row: row.ended_at or 0.0, default=None)
    while last is not None and last.started_at is not None and last not in chain:
        chain.append(last)
        last = last.released_by()
    return chain[::-1]
