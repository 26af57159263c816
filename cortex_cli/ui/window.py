"""Which actions of many are shown: what runs, what failed, what comes next; pure."""

from collections.abc import Iterable
from itertools import chain, islice

from cortex_cli.kinds import ActionState
from cortex_cli.ui.rows import Row
from cortex_cli.ui.run_view import RunView


def window(view: RunView, height: int) -> list[Row]:
    """At most `height` rows in the order of the tree; all of them if they fit.

    Room goes to what runs, then to a few of the last failures, of what comes next and of what
    completed last, then to more of each. Looks at few more rows than it returns.
    """
    few = max(1, height // 4)
    running, failed = view.rows[ActionState.RUNNING], view.rows[ActionState.FAILED]
    queued, pending = view.rows[ActionState.QUEUED], view.rows[ActionState.PENDING]
    completed = view.rows[ActionState.COMPLETED]
    kept_free = min(few, len(failed)) + min(1, len(queued) + len(pending))
    chosen: dict[int, Row] = {}

    def take(rows: Iterable[Row], most: int = height) -> None:
        for row in islice(rows, most):
            if len(chosen) < height:
                chosen[row.number] = row

    take(running.values(), max(1, height - kept_free))
    take(reversed(failed.values()), few)
    take(chain(queued.values(), pending.values()), few)
    take(reversed(completed.values()), few)
    take(running.values())
    take(chain(queued.values(), pending.values()))
    take(reversed(completed.values()))
    take(reversed(failed.values()))
    take(reversed(view.rows[ActionState.SKIPPED].values()))
    take(reversed(view.rows[ActionState.CANCELLED].values()))
    return sorted(chosen.values(), key=lambda row: row.order)
